/** The workers that are connected, what each can take, and which steps each holds. */
import type { Step } from "./domain/task.ts";
import type { WorkerInfo } from "./ports.ts";
import type { HandlerQueue, ReadyQueue } from "./ready-queue.ts";

export class Worker {
  readonly info: WorkerInfo;
  readonly joinedAt: number;
  capacity: number;
  draining = false;
  /** Null: every handler. */
  readonly handlers: Set<string> | null;
  /** The queues of its handlers; null: all queues. */
  queues: HandlerQueue[] | null;
  readonly steps = new Set<Step>();
  /**
   * Leases that were revoked while it still works on them: they keep their slots until it says that it is done. With
   * the time when the slot is free anyway: a plain 1.0 worker says nothing when its message was lost.
   */
  readonly revokedLeases = new Map<string, number>();

  constructor(info: WorkerInfo, joinedAt: number, ready: ReadyQueue) {
    this.info = info;
    this.joinedAt = joinedAt;
    this.capacity = info.capacity;
    this.handlers = info.handlers === null ? null : new Set(info.handlers);
    this.queues = this.#resolve(ready);
  }

  get inFlight(): number {
    return this.steps.size + this.revokedLeases.size;
  }

  /** How many steps it may be sent now. */
  get credit(): number {
    if (this.draining) return 0;
    if (this.info.oneBatchAtATime) return this.inFlight === 0 ? this.capacity : 0;
    return Math.max(0, this.capacity - this.inFlight);
  }

  /** The step is no longer its own. */
  revoke(leaseId: string, deadline: number): void {
    this.revokedLeases.set(leaseId, this.info.oneBatchAtATime ? deadline : Number.POSITIVE_INFINITY);
  }

  /** Frees the slots of revoked leases that lapsed. */
  forgetLapsed(now: number): void {
    for (const [leaseId, deadline] of this.revokedLeases) if (deadline <= now) this.revokedLeases.delete(leaseId);
  }

  /** It said that it has this handler, and then that it has not. */
  forgetHandler(handler: string, ready: ReadyQueue): void {
    this.handlers?.delete(handler);
    this.queues = this.#resolve(ready);
  }

  /** Memory was thrown away: holds nothing, looks at the new queues. */
  reset(ready: ReadyQueue): void {
    this.steps.clear();
    this.queues = this.#resolve(ready);
  }

  #resolve(ready: ReadyQueue): HandlerQueue[] | null {
    return this.handlers === null ? null : [...this.handlers].map((handler) => ready.queue(handler));
  }
}

export class Roster {
  readonly #workers = new Map<string, Worker>();
  /** How many workers serve each handler. */
  readonly #served = new Map<string, number>();
  #wildcards = 0;
  /** Workers that may have credit, in the order of their turn. */
  #rotation: Worker[] = [];

  get(key: string): Worker | undefined {
    return this.#workers.get(key);
  }

  all(): IterableIterator<Worker> {
    return this.#workers.values();
  }

  get size(): number {
    return this.#workers.size;
  }

  add(worker: Worker): void {
    this.#workers.set(worker.info.key, worker);
    this.#rotation.push(worker);
    this.#countHandlers(worker, 1);
  }

  remove(worker: Worker): void {
    this.#workers.delete(worker.info.key);
    this.#rotation = this.#rotation.filter((other) => other !== worker);
    this.#countHandlers(worker, -1);
  }

  forgetHandler(worker: Worker, handler: string, ready: ReadyQueue): void {
    if (!worker.handlers?.has(handler)) return;
    this.#countHandlers(worker, -1);
    worker.forgetHandler(handler, ready);
    this.#countHandlers(worker, 1);
  }

  /** The queues of handlers that nobody serves since this worker left: names are the workers' own, and have no end. */
  forgetUnserved(left: Worker, ready: ReadyQueue): void {
    for (const handler of left.handlers ?? []) if (!this.#served.has(handler)) ready.forget(handler);
  }

  /** Handlers that some worker serves; "all" while a worker without a list is here. */
  servedHandlers(): readonly string[] | "all" {
    if (this.#wildcards > 0) return "all";
    return [...this.#served.keys()];
  }

  /** Workers with credit; who was first now is last the next time. */
  withCredit(): Worker[] {
    const first = this.#rotation.shift();
    if (first !== undefined) this.#rotation.push(first);
    return this.#rotation.filter((worker) => worker.credit > 0);
  }

  #countHandlers(worker: Worker, by: 1 | -1): void {
    if (worker.handlers === null) {
      this.#wildcards += by;
      return;
    }
    for (const handler of worker.handlers) {
      const count = (this.#served.get(handler) ?? 0) + by;
      if (count === 0) this.#served.delete(handler);
      else this.#served.set(handler, count);
    }
  }
}
