/**
 * The command behind `make simulate-mutations`: how many seeds the simulation needs to find each deliberate bug, and which
 * invariant catches it. ONLY=text picks mutations by name, SEEDS is the limit, WRITE=1 puts the table into the docs.
 * Exits 1 when one is not found.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./mutant.ts";
import { type Mutation, mutations } from "./mutations.ts";

const page = join(import.meta.dirname, "../docs/internals/simulation.md");
const [tableBegins, tableEnds] = ["<!-- mutations: make simulate-mutations WRITE=1 -->", "<!-- /mutations -->"];
const minutesEach = 30;

const { ONLY = "", SEEDS = "10000", WRITE } = process.env;
const rows: string[] = ["| mutation | seeds | caught by |", "| --- | ---: | --- |"];
let missed = 0;
for (const mutation of mutations) {
  if (!mutation.name.includes(ONLY)) continue;
  const finding = runMutant(mutation);
  if (finding.seeds === null) missed++;
  const name = mutation.wasReal ? `${mutation.name} (was real)` : mutation.name;
  rows.push(`| ${name} | ${finding.seeds ?? "not found"} | ${finding.invariant ?? ""} |`);
  console.log(rows.at(-1));
}
if (WRITE) writeTable();
console.log(missed === 0 ? "every mutation was found" : `${missed} mutations were not found in ${SEEDS} seeds`);
process.exit(missed === 0 ? 0 : 1);

function runMutant({ name }: Mutation): Finding {
  const flags = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "mutant.ts")];
  const child = spawnSync(process.execPath, [...flags, name, SEEDS], {
    encoding: "utf8",
    timeout: minutesEach * 60_000,
  });
  if (child.status === 0) return JSON.parse(child.stdout) as Finding;
  console.error(child.stderr);
  throw new Error(`the run with mutation ${JSON.stringify(name)} ended with ${child.status ?? child.signal}`);
}

function writeTable(): void {
  const [before, rest] = readFileSync(page, "utf8").split(tableBegins);
  const [, after] = (rest ?? "").split(tableEnds);
  if (after === undefined) throw new Error(`${page} has no place for the table`);
  writeFileSync(page, `${before}${tableBegins}\n${rows.join("\n")}\n${tableEnds}${after}`);
}
