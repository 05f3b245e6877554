/**
 * The engine: a single writer that works in turns (seed: "Orchestration Core"). Each turn takes what has come in,
 * decides in memory, commits all rows of the turn in one transaction, and only then lets the effects out. Nothing leaves
 * before the row that justifies it is durable. It imports no driver, socket or clock.
 */
import { Complaints } from "./complaints.ts";
import { TaskerError } from "./domain/errors.ts";
import {
  complaintsLogged,
  defaultEngineSettings,
  type EngineSettings,
  failurePauseMs,
  sweepIntervalMs,
} from "./domain/limits.ts";
import { compilePlan } from "./domain/plan.ts";
import { PlanRegistry } from "./domain/plan-registry.ts";
import { overloaded, stopping, storageError } from "./domain/refusals.ts";
import type { CompileSchema, Template } from "./domain/template.ts";
import { Inbox, type Input, refuse } from "./inbox.ts";
import { admitWorker, missLeases, noteProgress, returnLeases } from "./lifecycle/admit-worker.ts";
import { applyResult, type StoredLeases } from "./lifecycle/apply-results.ts";
import { applyTemplate } from "./lifecycle/apply-template.ts";
import { type CancelTask, cancelTask } from "./lifecycle/cancel-task.ts";
import { buildRequests, leaseReadySteps, missingPayloads } from "./lifecycle/dispatch-ready-steps.ts";
import { finaliseTasks } from "./lifecycle/finalise-task.ts";
import { saveCheckpoint } from "./lifecycle/save-checkpoint.ts";
import { checkSubmissions, type SubmitOutcome, type SubmitTask, submitTask } from "./lifecycle/submit-tasks.ts";
import { knownKeys, storedLeases } from "./lookups.ts";
import { Memory, type World } from "./memory.ts";
import { EngineMetrics } from "./metrics.ts";
import {
  type Clock,
  type HistoryRow,
  type Log,
  type Random,
  type Scheduler,
  type Store,
  StoreError,
  type TaskRow,
  type WorkerEvents,
} from "./ports.ts";
import { Roster, type Worker } from "./roster.ts";
import { Turn } from "./turn.ts";
import { expireLeases, holdsLeases } from "./upkeep/expire-leases.ts";
import { recover } from "./upkeep/recover.ts";
import { releaseDueSteps } from "./upkeep/release-due-steps.ts";
import { loseWorker } from "./upkeep/revoke-leases.ts";

export interface EnginePorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly scheduler: Scheduler;
  readonly compileSchema: CompileSchema;
}

/** Hears of every committed history row. `ids` has the UUID of each task that was active. */
export type HistoryListener = (rows: readonly HistoryRow[], ids: ReadonlyMap<number, string>) => void;

export class Engine {
  readonly #ports: EnginePorts;
  readonly #world: World;
  readonly #inbox = new Inbox();
  readonly #listeners = new Set<HistoryListener>();
  #state: "new" | "running" | "stopping" | "failed" = "new";
  #scheduled = false;
  #running: Promise<void> | null = null;
  #sweepAt = 0;
  /** Turns that failed since the last that did not. */
  #failures = 0;
  #resumeAt = Number.NEGATIVE_INFINITY;
  /** Set while memory is wrong: why, and what the failed turn had taken from workers. */
  #lost: { readonly released: ReadonlyMap<string, Worker>; error: StoreError } | null = null;
  #fatal: (error: Error) => void = () => {};
  /** Settles with the error when the engine has to give up: durability is in doubt. */
  readonly failed: Promise<Error>;

