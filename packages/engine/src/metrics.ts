/** Plain counters and histograms of the engine. A surface turns them into its own format. */
import type { StepState } from "./domain/states.ts";

/** Counts of observations up to each bound, in milliseconds. */
export class Histogram {
  readonly bounds: readonly number[];
  /** One more than `bounds`: the last counts what lies above all of them. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(ms: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && ms > this.bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += ms;
  }
}

const queueBounds = [1, 5, 10, 50, 100, 500, 1000, 5000, 30_000, 300_000];
const commitBounds = [0.5, 1, 2, 5, 10, 25, 50, 100, 500, 1000];

export class EngineMetrics {
  /** From ready to leased. */
  readonly queueTime = new Histogram(queueBounds);
  readonly commitTime = new Histogram(commitBounds);
  readonly attempts: Record<"completed" | "failed" | "lost" | "timeout" | "cancelled", number> = {
    completed: 0,
    failed: 0,
    lost: 0,
    timeout: 0,
    cancelled: 0,
  };
  readonly results: Record<"applied" | "late_applied" | "late_recorded" | "duplicate" | "unknown", number> = {
    applied: 0,
    late_applied: 0,
    late_recorded: 0,
    duplicate: 0,
    unknown: 0,
  };
  readonly checkpoints: Record<"kept" | "stale", number> = { kept: 0, stale: 0 };
  readonly tasks: Record<"submitted" | "completed" | "failed" | "blocked" | "cancelled", number> = {
    submitted: 0,
    completed: 0,
    failed: 0,
    blocked: 0,
    cancelled: 0,
  };
  /** Steps of active tasks by state; those that nothing has happened to are not counted. */
  readonly steps: Record<StepState, number> = {
    pending: 0,
    ready: 0,
    in_progress: 0,
    waiting_for_retry: 0,
    in_doubt: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
  };
  turns = 0;
  commits = 0;
  failedCommits = 0;
}
