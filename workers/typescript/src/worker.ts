/**
 * A worker: registers handlers, runs the steps that orchestrators send, and leaves gracefully. Handlers run here, on the main
 * thread; sockets and sessions live in a thread of their own, which no handler can block (docs/decisions/0007).
 */
import { type HandlerFunction, HandlerRegistry, type StepHandler, type StepHandlerClass } from "./handler/registry.ts";
import { Runner } from "./handler/runner.ts";
import type { StepRequest } from "./handler/step.ts";
import { withFields } from "./log.ts";
import { Occupancy } from "./occupancy.ts";
import { readOptions, type WorkerOptions, type WorkerSettings } from "./options.ts";
import { SessionThread } from "./session/session-thread.ts";

/** The orchestrator will not have this worker as it is, e.g. because its id is taken. Trying again is of no use. */
export class WorkerRefusedError extends Error {
  /** From the protocol: `duplicate_worker_id`, `protocol_version`, ... */
  readonly reason: string;

  constructor(reason: string, detail: string) {
    const next = reason === "duplicate_worker_id" ? "; give every worker its own TASKER_WORKER_ID" : "";
    super(`the orchestrator refused this worker: ${reason}: ${detail}${next}`);
    this.name = "WorkerRefusedError";
    this.reason = reason;
  }
}

/** The exit code of a process that a signal ended is 128 and the signal's number. */
const exitCodes = { SIGTERM: 143, SIGINT: 130 } as const;

export class Worker {
  readonly #settings: WorkerSettings;
  readonly #registry = new HandlerRegistry();
  #running: Run | null = null;

  /** @throws TypeError when a setting is missing or wrong; options win over `TASKER_*` variables */
  constructor(options: WorkerOptions = {}) {
    this.#settings = readOptions(options);
  }

  get id(): string {
    return this.#settings.workerId;
  }

