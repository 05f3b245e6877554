/** The main thread's end of the session thread: starts it, speaks to it, and makes sure that it closes its sockets. */
import type { Worker as Thread } from "node:worker_threads";
import { startThread } from "@tasker/threads";
import type { Outcome } from "../handler/outcome.ts";
import type { StepRequest } from "../handler/step.ts";
import type { Logger, LogLevel } from "../log.ts";
import type { Occupancy } from "../occupancy.ts";
import type { ThreadSetup, ToSession, ToWorker } from "./link.ts";
import { packOutcomes, unpackSteps } from "./packed-lists.ts";
import type { WorkerTerms } from "./ports.ts";
import type { Endpoints } from "./sockets.ts";

export interface SessionThreadEvents {
  run(steps: readonly StepRequest[]): void;
  cancel(leaseIds: readonly string[], reason: string): void;
  checkpointSettled(leaseId: string, seq: number, refused: string | null): void;
  drainRequested(reason: string): void;
  refused(reason: string, detail: string): void;
  /** The thread has ended: with an error if it was not asked to. */
  ended(error: Error | null): void;
}

export interface SessionThreadOptions {
  readonly terms: WorkerTerms;
  readonly orchestrators: readonly Endpoints[];
  readonly log: Logger;
  readonly logLevel: LogLevel;
  readonly occupancy: Occupancy;
  readonly events: SessionThreadEvents;
}

/** An environment that is torn down with open ZeroMQ sockets aborts the process, so exits wait this long for them. */
const closeAtExitMs = 5_000;

export class SessionThread {
  readonly #thread: Thread;
  readonly #events: SessionThreadEvents;
  readonly #log: Logger;
  readonly #socketsClosed = new SharedArrayBuffer(4);
  readonly #drained = Promise.withResolvers<void>();
  readonly #onExit = () => this.#closeAtExit();
  #closed = false;
  #error: Error | null = null;

  constructor({ terms, orchestrators, log, logLevel, occupancy, events }: SessionThreadOptions) {
    this.#events = events;
    this.#log = log;
    const setup: ThreadSetup = {
      terms,
      orchestrators,
      logLevel,
      socketsClosed: this.#socketsClosed,
      occupancy: occupancy.shared,
    };
    this.#thread = startThread(new URL("./thread.ts", import.meta.url), { workerData: setup, name: "tasker-session" });
    this.#thread.on("message", (message: ToWorker) => this.#hear(message));
    this.#thread.on("error", (error: Error) => {
      this.#error = error;
    });
    this.#thread.on("exit", () => this.#ended());
    process.on("exit", this.#onExit);
  }

  finished(outcomes: readonly Outcome[]): void {
    this.#tell({ type: "finished", outcomes: packOutcomes(outcomes) });
  }

  progress(origin: number, leaseId: string, progress: string): void {
    this.#tell({ type: "progress", origin, leaseId, progress });
  }

  checkpoint(origin: number, leaseId: string, seq: number, cursor: string): void {
    this.#tell({ type: "checkpoint", origin, leaseId, seq, cursor });
  }

  overdue(count: number): void {
    this.#tell({ type: "overdue", count });
  }

  /** From now on every batch is rejected. Resolves once all steps that came before have been handed to `run`. */
  drain(): Promise<void> {
    this.#tell({ type: "drain" });
    return this.#drained.promise;
  }

  /** These steps have not begun. */
  giveBack(steps: readonly StepRequest[]): void {
    const byOrigin = Map.groupBy(steps, (step) => step.origin);
    for (const [origin, own] of byOrigin) {
      this.#tell({ type: "give_back", origin, leaseIds: own.map((step) => step.leaseId) });
    }
  }

  /** Waits for the acks of all results, at most this long, says bye, and ends. */
  leave(flushMs: number): void {
    this.#tell({ type: "leave", flushMs });
  }

  /** Ends at once, without a word. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#closeAtExit();
    await this.#thread.terminate();
  }

  #tell(message: ToSession): void {
    this.#thread.postMessage(message);
  }

  #hear(message: ToWorker): void {
    switch (message.type) {
      case "run":
        this.#events.run(unpackSteps(message.steps));
        break;
      case "cancel":
        this.#events.cancel(message.leaseIds, message.reason);
        break;
      case "checkpoint_settled":
        this.#events.checkpointSettled(message.leaseId, message.seq, message.refused);
        break;
      case "drain_requested":
        this.#events.drainRequested(message.reason);
        break;
      case "refused":
        this.#events.refused(message.reason, message.detail);
        break;
      case "log":
        this.#log[message.level](message.event, message.fields);
        break;
      case "drained":
        this.#drained.resolve();
        break;
      case "closed":
        this.#closed = true;
        break;
    }
  }

  #ended(): void {
    process.off("exit", this.#onExit);
    this.#drained.resolve();
    const error = this.#closed ? null : (this.#error ?? new Error("the session thread ended by itself"));
    this.#events.ended(error);
  }

  #closeAtExit(): void {
    this.#tell({ type: "close" });
    Atomics.wait(new Int32Array(this.#socketsClosed), 0, 0, closeAtExitMs);
  }
}
