/**
 * Simulated time: a queue of events, each of which belongs to a process. A process can be killed (its events never
 * happen) or frozen (they happen once it thaws, in their order). Between two events all promises settle, so a run
 * depends on nothing but its seed. No event is ever real time.
 */

/** Whoever events happen to: an orchestrator's incarnation, a worker, a client. */
export class Process {
  readonly name: string;
  alive = true;
  /** Simulated milliseconds until which nothing happens to it. */
  frozenUntil = 0;
  /** When it thaws, its timers come before the messages that waited, as in a real event loop; else in order of time. */
  timersFirst = false;
  readonly #onDeath: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Nothing that it still does has an effect. */
  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const notice of this.#onDeath.splice(0)) notice();
  }

  onDeath(notice: () => void): void {
    this.#onDeath.push(notice);
  }
}

export interface Timer {
  cancelled: boolean;
}

interface Event extends Timer {
  at: number;
  /** When it would have happened if its process had not been frozen. */
  due: number;
  readonly order: number;
  readonly process: Process | null;
  readonly isTimer: boolean;
  readonly run: () => void;
}

export class Kernel {
  readonly #heap: Event[] = [];
  #now = 0;
  #order = 0;
  #events = 0;
  #current: Process | null = null;

  /** Simulated milliseconds since the start of the run. */
  get now(): number {
    return this.#now;
  }

  /** Whose event is happening; null: the world's. */
  get current(): Process | null {
    return this.#current;
  }

  /** Events that happened so far. */
  get events(): number {
    return this.#events;
  }

  /** @param process null: the world itself, which nobody kills */
  after(delayMs: number, process: Process | null, run: () => void): Timer {
    return this.#plan(delayMs, process, false, run);
  }

  /** The same for a timer of the process's own. */
  timer(delayMs: number, process: Process | null, run: () => void): Timer {
    return this.#plan(delayMs, process, true, run);
  }

  #plan(delayMs: number, process: Process | null, isTimer: boolean, run: () => void): Timer {
    const at = this.#now + Math.max(0, delayMs);
    const event: Event = { at, due: at, order: this.#order++, process, isTimer, run, cancelled: false };
    this.#push(event);
    return event;
  }

  /** Lets the next event happen, and everything that follows from it at once. @returns false when there is none */
  async step(): Promise<boolean> {
    const event = this.#next();
    if (event === null) return false;
    this.#now = event.at;
    this.#current = event.process;
    this.#events++;
    event.run();
    await settled();
    return true;
  }

  #next(): Event | null {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return null;
      const { process } = event;
      if (event.cancelled || process?.alive === false) continue;
      if (process === null || process.frozenUntil <= event.at) return event;
      // The same object: whoever holds it may still cancel it.
      event.at = process.frozenUntil;
      if (event.isTimer && process.timersFirst) event.due = 0;
      this.#push(event);
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    heap.push(event);
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (comesBefore(heap[parent]!, heap[child]!)) break;
      [heap[parent], heap[child]] = [heap[child]!, heap[parent]!];
      child = parent;
    }
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    heap[0] = last;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      if (left >= heap.length) return top;
      const right = left + 1;
      const least = right < heap.length && comesBefore(heap[right]!, heap[left]!) ? right : left;
      if (comesBefore(heap[parent]!, heap[least]!)) return top;
      [heap[parent], heap[least]] = [heap[least]!, heap[parent]!];
      parent = least;
    }
  }
}

function comesBefore(a: Event, b: Event): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.due === b.due ? a.order < b.order : a.due < b.due;
}

const { setImmediate: immediate } = globalThis;

/** All promises that can settle without an event have done so. */
function settled(): Promise<void> {
  return new Promise((resolve) => immediate(resolve));
}
