/**
 * `make bench-languages`: one worker process of each language on the same orchestrator, in turns, round after round, so that all
 * see the same machine. Prints the medians and writes `bench/results/languages.json`. Figures of different runs do not compare;
 * the ratios do.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { languages } from "../../scripts/languages/all.ts";
import type { Command } from "../../scripts/languages/language.ts";
import { median } from "../measurement.ts";
import { machineLine, thisMachine } from "../report/report.ts";
import type { Scenario } from "../scenarios.ts";
import type { LanguageMeasurement, LanguageOrder } from "./run-one.ts";
import { languageScenarios } from "./scenarios.ts";

/** What the four SDKs should be within of each other. */
const targetRatio = 2;

interface Row {
  readonly language: string;
  readonly stepsPerSecond: number;
  /** How many times slower than the fastest: the median of the rounds' ratios. */
  readonly ratio: number;
  readonly rounds: readonly LanguageMeasurement[];
}

const { values: flags } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const rounds = Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`--rounds ${flags.rounds}: expected a whole number from 1 on`);
  process.exit(2);
}

const commands = new Map<string, Command>();
for (const language of languages.filter(({ name }) => existsSync(join(import.meta.dirname, name)))) {
  const missing = language.missing();
  if (missing === undefined) {
    commands.set(language.name, language.command(`bench/languages/${language.name}/worker`));
  } else {
    console.error(`SKIPPED: ${language.name}: ${missing}`);
    if (process.env.CI === "true") process.exit(1);
  }
}
const tables: { scenario: Scenario; rows: Row[] }[] = [];
for (const scenario of languageScenarios) {
  tables.push({ scenario, rows: await measureAll(scenario) });
  print(scenario, tables.at(-1)!.rows);
}
console.log(machineLine(thisMachine()));
save();

async function measureAll(scenario: Scenario): Promise<Row[]> {
  const measured = new Map<string, LanguageMeasurement[]>([...commands.keys()].map((name) => [name, []]));
  const order = [...commands];
  for (let round = 0; round < rounds; round++) {
    // Another one goes first in every round: what a machine does slowly favours none of them.
    order.push(order.shift()!);
    for (const [name, command] of order) measured.get(name)!.push(await runOne({ command, scenario }));
  }
  const fastest = Array.from({ length: rounds }, (_, round) =>
    Math.max(...[...measured.values()].map((all) => speed(all[round]!))),
  );
  return [...measured].map(([language, all]) => ({
    language,
    stepsPerSecond: median(all.map(speed)),
    ratio: median(all.map((one, round) => fastest[round]! / speed(one))),
    rounds: all,
  }));
}

async function runOne(order: LanguageOrder): Promise<LanguageMeasurement> {
  const child = fork(join(import.meta.dirname, "run-one.ts"));
  child.send(order);
  const [answer] = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (typeof answer !== "object" || answer === null) {
    throw new Error(`${order.scenario.name}: ${order.command.command} ended with ${answer}`);
  }
  await once(child, "exit");
  return answer as LanguageMeasurement;
}

function speed({ steps, seconds }: LanguageMeasurement): number {
  return steps / seconds;
}

function print({ name, slots }: Scenario, rows: readonly Row[]): void {
  console.log(`\n${name} steps, one worker process with ${slots} slots, medians of ${rounds} rounds`);
  const of = (row: Row, figure: (one: LanguageMeasurement) => number) => median(row.rounds.map(figure));
  console.log("language     steps/s  times slower  task p50 ms  worker CPU us/step  worker peak MB");
  for (const row of rows) {
    const cells = [
      row.language.padEnd(10),
      row.stepsPerSecond.toFixed(0).padStart(9),
      row.ratio.toFixed(2).padStart(13),
      of(row, ({ taskP50Ms }) => taskP50Ms)
        .toFixed(1)
        .padStart(12),
      of(row, ({ workerCpuMicrosPerStep }) => workerCpuMicrosPerStep)
        .toFixed(1)
        .padStart(19),
      (of(row, ({ workerPeakRssBytes }) => workerPeakRssBytes) / 2 ** 20).toFixed(0).padStart(15),
    ];
    console.log(cells.join(" "));
  }
  const slow = rows.filter(({ ratio }) => ratio > targetRatio).map(({ language }) => language);
  console.log(slow.length === 0 ? `all within ${targetRatio}x` : `beyond ${targetRatio}x: ${slow.join(", ")}`);
}

function save(): void {
  const folder = join(import.meta.dirname, "../results");
  mkdirSync(folder, { recursive: true });
  const report = { at: new Date().toISOString(), machine: thisMachine(), rounds, tables };
  writeFileSync(join(folder, "languages.json"), `${JSON.stringify(report, null, 2)}\n`);
}
