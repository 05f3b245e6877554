/**
 * Runs attempts: at most `concurrency` at once, in the order in which they came. Knows nothing of sockets. However a
 * handler ends, or if it never does, its attempt gets an outcome and the others go on.
 */
import { stringifyLossless } from "@tasker/json";
import type { Logger } from "../log.ts";
import { Occupancy } from "../occupancy.ts";
import { isTooDeep } from "./depth.ts";
import { cancelled, type Outcome, type OutcomeFrame, returned, threw, timedOut } from "./outcome.ts";
import type { HandlerRegistry, RegisteredHandler } from "./registry.ts";
import { Attempt, type AttemptHost, type StepRequest } from "./step.ts";

/** What came of attempts, on its way to the orchestrator. */
export interface Deliveries {
  outcomes(outcomes: readonly Outcome[]): void;
  progress(origin: number, leaseId: string, progressJson: string): void;
  /** A cursor, as JSON text; answered by `checkpointSettled`. @param seq numbers the cursors of the lease, from 1 */
  checkpoint(origin: number, leaseId: string, seq: number, cursorJson: string): void;
  /** Attempts that ran past their time and still have not ended. */
  overdue(count: number): void;
}

export interface RunnerOptions {
  readonly registry: HandlerRegistry;
  readonly concurrency: number;
  readonly log: Logger;
  /** Log a line for every step; otherwise for failed ones only. */
  readonly logsEveryStep: boolean;
  readonly deliveries: Deliveries;
  readonly occupancy?: Occupancy;
  /** Milliseconds that never jump. */
  readonly now?: () => number;
}

/** Handlers that do not await may keep the event loop for this long before cancellations and timers get their turn. */
const longestBurstMs = 5;
/** An outcome waits at most this long for others of the same burst, so that a slow handler delays nobody's result. */
const longestHoldMs = 0.2;
/** A handler that keeps the thread for longer begins only when the outcomes of others are on their way. */
const longestQuickCallMs = 1;
/** By this much of itself `holdsMs` fades with each call, so that one slow call of many is forgotten. */
const fading = 0.01;
const longestTimerMs = 2 ** 31 - 1;
const maxProgressBytes = 64 * 1024;

