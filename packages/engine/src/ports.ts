/**
 * What the engine needs from outside, and nothing else: a store, executors, a clock, randomness, a log. The engine
 * imports no driver; the server joins real ones, the simulation faulty ones.
 */
import type { StepState, TaskStatus } from "./domain/states.ts";
import type { Template } from "./domain/template.ts";

export interface Clock {
  /** Milliseconds since 1970, for what people read. May jump. */
  wallMs(): number;
  /** Milliseconds that never jump, for every decision about durations. */
  monotonicMs(): number;
}

export interface Random {
  /** 0 <= x < 1. */
  uniform(): number;
  /** 16 hex digits nobody can guess: the random part of a lease. */
  token(): string;
  /** A UUIDv7 (RFC 9562) for this time. */
  uuid(wallMs: number): string;
}

export type LogFields = Record<string, string | number | boolean | null | undefined | readonly string[]>;

/** Structured logs: `event` is a stable name such as `step.leased`. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

// ---------------------------------------------------------------------------------------------------------- store

/** A task's row. Times are wall-clock milliseconds. Payloads are JSON text that nobody has re-serialised. */
export interface TaskRow {
  /** Number on the wire, and the key in the store. */
  readonly taskId: number;
  /** UUIDv7, what people and programs use. */
  readonly id: string;
  readonly templateId: number;
  readonly status: TaskStatus;
  readonly reason: string | null;
  readonly context: string;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly idempotencyKey: string | null;
  /** Hash of what was submitted; tells "the same again" from "another task under the same key". */
  readonly fingerprint: string | null;
  readonly correlationId: string | null;
  readonly initiator: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/**
 * A step's row. It is written when the step is first leased (or cancelled): a step without one is `pending` or
 * `ready`, which follows from the graph. `stepId` is given in the order of first leases, so writes stay local.
 */
export interface StepRow {
  readonly stepId: number;
  readonly taskId: number;
  /** Position in the template. */
  readonly stepIndex: number;
  readonly state: StepState;
  /** Attempts leased so far, the current one included. */
  readonly attempt: number;
  /** The last lease given, also after it was revoked; null when there was none. */
  readonly leaseId: string | null;
  /** The last lease has had its answer: whatever else comes under it is a duplicate. */
  readonly answered: boolean;
  readonly workerId: string | null;
  /** How long after a restart the lease holds if nobody declares it; null: the redeclaration grace. */
  readonly leaseMs: number | null;
  readonly readyAt: number | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** When a `waiting_for_retry` step wakes. */
  readonly wakeAt: number | null;
  /** JSON text. */
  readonly output: string | null;
  /** JSON text of `{message, code?, backtrace?, ...}`. */
  readonly error: string | null;
  /** Why it is where it is, e.g. `worker_lost`. */
  readonly reason: string | null;
}

/** Everything of a step's row that one turn changed, guarded by what the row must still hold. */
export interface StepWrite {
  /** Null: the row does not exist yet. */
  readonly guard: { readonly state: StepState; readonly leaseId: string | null } | null;
  readonly row: StepRow;
}

/** The newest cursor that a step's handler saved in this turn. Replaces an older one, and no newer one. */
export interface CheckpointWrite {
  readonly stepId: number;
  /** The row must be `in_progress` under it, as it was before this turn. */
  readonly leaseId: string;
  /** Under one lease a cursor replaces only those with a smaller number. */
  readonly seq: number;
  /** JSON text. */
  readonly cursor: string;
  readonly savedAt: number;
}

export interface TaskUpdate {
  readonly taskId: number;
  readonly from: TaskStatus;
  readonly to: TaskStatus;
  readonly reason: string | null;
  readonly finishedAt: number | null;
}

export type Actor = "engine" | "worker" | "client" | "operator";

/** One entry of the history. Append-only. */
export interface Transition {
  /** The step's name; null for the task's own. */
  readonly step: string | null;
  /** Null: it did not exist before. For a late result that was only recorded, `from` equals `to`. */
  readonly from: string | null;
  readonly to: string;
  readonly attempt: number | null;
  readonly leaseId: string | null;
  readonly workerId: string | null;
  readonly actor: Actor;
  readonly reason: string | null;
  /** JSON text, e.g. the content of a late result; null for nearly all. */
  readonly detail: string | null;
}

/** The transitions of one task in one turn, in order. The first has sequence number `seq`, the next `seq + 1`, ... */
export interface HistoryRow {
  readonly seq: number;
  readonly taskId: number;
  readonly at: number;
  readonly transitions: readonly Transition[];
}

export interface NewTemplate {
  readonly templateId: number;
  readonly template: Template;
  /** What was applied, as text, for `template show`. */
  readonly source: string;
  readonly createdAt: number;
}

/** All that one turn changes. A store writes it in one transaction, in this order, or nothing of it. */
export interface TurnRecord {
  readonly newTemplates: readonly NewTemplate[];
  readonly newTasks: readonly TaskRow[];
  readonly checkpoints: readonly CheckpointWrite[];
  readonly stepWrites: readonly StepWrite[];
  readonly taskUpdates: readonly TaskUpdate[];
  readonly history: readonly HistoryRow[];
}

/** How a commit fails. `conflict`: a guard did not hold. `full`: no space. `io`: durability is in doubt, so stop. */
export type StoreFailure = "conflict" | "full" | "busy" | "io";

export class StoreError extends Error {
  readonly failure: StoreFailure;
  constructor(failure: StoreFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "StoreError";
    this.failure = failure;
  }
}

/** The next number of each sequence, as the store holds them. */
export interface Sequences {
  readonly templateId: number;
  readonly taskId: number;
  readonly stepId: number;
  readonly seq: number;
}

/** A task that is not final, with the rows of its steps (those that have one), for recovery. */
export interface StoredTask {
  readonly task: Omit<TaskRow, "context">;
  readonly steps: readonly StoredStep[];
}

/** A step's row without its output and its cursor: the engine asks for those that it needs. */
export interface StoredStep extends Omit<StepRow, "output"> {
  readonly checkpoint: StepCheckpoint | null;
}

/** Which cursor of a step is kept. */
export interface StepCheckpoint {
  readonly leaseId: string;
  readonly seq: number;
}

/** A step looked up because a result came for it that no lease in memory matches. */
export interface StoredLease {
  readonly stepId: number;
  readonly taskId: number;
  /** The task's. */
  readonly templateId: number;
  readonly stepIndex: number;
  readonly state: StepState;
  readonly attempt: number;
  readonly leaseId: string | null;
  readonly answered: boolean;
  /** Leases of earlier attempts. */
  readonly earlierLeases: readonly string[];
}

export interface PayloadRequest {
  readonly taskIds: readonly number[];
  /** Whose outputs. */
  readonly stepIds: readonly number[];
  /** Steps whose cursors. */
  readonly checkpointsOf: readonly number[];
}

export interface Payloads {
  readonly contexts: ReadonlyMap<number, string>;
  readonly outputs: ReadonlyMap<number, string>;
  readonly checkpoints: ReadonlyMap<number, string>;
}

/**
 * The writing side of a store: one owner, one connection, called only by turns. A method may answer at once or with a
 * promise. Time is always an argument. What people read goes through queries on other connections.
 */
export interface Store {
  sequences(): Sequences | Promise<Sequences>;
  templates(): readonly NewTemplate[] | Promise<readonly NewTemplate[]>;
  /** Tasks that are not final with `taskId > after`, in that order, at most `limit`. */
  activeTasks(after: number, limit: number): readonly StoredTask[] | Promise<readonly StoredTask[]>;
  tasksByIdempotencyKey(keys: readonly string[]): readonly TaskRow[] | Promise<readonly TaskRow[]>;
  leases(stepIds: readonly number[]): readonly StoredLease[] | Promise<readonly StoredLease[]>;
  payloads(request: PayloadRequest): Payloads | Promise<Payloads>;
  /**
   * Durable (fsynced) when it returns. @throws StoreError; after any failure nothing of the record is stored, except
   * `io`, after which nobody knows.
   */
  commit(record: TurnRecord): void | Promise<void>;
  /**
   * Returns when everything that was committed before is visible to readers on other connections. It is visible to the
   * methods above at once. @throws StoreError
   */
  publish(): void | Promise<void>;
  close(): void | Promise<void>;
}

// ------------------------------------------------------------------------------------------------------ executors

/** One step of a batch. Payloads are JSON text, joined into the message as they are. */
export interface StepRequest {
  readonly stepId: number;
  readonly taskId: number;
  readonly stepName: string;
  readonly handler: string;
  /** `"step_name":...,"handler_class":...,"handler_config":...`: the part that is the same for every task. */
  readonly staticJson: string;
  readonly context: string;
  /** JSON text of an object: step name -> output. */
  readonly previousResults: string;
  readonly leaseId: string;
  /** From 1. */
  readonly attempt: number;
  readonly retryLimit: number;
  readonly timeoutMs: number;
  readonly idempotencyKey: string;
  /** UUID of the task, for logs and handlers. */
  readonly taskUuid: string;
  /** JSON text: the cursor that an earlier attempt saved; null when there is none. */
  readonly checkpoint: string | null;
}

/** Up to `batch_size` steps for one worker. `batchId` begins with the worker's `batchPrefix`. */
export interface Batch {
  readonly batchId: string;
  readonly steps: readonly StepRequest[];
}

/** `lease id = batch id + "." + step id`, so that a result under protocol 1.0 names its lease without saying so. */
export function leaseIdOf(batchId: string, stepId: number): string {
  return `${batchId}.${stepId}`;
}

export interface WorkerInfo {
  /** Names this connection of the worker: its session, or the slot of a plain 1.0 worker. */
  readonly key: string;
  readonly executor: Executor;
  /** What people see; stable across sessions. */
  readonly workerId: string;
  readonly protocol: "1.0" | "2.0";
  readonly language: string | null;
  readonly sdk: string | null;
  readonly version: string | null;
  readonly pool: string;
  /** Null: takes every handler (a plain 1.0 worker does not say). */
  readonly handlers: readonly string[] | null;
  /** Steps that it can hold at once. */
  readonly capacity: number;
  /** Plain 1.0: one batch outstanding, and its leases run out after the sum of its timeouts + 5 s. */
  readonly oneBatchAtATime: boolean;
  readonly batchPrefix: string;
  /** Leases that it says it holds: running, or in its outbox. */
  readonly heldLeases: readonly string[];
}

export interface StepResult {
  readonly stepId: number;
  readonly leaseId: string;
  readonly outcome: "completed" | "failed";
  /** JSON text; `null` counts as JSON null. */
  readonly output: string | null;
  /** JSON text of an object with at least `message`; null when completed. */
  readonly error: string | null;
  /** `error.code`, for what the engine itself decides on (`timeout`). */
  readonly errorCode: string | null;
  /** False: no further attempt. Null: not said. */
  readonly retryable: boolean | null;
  readonly retryAfterMs: number | null;
  readonly executionTimeMs: number | null;
}

/** A cursor that a handler saved, under the lease of its attempt. */
export interface SavedCheckpoint {
  readonly leaseId: string;
  readonly seq: number;
  /** JSON text. */
  readonly cursor: string;
}

/** What became of the cursors of a lease up to `seq`: kept, or refused with a code. */
export interface SettledCheckpoint {
  readonly leaseId: string;
  readonly seq: number;
  readonly refused: "stale_lease" | "too_large" | "malformed" | null;
}

/** What executors tell the engine. Every call only queues; the next turn decides. */
export interface WorkerEvents {
  workerJoined(worker: WorkerInfo): void;
  /** The same connection, other terms. Absent fields stay. */
  workerChanged(key: string, change: { readonly capacity?: number; readonly draining?: boolean }): void;
  /** Gone for good: its leases are revoked. */
  workerLost(key: string, reason: string): void;
  /** `key` is null when the sender is unknown (plain 1.0). */
  resultsArrived(key: string | null, results: readonly StepResult[]): void;
  /** The worker did not start these: they go back to `ready` elsewhere. */
  leasesRejected(key: string, leaseIds: readonly string[], reason: string): void;
  /** The worker says that it does not have these (a batch was lost on its way): revoked by their `on_lost`. */
  leasesMissing(key: string, leaseIds: readonly string[]): void;
  progressed(key: string, leaseId: string, progressJson: string): void;
  /** Handlers saved how far they are. Settled through the executor, once that is durable. */
  checkpointsArrived(key: string, checkpoints: readonly SavedCheckpoint[]): void;
}

/** How attempts are carried out. Called only after the commit that justifies the call. Never throws, never waits. */
export interface Executor {
  readonly kind: "zeromq" | "direct";
  dispatch(key: string, batch: Batch): void;
  /** The worker may forget these results: applied, duplicate or stale. */
  acknowledge(key: string, leaseIds: readonly string[]): void;
  /** It is known that these timed out. An answer that the worker has by now is not meant by this. */
  acknowledgeTimeouts(key: string, leaseIds: readonly string[]): void;
  settleCheckpoints(key: string, checkpoints: readonly SettledCheckpoint[]): void;
  cancel(key: string, leaseIds: readonly string[], reason: string): void;
  drain(key: string, reason: string): void;
}

/** Runs the engine's turns: `soon` after the current burst of input, `at` no earlier than a monotonic time. */
export interface Scheduler {
  soon(run: () => void): void;
  /** One pending wake-up at most: a new call replaces the last. Null cancels it. */
  wakeAt(monotonicMs: number | null, run: () => void): void;
}
