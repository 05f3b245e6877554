/**
 * `make bench`: Tasker beside the bare pipeline, in one run and in turns, so that both see the same machine. Prints a table
 * and writes `bench/results/`. Figures of different runs do not compare; the ratios do.
 */
import { parseArgs } from "node:util";
import { type Measurement, median, ratioOf } from "./measurement.ts";
import { measurePending, type Pending } from "./pending.ts";
import { writePage } from "./report/page.ts";
import { type Report, type Row, type ScaleRow, saveReport, thisMachine } from "./report/report.ts";
import { printPending, printReport, printRow, printScale } from "./report/table.ts";
import { type Scale, type Scenario, scales, scenarios } from "./scenarios.ts";
import { storeNames } from "./stores.ts";
import { type Pair, runOne, runPair } from "./turns.ts";

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
const pendingName = "scaling-pending";
const names = [...scenarios, ...scales].map(({ name }) => name).concat(pendingName);
if (!names.some((name) => name.startsWith(flags.scenario))) {
  fail(`no scenario begins with ${flags.scenario}; there are ${names.join(", ")}`);
}
if (flags.docs && !["", "scaling", "tuning"].includes(flags.scenario)) {
  fail("--docs needs a whole set: all scenarios, or `--scenario scaling`, or `--scenario tuning`");
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
const pending: Pending[] = [];
if (pendingName.startsWith(flags.scenario) && flags.scenario !== "") {
  for (const contextBytes of [100, 1_000]) pending.push(await measurePending(100_000, contextBytes));
  printPending(pending);
}
const report: Report = {
  at: new Date().toISOString(),
  machine: thisMachine(),
  store: flags.store,
  rounds,
  rows,
  scaleRows,
  pending,
};
printReport(report, (performance.now() - began) / 1000);
saveReport(report);
if (flags.docs) writePage(report);

/** Some rounds, bare pipeline and Tasker in turns; the row is the round with the median ratio. */
async function measure(scenario: Scenario): Promise<Row> {
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds; round++) pairs.push(await runPair(round, scenario, flags.store));
  const ratios = pairs.map(({ bare, tasker }) => ratioOf(scenario, bare, tasker));
  const ratio = median(ratios);
  const http = scenario.load.kind === "submit" ? await runOne("http", scenario, flags.store) : null;
  return { ...pairs[ratios.indexOf(ratio)]!, http, scenario, ratio, ratios };
}

/** All points of a scale, round after round. */
async function measureScale(scale: Scale): Promise<ScaleRow> {
  const measured: Measurement[][] = scale.points.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { scenario }] of scale.points.entries())
      measured[index]!.push(await runOne("tasker", scenario, flags.store));
  }
  return { scale, measured };
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