  constructor(ports: EnginePorts, settings: Partial<EngineSettings> = {}) {
    this.#ports = ports;
    const merged = { ...defaultEngineSettings, ...settings };
    const empty = { templateId: 1, taskId: 1, stepId: 1, seq: 1 };
    this.#world = {
      memory: new Memory(empty, merged.payloadCacheBytes),
      roster: new Roster(),
      plans: new PlanRegistry(),
      settings: merged,
      metrics: new EngineMetrics(),
      random: ports.random,
      log: ports.log,
      complaints: new Complaints(ports.log, complaintsLogged),
    };
    this.failed = new Promise((resolve) => {
      this.#fatal = resolve;
    });
  }

  /** Loads the templates and the active tasks. @throws StoreError, Error when the store cannot be read */
  async start(): Promise<void> {
    const { store, log, compileSchema } = this.#ports;
    for (const { templateId, template } of await store.templates()) {
      this.#world.plans.add(compilePlan(templateId, template, compileSchema));
    }
    await this.#recover(new Map());
    this.#state = "running";
    log.info("engine.started", { active_tasks: this.#world.memory.tasks.size });
    this.#schedule();
  }

  /**
   * Submits tasks; the answers are in their order, and each created task is durable when they come.
   * @throws TaskerError `overloaded`, `stopping`, `storage_full`, `storage_failed`: nothing was stored
   */
  async submit(requests: readonly SubmitTask[]): Promise<SubmitOutcome[]> {
    this.#assertAccepting();
    this.#assertRoom(requests);
    const { outcomes, checked, places } = checkSubmissions(this.#world.plans, requests);
    if (checked.length === 0) return outcomes;
    const answers = await new Promise<SubmitOutcome[]>((resolve, reject) =>
      this.#push({ kind: "submit", tasks: checked, answer: { resolve, reject } }),
    );
    for (const [index, answer] of answers.entries()) outcomes[places[index]!] = answer;
    return outcomes;
  }

  /** Ends an active task. @throws TaskerError `task_not_found` when it is not active, and as `submit` does */
  async cancel(command: CancelTask): Promise<void> {
    this.#assertAccepting();
    return new Promise((resolve, reject) => this.#push({ kind: "cancel", command, answer: { resolve, reject } }));
  }

  /**
   * Keeps a template version. Answers false when the same was there already.
   * @throws TaskerError `template_conflict` when the version exists with another content, and as `submit` does
   */
  async applyTemplate(template: Template, source: string): Promise<boolean> {
    this.#assertAccepting();
    return new Promise((resolve, reject) =>
      this.#push({ kind: "template", template, source, answer: { resolve, reject } }),
    );
  }

  /** What executors call. */
  readonly workerEvents: WorkerEvents = {
    workerJoined: (worker) => this.#push({ kind: "joined", worker }),
    workerChanged: (key, change) => this.#push({ kind: "changed", key, change }),
    workerLost: (key, reason) => this.#push({ kind: "lost", key, reason }),
    resultsArrived: (key, results) => this.#push({ kind: "results", key, results }),
    leasesRejected: (key, leaseIds, reason) => this.#push({ kind: "rejected", key, leaseIds, reason }),
    leasesMissing: (key, leaseIds) => this.#push({ kind: "missing", key, leaseIds }),
    progressed: (_key, leaseId, progressJson) => noteProgress(this.#world, leaseId, progressJson),
    checkpointsArrived: (key, checkpoints) => this.#push({ kind: "checkpoints", key, checkpoints }),
  };

  get plans(): PlanRegistry {
    return this.#world.plans;
  }

  get metrics(): EngineMetrics {
    return this.#world.metrics;
  }

  /** What it knows of the active tasks, for checks from outside (the simulation); only turns change it. */
  get memory(): Readonly<Memory> {
    return this.#world.memory;
  }

  get activeTasks(): number {
    return this.#world.memory.tasks.size;
  }

  /** So much has come from workers that nothing more should be read from them until turns have caught up. */
  get isCongested(): boolean {
    const { maxPendingResults, maxPendingResultBytes } = this.#world.settings;
    const { count, chars } = this.#inbox.news;
    return count >= maxPendingResults || chars >= maxPendingResultBytes;
  }

  /** How long the step that has been ready longest has waited, in milliseconds; null when none is ready. */
  oldestReadyMs(): number | null {
    const since = this.#world.memory.ready.oldest();
    return since === null ? null : Math.max(0, this.#ports.clock.wallMs() - since);
  }

  /** Whether it takes tasks, and if not, why. */
  readiness(): { readonly ready: boolean; readonly reason: string | null } {
    if (this.#lost !== null) return { ready: false, reason: storageError(this.#lost.error).message };
    const ready = this.#state === "running";
    return { ready, reason: ready ? null : readinessReasons[this.#state] };
  }

  /** What the handlers of a task have last said about how far they are: step name -> JSON text. */
  progressOf(taskUuid: string): ReadonlyMap<string, string> {
    const steps = this.#world.memory.tasks.get(taskUuid)?.steps ?? [];
    return new Map(steps.flatMap((step) => (step?.progress == null ? [] : [[step.plan.name, step.progress]])));
  }

  workers(): readonly Worker[] {
    return [...this.#world.roster.all()];
  }

  servedHandlers(): readonly string[] | "all" {
    return this.#world.roster.servedHandlers();
  }

  /** @returns a function that ends the subscription */
  onHistory(listener: HistoryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Finishes the turn that runs; refuses everything after it. The store stays open: whoever opened it closes it. */
  async stop(): Promise<void> {
    if (this.#state === "running") this.#state = "stopping";
    this.#ports.scheduler.wakeAt(null, () => {});
    await this.#running;
    refuse(this.#inbox.take(Number.POSITIVE_INFINITY), stopping());
  }

  // ------------------------------------------------------------------------------------------------------- turns

  #push(input: Input): void {
    this.#inbox.push(input);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#running !== null || this.#state !== "running") return;
    const { clock, scheduler } = this.#ports;
    if (clock.monotonicMs() < this.#resumeAt) {
      scheduler.wakeAt(this.#resumeAt, () => this.#schedule());
      return;
    }
    this.#scheduled = true;
    scheduler.soon(() => {
      this.#scheduled = false;
      if (this.#state !== "running" || this.#running !== null) return;
      this.#running = this.#lost === null ? this.#runTurn() : this.#recoverAgain();
    });
  }

  async #runTurn(): Promise<void> {
    const { clock } = this.#ports;
    const inputs = this.#inbox.take(this.#world.settings.turnWeight);
    const turn = new Turn(clock.wallMs(), clock.monotonicMs());
    this.#world.complaints.tick(turn.now);
    try {
      await this.#decide(turn, inputs);
      if (!turn.isEmpty) await this.#commit(turn);
      this.#release(turn);
      this.#failures = 0;
    } catch (error) {
      await this.#giveUp(turn, inputs, error as Error);
    }
    this.#running = null;
    if (!this.#inbox.isEmpty || this.#failures > 0) this.#schedule();
    else this.#wakeLater();
  }

  /** inbox -> what changes, what becomes ready, who gets it. */
  async #decide(turn: Turn, inputs: readonly Input[]): Promise<void> {
    const world = this.#world;
    const keys = await knownKeys(this.#ports.store, inputs);
    const leases = await storedLeases(this.#ports.store, world, inputs);
    for (const input of inputs) this.#take(turn, input, keys, leases);
    releaseDueSteps(world, turn, world.settings.turnWeight);
    if (turn.now >= this.#sweepAt) {
      expireLeases(world, turn, turn.now - this.#sweepAt);
      this.#sweepAt = turn.now + sweepIntervalMs;
    }
    if (world.metrics.steps.ready > 0) leaseReadySteps(world, turn);
    const missing = missingPayloads(world, turn);
    buildRequests(world, turn, missing === null ? null : await this.#ports.store.payloads(missing));
    finaliseTasks(world, turn);
  }

  #take(turn: Turn, input: Input, keys: Map<string, TaskRow>, leases: StoredLeases): void {
    const world = this.#world;
    switch (input.kind) {
      case "results": {
        const sender = input.key === null ? undefined : world.roster.get(input.key);
        for (const result of input.results) applyResult(world, turn, sender, result, leases);
        return;
      }
      case "checkpoints": {
        const sender = world.roster.get(input.key);
        for (const checkpoint of input.checkpoints) saveCheckpoint(world, turn, sender, checkpoint);
        return;
      }
      case "submit": {
        const outcomes = input.tasks.map((checked) => submitTask(world, turn, checked, keys));
        turn.after(() => input.answer.resolve(outcomes));
        return;
      }
      case "cancel":
        answering(turn, input.answer, () => cancelTask(world, turn, input.command));
        return;
      case "template":
        answering(turn, input.answer, () =>
          applyTemplate(world, turn, this.#ports.compileSchema, input.template, input.source),
        );
        return;
      case "joined":
        admitWorker(world, turn, input.worker);
        return;
      case "changed": {
        const worker = world.roster.get(input.key);
        if (worker !== undefined) Object.assign(worker, input.change);
        return;
      }
      case "lost": {
        const worker = world.roster.get(input.key);
        if (worker !== undefined) loseWorker(world, turn, worker, input.reason);
        return;
      }
      case "rejected":
        returnLeases(world, turn, input.key, input.leaseIds, input.reason);
        return;
      case "missing":
        missLeases(world, turn, input.key, input.leaseIds);
    }
  }

  async #commit(turn: Turn): Promise<void> {
    const { store, clock } = this.#ports;
    const record = turn.seal(this.#world.memory);
    const before = clock.monotonicMs();
    await store.commit(record);
    this.#world.metrics.commitTime.observe(clock.monotonicMs() - before);
    this.#world.metrics.commits++;
  }

  #release(turn: Turn): void {
    this.#world.metrics.turns++;
    turn.release(this.#world.memory, this.#world.settings.batchBytes);
    if (this.#listeners.size === 0 || turn.history.length === 0) return;
    const ids = turn.taskIds();
    for (const listener of this.#listeners) listener(turn.history, ids);
  }

  /**
   * A failed turn: nothing of it is stored, so memory is wrong and is read again. What clients asked for is refused; what
   * executors said they say only once, so it waits for the next turn. After `io` nobody knows what is durable: stop.
   */
  async #giveUp(turn: Turn, inputs: readonly Input[], error: Error): Promise<void> {
    const failure = error instanceof StoreError ? error.failure : "engine";
    this.#world.metrics.failedCommits++;
    this.#ports.log.error("turn.failed", { error: error.message, failure });
    refuse(inputs, storageError(error));
    this.#inbox.putBack(inputs);
    if (!passes(error)) {
      this.#fail(error);
      return;
    }
    this.#lost = { released: turn.released, error };
    await this.#restore();
  }

  /** The last try to read memory again failed too. */
  async #recoverAgain(): Promise<void> {
    await this.#restore();
    this.#running = null;
    this.#schedule();
  }

  /** Until the store can be read again nothing is accepted and nothing is decided. */
  async #restore(): Promise<void> {
    const lost = this.#lost!;
    const pauseMs = Math.min(failurePauseMs.first * 2 ** this.#failures++, failurePauseMs.longest);
    try {
      await this.#ports.store.publish();
      await this.#recover(lost.released);
      this.#lost = null;
    } catch (error) {
      if (!passes(error)) {
        this.#fail(error as Error);
        return;
      }
      lost.error = error;
      this.#ports.log.error("recovery.failed", { error: error.message, failure: error.failure, again_in_ms: pauseMs });
      const waiting = this.#inbox.take(Number.POSITIVE_INFINITY);
      refuse(waiting, storageError(error));
      this.#inbox.putBack(waiting);
    }
    this.#resumeAt = this.#ports.clock.monotonicMs() + pauseMs;
  }

  #fail(error: Error): void {
    this.#state = "failed";
    refuse(this.#inbox.take(Number.POSITIVE_INFINITY), storageError(error));
    this.#ports.log.error("engine.failed", { error: error.message, stack: error.stack });
    this.#fatal(error);
  }

  async #recover(released: ReadonlyMap<string, Worker>): Promise<void> {
    const { store, clock } = this.#ports;
    await recover(this.#world, store, clock.wallMs(), clock.monotonicMs(), released);
    this.#sweepAt = clock.monotonicMs() + sweepIntervalMs;
  }

  /** Nothing to do now: the next turn is when a step wakes or a lease may lapse. */
  #wakeLater(): void {
    const timer = this.#world.memory.timers.nextAt();
    const next = holdsLeases(this.#world) ? Math.min(timer ?? Number.POSITIVE_INFINITY, this.#sweepAt) : timer;
    this.#ports.scheduler.wakeAt(next, () => this.#schedule());
  }

  /** Bytes refuse what comes after them, not a single call that has more. */
  #assertRoom(requests: readonly SubmitTask[]): void {
    const { maxPendingSubmissions, maxPendingSubmissionBytes } = this.#world.settings;
    const { count, chars } = this.#inbox.submissions;
    if (count + requests.length > maxPendingSubmissions || chars >= maxPendingSubmissionBytes) throw overloaded();
  }

  #assertAccepting(): void {
    if (this.#state !== "running") throw stopping();
    if (this.#lost !== null) throw storageError(this.#lost.error);
  }
}

/** A failure that ends by itself, or when somebody makes room. */
function passes(error: unknown): error is StoreError {
  return error instanceof StoreError && error.failure !== "io";
}

/** Runs a command of the turn: its answer goes out after the commit, its refusal too. */
function answering<T>(turn: Turn, answer: { resolve(value: T): void; reject(error: Error): void }, run: () => T): void {
  try {
    const value = run();
    turn.after(() => answer.resolve(value));
  } catch (error) {
    if (!(error instanceof TaskerError)) throw error;
    answer.reject(error);
  }
}

const readinessReasons = {
  new: "the active tasks are being loaded",
  running: null,
  stopping: "the orchestrator is stopping",
  failed: "the store failed; the orchestrator has to be started again",
} as const;
