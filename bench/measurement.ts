/** What one run of a scenario says, and how the figures of two systems compare. */
import type { Scenario } from "./scenarios.ts";

export interface Measurement {
  readonly tasks: number;
  readonly steps: number;
  readonly seconds: number;
  /** Milliseconds of whole tasks, from submission (open loop: from the intended one) to the last result. Of calls, when only submitting. */
  readonly taskMs: Percentiles;
  /** Milliseconds from a step's being ready to its result being applied, where tasks run one at a time. */
  readonly stepMs: Percentiles | null;
  readonly orchestrator: Cost;
  readonly worker: Cost;
  /** Transactions per step, one fsync each. */
  readonly commitsPerStep: number;
}

/** Of one side's processes. */
export interface Cost {
  readonly cpuMicrosPerStep: number;
  /** To files; null where the system does not tell. */
  readonly bytesWrittenPerStep: number | null;
  readonly peakRssBytes: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted[sorted.length - 1] ?? Number.NaN };
}

export function median(values: readonly number[]): number {
  return percentiles(values).p50;
}

export function stepsPerSecond({ steps, seconds }: Measurement): number {
  return steps / seconds;
}

/** CPU of all processes. */
export function cpuMicrosPerStep({ orchestrator, worker }: Measurement): number {
  return orchestrator.cpuMicrosPerStep + worker.cpuMicrosPerStep;
}

/** What the ratio of a scenario compares: throughput (more is better) or the p50 of its tasks (less is better). */
export function measures({ load }: Scenario): "throughput" | "latency" {
  const oneByOne = load.kind === "closed" && load.concurrency === 1 && load.tasks >= 100;
  return load.kind === "open" || oneByOne ? "latency" : "throughput";
}

/** Tasker's share of the bare pipeline's throughput, or how many times its p50. */
export function ratioOf(scenario: Scenario, bare: Measurement, tasker: Measurement): number {
  return measures(scenario) === "latency"
    ? tasker.taskMs.p50 / bare.taskMs.p50
    : stepsPerSecond(tasker) / stepsPerSecond(bare);
}
