/**
 * What the main thread, where handlers run, and the session thread tell each other. Steps and outcomes go in lists, and
 * as arrays instead of objects: cloning ten steps takes 9 us so, and 70 us as objects.
 */
import type { Outcome } from "../handler/outcome.ts";
import type { StepRequest } from "../handler/step.ts";
import type { LogFields, LogLevel } from "../log.ts";
import type { WorkerTerms } from "./ports.ts";
import type { Endpoints } from "./sockets.ts";

/** What the session thread is started with. */
export interface ThreadSetup {
  readonly terms: WorkerTerms;
  /** One session for each orchestrator. */
  readonly orchestrators: readonly Endpoints[];
  readonly logLevel: LogLevel;
  /** One Int32, set to 1 and notified once all sockets are closed. */
  readonly socketsClosed: SharedArrayBuffer;
  /** See `occupancy.ts`. */
  readonly occupancy: SharedArrayBuffer;
}

export type ToSession =
  | { readonly type: "finished"; readonly outcomes: readonly PackedOutcome[] }
  | { readonly type: "progress"; readonly origin: number; readonly leaseId: string; readonly progress: string }
  | {
      readonly type: "checkpoint";
      readonly origin: number;
      readonly leaseId: string;
      readonly seq: number;
      readonly cursor: string;
    }
  | { readonly type: "overdue"; readonly count: number }
  | { readonly type: "drain" }
  | { readonly type: "give_back"; readonly origin: number; readonly leaseIds: readonly string[] }
  | { readonly type: "leave"; readonly flushMs: number }
  /** The process ends now: close the sockets, nothing else. */
  | { readonly type: "close" };

export type ToWorker =
  | { readonly type: "run"; readonly steps: readonly PackedStep[] }
  | { readonly type: "cancel"; readonly leaseIds: readonly string[]; readonly reason: string }
  | {
      readonly type: "checkpoint_settled";
      readonly leaseId: string;
      readonly seq: number;
      readonly refused: string | null;
    }
  | { readonly type: "drain_requested"; readonly reason: string }
  | { readonly type: "refused"; readonly reason: string; readonly detail: string }
  /** Everything that was not rejected has been handed over. */
  | { readonly type: "drained" }
  | { readonly type: "closed" }
  | {
      readonly type: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly event: string;
      readonly fields: LogFields | undefined;
    };

export type PackedStep = readonly [
  origin: number,
  batchId: string,
  leaseId: string,
  stepName: string,
  handler: string,
  config: string,
  context: string,
  previousResults: string,
  attempt: number,
  retryLimit: number,
  timeoutMs: number,
  idempotencyKey: string,
  taskId: string,
  maxOutputBytes: number,
  cursor: string | null,
  maxCheckpointBytes: number,
];

export function packStep(step: StepRequest): PackedStep {
  return [
    step.origin,
    step.batchId,
    step.leaseId,
    step.stepName,
    step.handler,
    step.config,
    step.context,
    step.previousResults,
    step.attempt,
    step.retryLimit,
    step.timeoutMs,
    step.idempotencyKey,
    step.taskId,
    step.maxOutputBytes,
    step.cursor,
    step.maxCheckpointBytes,
  ];
}

export function unpackStep(packed: PackedStep): StepRequest {
  return {
    origin: packed[0],
    batchId: packed[1],
    leaseId: packed[2],
    stepName: packed[3],
    handler: packed[4],
    config: packed[5],
    context: packed[6],
    previousResults: packed[7],
    attempt: packed[8],
    retryLimit: packed[9],
    timeoutMs: packed[10],
    idempotencyKey: packed[11],
    taskId: packed[12],
    maxOutputBytes: packed[13],
    cursor: packed[14],
    maxCheckpointBytes: packed[15],
  };
}

export type PackedOutcome = readonly [
  origin: number,
  leaseId: string,
  status: Outcome["status"],
  output: string,
  error: string,
  errorCode: string | null,
  retryable: boolean | null,
  retryAfterMs: number | null,
  executionTimeMs: number,
  handlerVersion: string | null,
];

export function packOutcome(outcome: Outcome): PackedOutcome {
  return [
    outcome.origin,
    outcome.leaseId,
    outcome.status,
    outcome.output,
    outcome.error,
    outcome.errorCode,
    outcome.retryable,
    outcome.retryAfterMs,
    outcome.executionTimeMs,
    outcome.handlerVersion,
  ];
}

export function unpackOutcome(packed: PackedOutcome): Outcome {
  return {
    origin: packed[0],
    leaseId: packed[1],
    status: packed[2],
    output: packed[3],
    error: packed[4],
    errorCode: packed[5],
    retryable: packed[6],
    retryAfterMs: packed[7],
    executionTimeMs: packed[8],
    handlerVersion: packed[9],
  };
}
