/**
 * `make conformance`: the kit against every worker that there is, and against those that are wrong on purpose. Prints what
 * failed and a table; exits 1 when a worker fails, or a wrong one is not found out for what is wrong with it. With
 * arguments only the workers of these names; `wrong` means all wrong ones.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { countOf, outcomeText, type Protocol, type Report, runConformance } from "@tasker/conformance";
import { checkWrong, type Verdict } from "../conformance/wrong-workers/check-wrong.ts";
import { wrongs } from "../conformance/wrong-workers/wrongs/index.ts";
import { languages } from "./languages/all.ts";
import { type Language, root } from "./languages/language.ts";

interface Subject {
  readonly name: string;
  readonly protocol: Protocol;
  /** Every optional case too. */
  readonly all: boolean;
  /** What starts it; built first, where it has to be. */
  command(): readonly string[];
  /** Why it cannot run here; undefined when it can. */
  missing(): string | undefined;
}

const tasker = [process.execPath, join(root, "apps/cli/bin/tasker.js")];
const wrongAtOnce = 3;
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
const named = process.argv.slice(2);
const isMeant = (name: string) => named.length === 0 || named.includes(name);

const rows: string[] = [];
let failures = 0;
let skipped = 0;
for (const subject of subjects().filter(({ name }) => isMeant(name))) await checkRight(subject);
const chosen = wrongs.filter(({ name }) => isMeant(name) || named.includes("wrong"));
if (chosen.length > 0) await checkWrongs();
console.log(`\n${rows.join("\n")}`);
const strict = process.env.CI === "true" && skipped > 0;
if (strict) console.error(`${skipped} skipped: in CI every worker has to run`);
process.exit(interrupted.signal.aborted ? 130 : failures > 0 || strict ? 1 : 0);

function subjects(): Subject[] {
  const node = (file: string) => ({ command: () => [process.execPath, join(root, file)], missing: () => undefined });
  const sdks = languages
    .filter(({ name }) => existsSync(join(root, "workers", name, "conformance")))
    .map((language) => subjectOf(language, `workers/${language.name}/conformance/worker`, true));
  const fifth = languages
    .filter(({ name }) => existsSync(join(root, "examples/fifth-worker", name)))
    .map((language) => subjectOf(language, `examples/fifth-worker/${language.name}`, false));
  const fixtures: Subject[] = [
    {
      name: "raw",
      protocol: "2.0",
      all: false,
      ...node("conformance/wrong-workers/worker.ts"),
    },
    {
      name: "plain",
      protocol: "1.0",
      all: false,
      ...node("conformance/plain-worker/worker.ts"),
    },
  ];
  return [...sdks, ...fifth, ...fixtures];
}

function subjectOf(language: Language, program: string, all: boolean): Subject {
  const startOf = () => {
    const { command, args } = language.command(program);
    return [command, ...args];
  };
  return { name: language.name, protocol: "2.0", all, command: startOf, missing: () => language.missing() };
}

async function checkRight(subject: Subject): Promise<void> {
  const { name, protocol, all } = subject;
  const missing = subject.missing();
  if (missing !== undefined) {
    console.error(`\n!! SKIPPED: ${name}: ${missing}\n`);
    rows.push(`${pad(name)} ${protocol}   skipped: ${missing}`);
    skipped++;
    return;
  }
  const command = subject.command();
  console.log(`\n\u2014\u2014 ${name}, protocol ${protocol}: ${command.join(" ")}`);
  const { signal } = interrupted;
  const report = await runConformance({
    tasker,
    worker: command,
    protocol,
    names: [],
    signal,
    onOutcome: (outcome) => {
      if (outcome.status !== "passed") console.log(outcomeText(outcome).trimEnd());
    },
  });
  const failed = countOf(report, "failed") + (all ? countOf(report, "not_offered") : 0);
  failures += failed;
  rows.push(`${pad(name)} ${protocol}   ${failed === 0 ? "passes" : "FAILS "}   ${counts(report)}`);
  console.log(counts(report));
}

function counts(report: Report): string {
  const [passed, failed, missing] = (["passed", "failed", "not_offered"] as const).map((one) => countOf(report, one));
  const notOffered = missing === 0 ? "" : `, ${missing} not offered`;
  return `${passed} passed, ${failed} failed${notOffered}, ${(report.tookMs / 1000).toFixed(0)} s`;
}

async function checkWrongs(): Promise<void> {
  console.log(`\n\u2014\u2014 ${chosen.length} workers that are wrong in one thing each`);
  const verdicts: Verdict[] = [];
  let next = 0;
  const lane = async () => {
    while (next < chosen.length && !interrupted.signal.aborted) {
      const verdict = await checkWrong(chosen[next++]!, tasker, interrupted.signal);
      verdicts.push(verdict);
      console.log(verdictText(verdict));
    }
  };
  await Promise.all(Array.from({ length: wrongAtOnce }, lane));
  const mistaken = verdicts.filter(({ mistakes }) => mistakes.length > 0);
  failures += mistaken.length;
  const found = `${verdicts.length - mistaken.length} of ${chosen.length} found out, each for what is wrong with it`;
  rows.push(`${pad("wrong workers")} 2.0   ${mistaken.length === 0 ? "passes" : "FAILS "}   ${found}`);
}

function verdictText({ wrong, mistakes, failed }: Verdict): string {
  const [first] = failed;
  const seen = first === undefined ? "nothing failed" : `${first.name}: expected ${first.failure?.expected}`;
  const mark = mistakes.length === 0 ? "ok  " : "FAIL";
  const lines = [`${mark} ${wrong.name} (${wrong.breaks}: ${wrong.wrongness})`, `       ${seen.slice(0, 160)}`];
  for (const mistake of mistakes) lines.push(`       MISTAKE: ${mistake}`);
  if (mistakes.length > 0) lines.push(...failed.map((outcome) => outcomeText(outcome).trimEnd()));
  return lines.join("\n");
}

function pad(name: string): string {
  return name.padEnd(14);
}
