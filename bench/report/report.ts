/** The result of a run, as data, and where it is kept. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
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
  /** Processes that wanted a core when the benchmark began: what others were doing. */
  readonly load: number;
}

const loadAtStart = Math.round(loadavg()[0]!);

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
    load: loadAtStart,
  };
}

/** Says so when the machine was not quiet: then only ratios and CPU per step are worth a look. */
export function machineLine({ cpu, cores, memoryGb, node, load }: Machine): string {
  const busy = load > 1 ? `, busy with other work (load ${load})` : "";
  return `${cpu}, ${cores} cores, ${memoryGb} GB, Node ${node}${busy}`;
}

export function saveReport(report: Report): void {
  const folder = join(import.meta.dirname, "../results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "latest.json"), `${JSON.stringify(report, null, 2)}\n`);
}
