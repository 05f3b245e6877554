/** The figures as text: a row a system, columns that line up; the same cells for the terminal and for the page. */
import { cpuMicrosPerStep, type Measurement, measures, median, ratioOf, stepsPerSecond } from "../measurement.ts";
import type { Pending } from "../pending.ts";
import type { Scale } from "../scenarios.ts";
import { machineLine, type Report, type Row, type ScaleRow } from "./report.ts";

const rowColumns = [
  { head: "scenario", width: 20 },
  { head: "system", width: 6 },
  { head: "steps/s", width: 8 },
  { head: "p50 ms", width: 8 },
  { head: "p90", width: 8 },
  { head: "p99", width: 8 },
  { head: "max", width: 8 },
  { head: "step p50", width: 8 },
  { head: "CPU us/step", width: 11 },
  { head: "worker", width: 6 },
  { head: "peak MB", width: 7 },
  { head: "worker", width: 6 },
  { head: "bytes/step", width: 10 },
  { head: "ratio", width: 18 },
] as const;

export const rowHeads = rowColumns.map(({ head }) => head);

let printedHead = false;

export function printRow(row: Row): void {
  if (!printedHead) console.log(line(rowHeads));
  printedHead = true;
  for (const cells of rowCells(row)) console.log(line(cells));
}

/** The bare pipeline, Tasker with the ratio and its range over the rounds, and where it is only submitted, that over HTTP. */
export function rowCells(row: Row): string[][] {
  const { scenario, bare, tasker, http, ratio, ratios } = row;
  const range = `${ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})`;
  const text = measures(scenario) === "latency" ? `p50 x ${range}` : range;
  const overHttp = http === null ? [] : [["", "http", ...cells(http), ratioOf(scenario, bare, http).toFixed(2)]];
  return [[scenario.name, "bare", ...cells(bare), ""], ["", "tasker", ...cells(tasker), text], ...overHttp];
}

function cells(m: Measurement): string[] {
  const { p50, p90, p99, max } = m.taskMs;
  return [
    whole(stepsPerSecond(m)),
    ...[p50, p90, p99, max].map(ms),
    m.stepMs === null ? "" : ms(m.stepMs.p50),
    m.orchestrator.cpuMicrosPerStep.toFixed(1),
    m.worker.cpuMicrosPerStep.toFixed(1),
    megabytes(m.orchestrator.peakRssBytes),
    megabytes(m.worker.peakRssBytes),
    m.orchestrator.bytesWrittenPerStep === null ? "?" : whole(m.orchestrator.bytesWrittenPerStep),
  ];
}

export const scaleHeads = [
  "",
  "steps/s",
  "p50 ms",
  "p99 ms",
  "CPU us/step",
  "bytes/step",
  "peak MB",
  "x the first",
] as const;
const scaleWidths = [46, 8, 8, 8, 11, 10, 7, 11];

export function printScale(row: ScaleRow): void {
  console.log(`\n${row.scale.name}: ${expectation(row.scale)}`);
  const all = [[...scaleHeads], ...scaleCells(row)];
  for (const cells of all) console.log(cells.map((cell, i) => pad(cell, scaleWidths[i]!, i === 0)).join("  "));
}

export function expectation({ expects }: Scale): string {
  if (expects === "flat") return "cost per step, at most 1.2x the first";
  return expects === "linear" ? "throughput per slot, at least 0.9x the first" : "throughput, relative to the first";
}

/** One row a point, each figure the median of its rounds. The comparison is made round by round. */
export function scaleCells({ scale, measured }: ScaleRow): string[][] {
  return scale.points.map(({ label }, index) => {
    const rounds = measured[index]!;
    const of = (figure: (m: Measurement) => number) => median(rounds.map(figure));
    return [
      label,
      whole(of(stepsPerSecond)),
      ms(of(({ taskMs }) => taskMs.p50)),
      ms(of(({ taskMs }) => taskMs.p99)),
      of(cpuMicrosPerStep).toFixed(1),
      whole(of(({ orchestrator }) => orchestrator.bytesWrittenPerStep ?? Number.NaN)),
      megabytes(of(({ orchestrator }) => orchestrator.peakRssBytes)),
      scaleRatio(scale, measured, index).toFixed(2),
    ];
  });
}

function scaleRatio(scale: Scale, measured: ScaleRow["measured"], index: number): number {
  const slots = (point: number) => {
    const { scenario } = scale.points[point]!;
    return scale.expects === "linear" ? scenario.slots * scenario.workers : 1;
  };
  return median(
    measured[index]!.map((m, round) => {
      const first = measured[0]![round]!;
      if (scale.expects === "flat") return cpuMicrosPerStep(m) / cpuMicrosPerStep(first);
      return stepsPerSecond(m) / slots(index) / (stepsPerSecond(first) / slots(0));
    }),
  );
}

export const pendingHeads = ["tasks that wait", "context", "submitted in", "peak MB", "start-up s", "peak MB after it"];

export function pendingCells(pending: readonly Pending[]): string[][] {
  return pending.map((p) => [
    `${whole(p.tasks)}, ${p.stepsPerTask} steps each`,
    `${whole(p.contextBytes)} bytes`,
    `${p.submitSeconds.toFixed(1)} s`,
    megabytes(p.peakBytes),
    p.startSeconds.toFixed(1),
    megabytes(p.peakBytesAfterStart),
  ]);
}

export function printPending(pending: readonly Pending[]): void {
  console.log("\nscaling-pending: memory below 512 MB, start-up within 10 s");
  for (const cells of [pendingHeads, ...pendingCells(pending)]) {
    console.log(cells.map((cell, i) => pad(cell, i === 0 ? 28 : 16, i === 0)).join("  "));
  }
}

export function printReport({ machine, store, rounds, rows }: Report, seconds: number): void {
  console.log(`\n${machineLine(machine)}; store ${store}; ${rounds} rounds in turns; ${Math.round(seconds)} s`);
  if (rows.length === 0) return;
  console.log(legend.join("\n"));
}

export const legend = [
  "ratio: Tasker's share of the bare pipeline's throughput (more is better), or how many times its p50 (less is better);",
  "the round with the median ratio, and the range of the rounds. p50 to max: milliseconds of whole tasks; of calls in submit-*,",
  "where steps are tasks, and http is the same over HTTP to `tasker server`.",
];

function line(cells: readonly string[]): string {
  return cells.map((cell, i) => pad(cell, rowColumns[i]!.width, i < 2)).join("  ");
}

function pad(text: string, width: number, left: boolean): string {
  return left ? text.padEnd(width) : text.padStart(width);
}

function whole(value: number): string {
  return Number.isNaN(value) ? "?" : Math.round(value).toLocaleString("en");
}

function ms(value: number): string {
  return value >= 100 ? whole(value) : value.toFixed(value >= 10 ? 1 : 2);
}

function megabytes(bytes: number): string {
  return whole(bytes / 1e6);
}
