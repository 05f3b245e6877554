/**
 * Measures Tasker beside the bare pipeline, in one run and in turns, so that both see the same machine. Prints a table and
 * writes `bench/results/latest.json`. Figures of different runs do not compare; the ratios do.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runBarePipeline } from "./bare/pipeline.ts";
import { type Measurement, stepsPerSecond } from "./measurement.ts";
import { type Scenario, scenarios } from "./scenarios.ts";
import { runTasker } from "./tasker/pipeline.ts";

interface Row {
  readonly scenario: Scenario;
  readonly bare: Measurement;
  readonly tasker: Measurement;
  /** Throughput: Tasker's share of the bare pipeline's. Latency: how many times the bare pipeline's p50. */
  readonly ratio: number;
}

const { values } = parseArgs({ options: { scenario: { type: "string" }, rounds: { type: "string", default: "3" } } });
const chosen = scenarios.filter(({ name }) => values.scenario === undefined || name === values.scenario);
if (chosen.length === 0) {
  console.error(`no scenario is named ${values.scenario}; there are ${scenarios.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const rows: Row[] = [];
for (const scenario of chosen) rows.push(await measure(scenario, Number(values.rounds)));
print(rows);
save(rows);
process.exit(0);

/** The median of some rounds, bare pipeline and Tasker in turns. */
async function measure(scenario: Scenario, rounds: number): Promise<Row> {
  const pairs: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    const bare = await runBarePipeline(scenario);
    const tasker = await runTasker(scenario);
    pairs.push({ scenario, bare, tasker, ratio: ratioOf(scenario, bare, tasker) });
  }
  pairs.sort((a, b) => a.ratio - b.ratio);
  return pairs[Math.floor(pairs.length / 2)]!;
}

function ratioOf(scenario: Scenario, bare: Measurement, tasker: Measurement): number {
  return scenario.measures === "latency"
    ? tasker.taskMs.p50 / bare.taskMs.p50
    : stepsPerSecond(tasker) / stepsPerSecond(bare);
}

function print(results: readonly Row[]): void {
  console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.version}\n`);
  const head = ["scenario", "", "steps/s", "task p50 ms", "p90", "p99", "max", "CPU us/step", "ratio"];
  const lines = [head];
  for (const { scenario, bare, tasker, ratio } of results) {
    lines.push(line(scenario.name, "bare pipeline", bare, ""), line("", "tasker", tasker, ratio.toFixed(2)));
  }
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]!.length)));
  for (const cells of lines)
    console.log(cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "));
  console.log(
    "\nratio: throughput of the bare pipeline that is left (higher is better); for chain-latency, times its p50 (lower is better)",
  );
}

function line(name: string, system: string, m: Measurement, ratio: string): string[] {
  const { p50, p90, p99, max } = m.taskMs;
  const ms = [p50, p90, p99, max].map((value) => value.toFixed(1));
  return [name, system, Math.round(stepsPerSecond(m)).toString(), ...ms, m.cpuMicrosPerStep.toFixed(1), ratio];
}

function save(results: readonly Row[]): void {
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version };
  writeFileSync(
    join(folder, "latest.json"),
    `${JSON.stringify({ at: new Date().toISOString(), machine, results }, null, 2)}\n`,
  );
}
