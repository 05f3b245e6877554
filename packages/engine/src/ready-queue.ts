/**
 * The steps that wait for a worker: one queue a handler, in it one line a priority, first come first served. A step that
 * stopped being ready stays in its line until somebody draws it, and is passed over then.
 */
import type { Step } from "./domain/task.ts";

interface Entry {
  readonly step: Step;
  readonly order: number;
}

/** One line: an array that is read from the front without moving the rest each time. */
class Line {
  readonly priority: number;
  #entries: Entry[] = [];
  #head = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
  }

  peek(): Entry | undefined {
    while (this.#head < this.#entries.length) {
      const entry = this.#entries[this.#head]!;
      if (entry.step.state === "ready") return entry;
      this.#drop();
    }
    return undefined;
  }

  shift(): Step {
    const entry = this.#entries[this.#head]!;
    this.#drop();
    return entry.step;
  }

  #drop(): void {
    this.#head++;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

export class HandlerQueue {
  /** Highest priority first; almost always just one. */
  readonly #lines: Line[] = [];

  push(entry: Entry, priority: number): void {
    const line = this.#lines.find((known) => known.priority === priority);
    if (line) {
      line.push(entry);
      return;
    }
    const made = new Line(priority);
    made.push(entry);
    this.#lines.push(made);
    this.#lines.sort((a, b) => b.priority - a.priority);
  }

  /** The line whose head comes next, and that head. */
  head(): { readonly line: Line; readonly entry: Entry } | undefined {
    for (const line of this.#lines) {
      const entry = line.peek();
      if (entry !== undefined) return { line, entry };
    }
    return undefined;
  }
}

export class ReadyQueue {
  readonly #queues = new Map<string, HandlerQueue>();
  #order = 0;

  queue(handler: string): HandlerQueue {
    const known = this.#queues.get(handler);
    if (known) return known;
    const made = new HandlerQueue();
    this.#queues.set(handler, made);
    return made;
  }

  /** How many handlers have a queue. */
  get size(): number {
    return this.#queues.size;
  }

  /** Nobody serves this handler any more: nobody holds its queue, which goes if no step waits in it. */
  forget(handler: string): void {
    if (this.#queues.get(handler)?.head() === undefined) this.#queues.delete(handler);
  }

  push(step: Step): void {
    this.queue(step.plan.handler).push({ step, order: this.#order++ }, step.plan.priority + step.task.priority);
  }

  /** Since when (wall-clock) the step that has waited longest is ready; null when there is none. */
  oldest(): number | null {
    let oldest: number | null = null;
    for (const queue of this.#queues.values()) {
      const since = queue.head()?.entry.step.readyAt ?? null;
      if (since !== null && (oldest === null || since < oldest)) oldest = since;
    }
    return oldest;
  }

  /** Draws at most `count` steps for a worker, by priority, then by age. `queues` null: from all. */
  take(queues: readonly HandlerQueue[] | null, count: number): Step[] {
    const taken: Step[] = [];
    const from = queues ?? [...this.#queues.values()];
    while (taken.length < count) {
      const best = first(from);
      if (best === undefined) break;
      taken.push(best.shift());
    }
    return taken;
  }
}

function first(queues: readonly HandlerQueue[]): Line | undefined {
  let best: { readonly line: Line; readonly entry: Entry } | undefined;
  for (const queue of queues) {
    const head = queue.head();
    if (head !== undefined && (best === undefined || comesBefore(head, best))) best = head;
  }
  return best?.line;
}

type Head = { readonly line: Line; readonly entry: Entry };

function comesBefore(a: Head, b: Head): boolean {
  return a.line.priority > b.line.priority || (a.line.priority === b.line.priority && a.entry.order < b.entry.order);
}
