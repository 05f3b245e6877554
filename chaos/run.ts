/**
 * `make chaos`: every case at least once, then again until MINUTES are over (default 3; from 10 on, with longer faults).
 * FAULT=n only that one; SEED=n other choices; AT_ONCE=n worlds side by side (default 4). Prints the report and leaves it
 * in chaos/results/ as JSON and Markdown. Exit code 1 when a promise is broken.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SeededRandom } from "@tasker/testkit";
import { allCases } from "./cases/all.ts";
import { asMarkdown, asText, makeReport, verdict } from "./report.ts";
import { type CaseResult, runCase } from "./run-case.ts";
import type { Case, Scale } from "./scene.ts";
import { buildWorkers, languagesMissing } from "./workers.ts";

const minutes = number("MINUTES", 3);
const seed = number("SEED", Date.now() % 1_000_000);
const only = number("FAULT", 0);
const atOnce = number("AT_ONCE", 4);
const scale: Scale = minutes >= 10 ? "long" : "short";

const cases = allCases.filter((chaosCase) => only === 0 || chaosCase.number === only);
if (cases.length === 0) {
  console.error(
    `no case has the number ${only}; there are ${allCases.map((chaosCase) => chaosCase.number).join(", ")}`,
  );
  process.exit(2);
}

const results: CaseResult[] = [];
const next = endlessly(cases);
for (const text of languagesMissing()) console.log(`without workers in ${text}`);
buildWorkers();
const began = performance.now();
const secondsSoFar = () => (performance.now() - began) / 1000;
console.log(`chaos: ${cases.length} cases, ${minutes} minutes, seed ${seed}, ${atOnce} at once`);
await Promise.all(Array.from({ length: atOnce }, keepRunning));

const startsMs = results.flatMap((result) => result.startsMs);
const report = makeReport(cases, results, { seconds: secondsSoFar(), seed, startsMs });
const folder = join(import.meta.dirname, "results");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "chaos.json"), `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(join(folder, "chaos.md"), asMarkdown(report));
console.log(`\n${asText(report)}`);
process.exit(report.held ? 0 : 1);

async function keepRunning(): Promise<void> {
  for (;;) {
    const { value, isFirst } = next();
    if (!isFirst && secondsSoFar() > minutes * 60) return;
    const result = await runCase(value, scale, seed + results.length);
    results.push(result);
    const took = `${result.seconds.toFixed(0)} s`;
    console.log(`${secondsSoFar().toFixed(0).padStart(5)} s  fault ${result.number}: ${verdict(result)} (${took})`);
    for (const text of result.broken) console.log(`         ${text}`);
  }
}

/** Once in order, then again and again in an order that the seed decides. */
function endlessly(list: readonly Case[]): () => { readonly value: Case; readonly isFirst: boolean } {
  const random = new SeededRandom(seed);
  let given = 0;
  let round = [...list];
  return () => {
    if (round.length === 0) round = list.toSorted(() => random.uniform() - 0.5);
    return { value: round.shift()!, isFirst: given++ < list.length };
  };
}

function number(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  console.error(`${name} has to be a number, not ${text}`);
  process.exit(2);
}
