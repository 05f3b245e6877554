/**
 * `make bench`: Tasker beside the bare pipeline, in one run and in turns, so that both see the same machine. Prints a table
 * and writes `bench/results/`. Figures of different runs do not compare; the ratios do.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Measurement, median, ratioOf } from "./measurement.ts";
import { writePage } from "./report/page.ts";
import { type Report, type Row, type ScaleRow, saveReport, thisMachine } from "./report/report.ts";
import { printReport, printRow, printScale } from "./report/table.ts";
import type { Order, SystemName } from "./run-one.ts";
import { type Scale, type Scenario, scales, scenarios } from "./scenarios.ts";
import { storeNames } from "./stores.ts";

const { values: flags } = parseArgs({
  options: {
    scenario: { type: "string", default: "" },
    rounds: { type: "string", default: "3" },
    store: { type: "string", default: "sqlite" },
    /** Writes the figures into docs/benchmarks.md. */
    docs: { type: "boolean", default: false },
  },
});
const rounds = Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds ${flags.rounds}: expected a whole number from 1 on`);
if (!storeNames.includes(flags.store)) fail(`--store ${flags.store}: expected one of ${storeNames.join(", ")}`);

/** A prefix of names; without one all but the scaling set, which takes longer. */
const chosen = scenarios.filter(({ name }) => name.startsWith(flags.scenario));
const chosenScales = flags.scenario === "" ? [] : scales.filter(({ name }) => name.startsWith(flags.scenario));
if (chosen.length + chosenScales.length === 0) {
  fail(
    `no scenario begins with ${flags.scenario}; there are ${[...scenarios, ...scales].map(({ name }) => name).join(", ")}`,
  );
}
if (flags.docs && chosen.length < scenarios.length && chosenScales.length < scales.length) {
  fail("--docs needs a whole set: run all scenarios, or `--scenario scaling`");
}

const began = performance.now();
const rows: Row[] = [];
for (const scenario of chosen) {
  rows.push(await measure(scenario));
  printRow(rows.at(-1)!);
}
const scaleRows: ScaleRow[] = [];
for (const scale of chosenScales) {
  scaleRows.push(await measureScale(scale));
  printScale(scaleRows.at(-1)!);
}
const report: Report = {
  at: new Date().toISOString(),
  machine: thisMachine(),
  store: flags.store,
  rounds,
  rows,
  scaleRows,
};
printReport(report, (performance.now() - began) / 1000);
saveReport(report);
if (flags.docs) writePage(report);

/** Some rounds, bare pipeline and Tasker in turns; the row is the round with the median ratio. */
async function measure(scenario: Scenario): Promise<Row> {
  const pairs: Row[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { bare, tasker } = await inTurns(round, {
      bare: () => runOne("bare", scenario),
      tasker: () => runOne("tasker", scenario),
    });
    ratios.push(ratioOf(scenario, bare, tasker));
    pairs.push({ scenario, bare, tasker, ratio: ratios.at(-1)!, ratios });
  }
  const middle = median(ratios);
  return pairs.find(({ ratio }) => ratio === middle)!;
}

/** Every round the other one first: what a machine does slowly does not favour one of them. */
async function inTurns<T>(round: number, runs: Record<"bare" | "tasker", () => Promise<T>>) {
  if (round % 2 === 0) {
    const bare = await runs.bare();
    return { bare, tasker: await runs.tasker() };
  }
  const tasker = await runs.tasker();
  return { bare: await runs.bare(), tasker };
}

/** All points of a scale, round after round. */
async function measureScale(scale: Scale): Promise<ScaleRow> {
  const measured: Measurement[][] = scale.points.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { scenario }] of scale.points.entries()) measured[index]!.push(await runOne("tasker", scenario));
  }
  return { scale, measured };
}

async function runOne(system: SystemName, scenario: Scenario): Promise<Measurement> {
  const child = fork(join(import.meta.dirname, "run-one.ts"), {
    execArgv: [...process.execArgv, "--max-old-space-size=8192"],
  });
  const order: Order = { system, scenario, store: flags.store };
  child.send(order);
  const answer = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (typeof answer[0] !== "object" || answer[0] === null)
    fail(`${system}, ${scenario.name}: the run ended with ${answer[0]}`);
  await once(child, "exit");
  return answer[0] as Measurement;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
