/**
 * What a handler sees of the attempt that it runs. Payloads are parsed, and the abort signal made, when the handler
 * first asks for them: most handlers use a part, and a no-op none.
 */
import { parseLossless } from "@tasker/json";
import { type Logger, withFields } from "../log.ts";
import { Checkpoints } from "./checkpoints.ts";
import { PermanentError } from "./errors.ts";

/**
 * One attempt of a step. Integers beyond 2^53 in payloads are BigInt; return them as they are and nothing is lost.
 *
 * @typeParam Context what the task was submitted with
 * @typeParam Config the step's `config` in the template (seed: `handler_config`)
 * @typeParam Results outputs of earlier steps, by step name
 * @typeParam Cursor what it saves with `checkpoint`
 */
// biome-ignore-start lint/suspicious/noExplicitAny: payloads have the shape that the template says; the reader names it or not
export interface Step<Context = any, Config = any, Results = Record<string, any>, Cursor = any> {
  readonly context: Context;
  readonly config: Config;
  readonly previousResults: Results;
  /** UUID of the task, as `tasker task get` takes it. */
  readonly taskId: string;
  /** The step's name in the template. */
  readonly stepName: string;
  /** From 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly isLastAttempt: boolean;
  /** The same for all attempts of this step, and no other step's: pass it on to the outside world. */
  readonly idempotencyKey: string;
  /** Milliseconds that this attempt may take. */
  readonly timeoutMs: number;
  /** It should stop: it ran out of time, its task was cancelled, or the worker leaves. */
  readonly cancelled: boolean;
  /** Aborts when `cancelled` becomes true; its reason is an Error that says why. */
  readonly signal: AbortSignal;
  /** Writes structured logs that name task, step, attempt and lease. */
  readonly log: Logger;
  /** What an earlier attempt saved last with `checkpoint`: go on from there. Null when there is none. */
  readonly cursor: Cursor | null;
  /**
   * Saves how far it is, so that the next attempt goes on from there if this one is lost. Any JSON of at most 64 KiB; null
   * means that the next attempt begins anew.
   *
   * @returns a promise that resolves once the cursor, or a newer one, is durable. It need not be awaited: an older cursor
   *   that is still on its way is overtaken. Rejects with a PermanentError when it is not JSON or too large, and with a
   *   RetryableError (`lease_lost`) when the attempt is over or was given to somebody else: then stop.
   */
  checkpoint(cursor: Cursor | null): Promise<void>;
  /** Says how far it is, to whoever watches the task. Any JSON of at most 64 KiB; it travels with the next heartbeat. */
  heartbeat(progress?: unknown): void;
}
// biome-ignore-end lint/suspicious/noExplicitAny: as above

/** A step as it came from the orchestrator; payloads are JSON text. */
export interface StepRequest {
  /** Which orchestrator sent it: its place among the endpoints. */
  readonly origin: number;
  readonly batchId: string;
  readonly leaseId: string;
  readonly stepName: string;
  readonly handler: string;
  readonly config: string;
  readonly context: string;
  readonly previousResults: string;
  /** From 1. */
  readonly attempt: number;
  readonly retryLimit: number;
  readonly timeoutMs: number;
  readonly idempotencyKey: string;
  readonly taskId: string;
  readonly maxOutputBytes: number;
  /** JSON text; null when no earlier attempt saved one. */
  readonly cursor: string | null;
  readonly maxCheckpointBytes: number;
}

/** What an attempt needs of the one who runs it. */
export interface AttemptHost {
  readonly log: Logger;
  progressed(attempt: Attempt, progress: unknown): void;
  /** The cursor is JSON text. */
  saved(attempt: Attempt, seq: number, cursor: string): void;
}

const unread = Symbol("unread");

