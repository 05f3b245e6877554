/** What came of a run. */
import type { Protocol } from "../case.ts";

export interface Outcome {
  readonly name: string;
  readonly clauses: readonly string[];
  readonly status: "passed" | "failed" | "not_offered";
  readonly failure: {
    readonly expected: string;
    readonly got: string;
    /** The frame in which it was seen, if it was one. */
    readonly frame: string | null;
    /** For what must always hold: when it did not. */
    readonly during: string | null;
    /** The last of what the worker wrote to stdout and stderr. */
    readonly said: string;
  } | null;
  readonly tookMs: number;
}

export interface Report {
  readonly protocol: Protocol;
  readonly command: readonly string[];
  readonly outcomes: readonly Outcome[];
  readonly tookMs: number;
}

export function countOf(report: Report, status: Outcome["status"]): number {
  return report.outcomes.filter((outcome) => outcome.status === status).length;
}
