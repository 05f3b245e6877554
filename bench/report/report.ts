/** The result of a run, as data, and where it is kept. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import type { Measurement } from "../measurement.ts";
import type { Pending } from "../pending.ts";
import type { Scale, Scenario } from "../scenarios.ts";

export interface Row {
  readonly scenario: Scenario;
  readonly bare: Measurement;
  readonly tasker: Measurement;
  /** Where tasks are only submitted: the same over HTTP. */
  readonly http: Measurement | null;
  readonly ratio: number;
  /** Of every round. */
  readonly ratios: readonly number[];
}

export interface ScaleRow {
  readonly scale: Scale;
  /** For each point, its rounds. */
  readonly measured: readonly (readonly Measurement[])[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
}

export interface Report {
  readonly at: string;
  readonly machine: Machine;
  readonly store: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly scaleRows: readonly ScaleRow[];
  readonly pending: readonly Pending[];
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown processor",
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
}

export function machineLine({ cpu, cores, memoryGb, node }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGb} GB, Node ${node}`;
}

export function saveReport(report: Report): void {
  const folder = join(import.meta.dirname, "../results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "latest.json"), `${JSON.stringify(report, null, 2)}\n`);
}