export class Attempt implements Step {
  readonly request: StepRequest;
  /** From 1, in the order in which steps came. */
  readonly number: number;
  readonly #host: AttemptHost;
  #context: unknown = unread;
  #config: unknown = unread;
  #previousResults: unknown = unread;
  #cursor: unknown = unread;
  #checkpoints: Checkpoints | null = null;
  #controller: AbortController | null = null;
  #log: Logger | null = null;
  #abortReason: Error | null = null;
  /** Monotonic milliseconds; NaN before it starts. */
  startedAt = Number.NaN;
  /** Its time was over before the handler ended; the orchestrator has been told. */
  isOverdue = false;
  /** The orchestrator wants it to stop. */
  isCancelled = false;

  constructor(request: StepRequest, host: AttemptHost, number: number) {
    this.request = request;
    this.number = number;
    this.#host = host;
  }

  // biome-ignore-start lint/suspicious/noExplicitAny: as in Step
  get context(): any {
    if (this.#context === unread) this.#context = parseLossless(this.request.context);
    return this.#context;
  }

  get config(): any {
    if (this.#config === unread) this.#config = parseLossless(this.request.config);
    return this.#config;
  }

  get previousResults(): any {
    if (this.#previousResults === unread) this.#previousResults = parseLossless(this.request.previousResults);
    return this.#previousResults;
  }

  get cursor(): any {
    if (this.#cursor === unread) this.#cursor = parseLossless(this.request.cursor ?? "null");
    return this.#cursor;
  }
  // biome-ignore-end lint/suspicious/noExplicitAny: as above

  get taskId(): string {
    return this.request.taskId;
  }

  get stepName(): string {
    return this.request.stepName;
  }

  get attempt(): number {
    return this.request.attempt;
  }

  get maxAttempts(): number {
    return this.request.retryLimit + 1;
  }

  get isLastAttempt(): boolean {
    return this.attempt >= this.maxAttempts;
  }

  get idempotencyKey(): string {
    return this.request.idempotencyKey;
  }

  get timeoutMs(): number {
    return this.request.timeoutMs;
  }

  get cancelled(): boolean {
    return this.#abortReason !== null;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#abortReason !== null) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get log(): Logger {
    const { taskId, stepName, attempt, leaseId } = this.request;
    this.#log ??= withFields(this.#host.log, { task: taskId, step: stepName, attempt, lease: leaseId });
    return this.#log;
  }

  heartbeat(progress: unknown = null): void {
    this.#host.progressed(this, progress);
  }

  checkpoint(cursor: unknown): Promise<void> {
    const { leaseId, maxCheckpointBytes } = this.request;
    this.#checkpoints ??= new Checkpoints(leaseId, maxCheckpointBytes);
    const saving = this.#checkpoints.save(cursor, (seq, text) => this.#host.saved(this, seq, text));
    // Nobody need wait for it. A cursor that can never be saved is a mistake of the handler, so it is said.
    saving.catch((error: Error) => {
      if (error instanceof PermanentError) this.log.warn("step.checkpoint_failed", { error: error.message });
    });
    return saving;
  }

  /** What became of its cursors up to `seq`. @param refused null: kept */
  settleCheckpoints(seq: number, refused: string | null): void {
    this.#checkpoints?.settle(seq, refused);
  }

  /** It is over: whatever is not settled now never will be. */
  endCheckpoints(): void {
    this.#checkpoints?.end();
  }

  /** Why it was asked to stop; empty when it was not. */
  get abortMessage(): string {
    return this.#abortReason?.message ?? "";
  }

  /** Asks the handler to stop. Only the first reason counts. */
  abort(reason: Error): void {
    if (this.#abortReason !== null) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** Whether `thrown` only repeats that the handler was asked to stop, which says nothing about what it had done by then. */
  isEchoOfAbort(thrown: unknown): boolean {
    if (this.#abortReason === null) return false;
    if (thrown === this.#abortReason) return true;
    return thrown instanceof Error && (thrown.cause === this.#abortReason || thrown.name === "AbortError");
  }
}