  /**
   * Registers the code for steps whose template names this `handler`. Call it before the worker starts.
   *
   * @param handler a function of the step; or, in the seed's form, a class or object with `process(task, sequence, step)`,
   *   where a static `VERSION` is reported with every result. Both may be async.
   * @throws TypeError when it is neither; Error when the name is taken or the worker runs already
   */
  // biome-ignore lint/suspicious/noExplicitAny: payloads have the shape that the template says; the reader names it or not
  handle<Context = any, Output = unknown>(name: string, handler: HandlerFunction<Context, Output>): this;
  handle(name: string, handler: StepHandler | StepHandlerClass): this;
  handle(name: string, handler: HandlerFunction | StepHandler | StepHandlerClass): this {
    if (this.#running !== null) throw new Error(`handle(${JSON.stringify(name)}): the worker runs already`);
    this.#registry.add(name, handler, null);
    return this;
  }

  /**
   * Starts, and resolves once the worker has stopped: after `stop()`, SIGTERM, SIGINT, or when an operator drains it. A second
   * signal ends the process at once.
   *
   * @throws WorkerRefusedError when an orchestrator refuses it
   */
  async run(): Promise<void> {
    const run = this.#begin();
    let signals = 0;
    const onSignal = (signal: keyof typeof exitCodes) => {
      signals++;
      if (signals > 1) process.exit(exitCodes[signal]);
      void run.stop(signal);
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
    try {
      await run.ended;
    } finally {
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
    }
  }

  /** Starts and returns at once, for programs that do other things too. Steps come as soon as an orchestrator answers. */
  start(): void {
    // Whoever calls stop() learns how it ended; that nobody does must not end the process.
    this.#begin().ended.catch(() => {});
  }

  /**
   * Takes no more steps, lets running handlers end (`drainMs`), waits until their results are acknowledged (`flushMs`), and
   * leaves. Does nothing when the worker does not run.
   */
  async stop(): Promise<void> {
    await this.#running?.stop("stop() was called");
  }

  #begin(): Run {
    if (this.#running !== null) throw new Error("the worker runs already");
    if (this.#registry.names().length === 0) throw new Error("the worker has no handlers: call handle() first");
    this.#running = new Run(this.#settings, this.#registry);
    return this.#running;
  }
}

/** One run of a worker, from its start to its end. */
class Run {
  /** Resolves when it has left; rejects when it was refused, or failed. */
  readonly ended: Promise<void>;
  readonly #settings: WorkerSettings;
  readonly #runner: Runner;
  readonly #thread: SessionThread;
  readonly #settle: { resolve: () => void; reject: (error: Error) => void };
  #stopping: Promise<void> | null = null;
  #failure: Error | null = null;

  constructor(settings: WorkerSettings, registry: HandlerRegistry) {
    const { promise, ...settle } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settle = settle;
    this.#settings = settings;
    const { workerId, pool, version, concurrency, codec, orchestrators, logLevel } = settings;
    const log = withFields(settings.log, { worker: workerId });
    const occupancy = new Occupancy();
    this.#runner = new Runner({
      occupancy,
      registry,
      concurrency,
      log,
      logsEveryStep: logLevel === "debug",
      deliveries: {
        outcomes: (outcomes) => this.#thread.finished(outcomes),
        progress: (origin, leaseId, progress) => this.#thread.progress(origin, leaseId, progress),
        checkpoint: (origin, leaseId, seq, cursor) => this.#thread.checkpoint(origin, leaseId, seq, cursor),
        overdue: (count) => this.#thread.overdue(count),
      },
    });
    const handlers = registry.names();
    const endpoints = orchestrators.flatMap(({ steps, results }) => [steps, results]);
    log.info("worker.started", { pool, concurrency, handlers, endpoints });
    this.#thread = new SessionThread({
      occupancy,
      terms: { workerId, pool, version, handlers, capacity: concurrency, codec },
      orchestrators,
      log,
      logLevel,
      events: {
        run: (steps) => this.#take(steps),
        cancel: (leaseIds, reason) => this.#runner.cancel(leaseIds, reason),
        checkpointSettled: (leaseId, seq, refused) => this.#runner.checkpointSettled(leaseId, seq, refused),
        drainRequested: (reason) => void this.stop(`the orchestrator asked it to: ${reason}`),
        refused: (reason, detail) => this.#refused(reason, detail),
        ended: (error) => this.#ended(error),
      },
    });
  }

  stop(why: string): Promise<void> {
    this.#stopping ??= this.#drain(why);
    return this.ended;
  }

  #take(steps: readonly StepRequest[]): void {
    if (this.#stopping === null) this.#runner.accept(steps);
    else this.#thread.giveBack(steps);
  }

  async #drain(why: string): Promise<void> {
    const { log, drainMs, flushMs } = this.#settings;
    log.info("worker.stopping", { why, running: this.#runner.runningCount });
    const drained = this.#thread.drain();
    this.#thread.giveBack(this.#runner.drain());
    const deadline = Promise.withResolvers<void>();
    const timer = setTimeout(deadline.resolve, drainMs);
    await Promise.race([Promise.all([drained, this.#runner.idle()]), deadline.promise]);
    clearTimeout(timer);
    if (this.#runner.runningCount > 0) log.warn("worker.drain_ended", { still_running: this.#runner.runningCount });
    this.#runner.abandon("the worker leaves");
    this.#thread.leave(flushMs);
  }

  #refused(reason: string, detail: string): void {
    this.#failure = new WorkerRefusedError(reason, detail);
    this.#runner.drain();
    this.#runner.abandon(this.#failure.message);
    void this.#thread.close();
  }

  #ended(error: Error | null): void {
    const failure = this.#failure ?? error;
    this.#settings.log.info("worker.stopped", { worker: this.#settings.workerId, error: failure?.message });
    if (failure === null) this.#settle.resolve();
    else this.#settle.reject(failure);
  }
}