export class Runner implements AttemptHost {
  readonly log: Logger;
  readonly #options: RunnerOptions;
  readonly #now: () => number;
  readonly #occupancy: Occupancy;
  #queue: Attempt[] = [];
  /** The queue begins here; what is before has been started. */
  #head = 0;
  readonly #running = new Map<string, Attempt>();
  readonly #overdue = new Map<string, Attempt>();
  #outcomes: Outcome[] = [];
  #firstOutcomeAt = 0;
  #accepted = 0;
  #flushScheduled = false;
  #pumpScheduled = false;
  #timer: NodeJS.Timeout | null = null;
  #timerAt = Number.POSITIVE_INFINITY;
  #whenIdle: (() => void) | null = null;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.log = options.log;
    this.#now = options.now ?? (() => performance.now());
    this.#occupancy = options.occupancy ?? new Occupancy();
  }

  /** Attempts that have begun and are not over. */
  get runningCount(): number {
    return this.#running.size;
  }

  accept(requests: readonly StepRequest[]): void {
    for (const request of requests) this.#queue.push(new Attempt(request, this, ++this.#accepted));
    if (!this.#pumpScheduled) this.#pump();
  }

  /** Asks the handlers to stop; those that have not begun never do. Every one of them gets an outcome. */
  cancel(leaseIds: readonly string[], reason: string): void {
    for (const leaseId of leaseIds) {
      const attempt = this.#running.get(leaseId) ?? this.#overdue.get(leaseId);
      if (attempt !== undefined) {
        attempt.isCancelled = true;
        attempt.abort(new Error(reason));
      } else this.#cancelQueued(leaseId, reason);
    }
  }

  /** What became of the cursors of a lease up to `seq`. @param refused null: they are kept */
  checkpointSettled(leaseId: string, seq: number, refused: string | null): void {
    this.#running.get(leaseId)?.settleCheckpoints(seq, refused);
  }

  #cancelQueued(leaseId: string, reason: string): void {
    const index = this.#queue.findIndex((attempt, at) => at >= this.#head && attempt.request.leaseId === leaseId);
    if (index < 0) return;
    const [attempt] = this.#queue.splice(index, 1);
    this.#deliver(attempt!, cancelled(frameOf(attempt!, 0, null), reason));
  }

  /** Gives up what has not begun. @returns what that was */
  drain(): readonly StepRequest[] {
    const waiting = this.#queue.slice(this.#head).map((attempt) => attempt.request);
    this.#queue = [];
    this.#head = 0;
    return waiting;
  }

  /** Resolves when nothing runs and every outcome has been delivered. Overdue attempts do not count. */
  async idle(): Promise<void> {
    this.#flush();
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  /** Asks whatever still runs to stop, and waits for nothing any more. */
  abandon(reason: string): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const attempt of this.#running.values()) {
      attempt.abort(new Error(reason));
      attempt.endCheckpoints();
    }
    for (const attempt of this.#overdue.values()) attempt.abort(new Error(reason));
  }

  // ------------------------------------------------------------------------------------------------------- running

  /** An overdue handler keeps its slot, but all of them together leave one: else one that never ends ends the worker. */
  get #freeSlots(): number {
    return Math.max(1, this.#options.concurrency - this.#overdue.size) - this.#running.size;
  }

  #pump(): void {
    const burstEnds = this.#now() + longestBurstMs;
    while (this.#head < this.#queue.length && this.#freeSlots > 0) {
      const now = this.#now();
      if (now > burstEnds) {
        this.#pumpLater();
        break;
      }
      const attempt = this.#queue[this.#head++]!;
      const handler = this.#options.registry.get(attempt.request.handler)!;
      const mayKeepThread = handler.holdsMs > longestQuickCallMs;
      if (this.#outcomes.length > 0 && (mayKeepThread || now - this.#firstOutcomeAt > longestHoldMs)) this.#flush();
      this.#start(attempt, handler, now);
    }
    if (this.#head > 0 && this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
  }

  #pumpLater(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #start(attempt: Attempt, handler: RegisteredHandler, now: number): void {
    const { leaseId, timeoutMs } = attempt.request;
    attempt.startedAt = now;
    this.#running.set(leaseId, attempt);
    if (this.#options.logsEveryStep) attempt.log.debug("step.started", { handler: attempt.request.handler });
    this.#occupancy.begin(attempt.number);
    const end = callHandler(attempt, handler);
    this.#occupancy.end();
    const took = this.#now() - now;
    handler.holdsMs =
      handler.holdsMs === Number.POSITIVE_INFINITY ? took : Math.max(took, handler.holdsMs * (1 - fading));
    if (!("promise" in end)) {
      this.#end(attempt, handler, end);
      return;
    }
    this.#wakeBy(now + timeoutMs);
    Promise.resolve(end.promise).then(
      (value) => this.#settle(attempt, handler, { output: value }),
      (error: unknown) => this.#settle(attempt, handler, { thrown: error }),
    );
  }

  /** The end of a handler that answered with a promise. */
  #settle(attempt: Attempt, handler: RegisteredHandler, end: End): void {
    this.#end(attempt, handler, end);
    if (this.#head < this.#queue.length && !this.#pumpScheduled) this.#pump();
  }

  #end(attempt: Attempt, handler: RegisteredHandler, end: End): void {
    const frame = frameOf(attempt, this.#now() - attempt.startedAt, handler.version);
    // That it stopped because it was told to is no answer: it may have done its work by then, or half of it.
    const stopped = "thrown" in end && attempt.isEchoOfAbort(end.thrown);
    attempt.endCheckpoints();
    if (attempt.isOverdue) this.#endOverdue(attempt, !stopped);
    else this.#running.delete(attempt.request.leaseId);
    if (stopped) {
      if (attempt.isCancelled && !attempt.isOverdue) this.#deliver(attempt, cancelled(frame, attempt.abortMessage));
      else this.#flushLater();
    } else if ("thrown" in end) this.#deliver(attempt, threw(frame, end.thrown));
    else this.#deliver(attempt, returned(frame, end.output, attempt.request.maxOutputBytes));
  }

  #endOverdue(attempt: Attempt, answered: boolean): void {
    this.#overdue.delete(attempt.request.leaseId);
    this.#options.deliveries.overdue(this.#overdue.size);
    attempt.log.warn("step.ended_late", { after_ms: Math.round(this.#now() - attempt.startedAt), answered });
  }

  // ------------------------------------------------------------------------------------------------------- timeouts

  /** One timer for all attempts, at the earliest end of any; attempts that end in time leave it as it is. */
  #wakeBy(at: number): void {
    if (at >= this.#timerAt) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#expire(), Math.min(Math.max(1, at - this.#now()), longestTimerMs));
  }

  #expire(): void {
    this.#timer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#now();
    let earliest = Number.POSITIVE_INFINITY;
    for (const attempt of this.#running.values()) {
      const endsAt = attempt.startedAt + attempt.request.timeoutMs;
      if (endsAt <= now) this.#timeOut(attempt);
      else earliest = Math.min(earliest, endsAt);
    }
    if (earliest !== Number.POSITIVE_INFINITY) this.#wakeBy(earliest);
    if (this.#head < this.#queue.length) this.#pumpLater();
  }

  #timeOut(attempt: Attempt): void {
    const { leaseId, timeoutMs, handler } = attempt.request;
    this.#running.delete(leaseId);
    this.#overdue.set(leaseId, attempt);
    attempt.isOverdue = true;
    const version = this.#options.registry.get(handler)!.version;
    this.#deliver(attempt, timedOut(frameOf(attempt, this.#now() - attempt.startedAt, version), timeoutMs));
    this.#options.deliveries.overdue(this.#overdue.size);
    attempt.endCheckpoints();
    attempt.abort(new DOMException(`the step ran longer than ${timeoutMs} ms`, "TimeoutError"));
  }

  // ----------------------------------------------------------------------------------------------------- deliveries

  #deliver(attempt: Attempt, outcome: Outcome): void {
    if (this.#options.logsEveryStep || outcome.status === "failed") logEnd(attempt, outcome);
    if (this.#outcomes.length === 0) this.#firstOutcomeAt = this.#now();
    this.#outcomes.push(outcome);
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const outcomes = this.#outcomes;
    if (outcomes.length > 0) {
      this.#outcomes = [];
      this.#options.deliveries.outcomes(outcomes);
    }
    if (this.#running.size > 0) return;
    this.#whenIdle?.();
    this.#whenIdle = null;
  }

  /** Progress is for people: what cannot be sent is logged, and does not fail the step. */
  progressed(attempt: Attempt, progress: unknown): void {
    const text = jsonOrNull(progress);
    const why = text === null ? "it is not JSON" : isTooDeep(text) ? "it is nested too deep" : tooLarge(text);
    if (text === null || why !== null) {
      attempt.log.warn("step.progress_ignored", { why });
      return;
    }
    this.#options.deliveries.progress(attempt.request.origin, attempt.request.leaseId, text);
  }

  saved(attempt: Attempt, seq: number, cursor: string): void {
    this.#options.deliveries.checkpoint(attempt.request.origin, attempt.request.leaseId, seq, cursor);
  }
}

function tooLarge(progress: string): string | null {
  return Buffer.byteLength(progress) > maxProgressBytes ? "it is larger than 64 KiB" : null;
}

type End = { readonly output: unknown } | { readonly thrown: unknown };

function callHandler(attempt: Attempt, handler: RegisteredHandler): End | { readonly promise: unknown } {
  try {
    const output = handler.run(attempt);
    return isThenable(output) ? { promise: output } : { output };
  } catch (error) {
    return { thrown: error };
  }
}

function frameOf(attempt: Attempt, executionMs: number, handlerVersion: string | null): OutcomeFrame {
  const { origin, leaseId } = attempt.request;
  return { origin, leaseId, executionTimeMs: Math.round(executionMs), handlerVersion };
}

/** May run a getter of the handler's value, which may throw. */
function isThenable(value: unknown): boolean {
  if (value === null || typeof value !== "object") return false;
  return typeof (value as { then?: unknown }).then === "function";
}

function jsonOrNull(value: unknown): string | null {
  try {
    return stringifyLossless(value) ?? null;
  } catch {
    return null;
  }
}

function logEnd(attempt: Attempt, outcome: Outcome): void {
  const fields = { status: outcome.status, code: outcome.errorCode, execution_ms: outcome.executionTimeMs };
  if (outcome.status === "failed") {
    const { message } = JSON.parse(outcome.error) as { message: string };
    attempt.log.warn("step.failed", { ...fields, message });
  } else attempt.log.debug("step.completed", fields);
}
