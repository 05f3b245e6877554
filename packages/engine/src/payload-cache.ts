/**
 * Contexts and outputs of active tasks, up to a number of bytes; the oldest go first. What is not here is read from the
 * store in the turn that needs it.
 */
import type { Step, Task } from "./domain/task.ts";

export class PayloadCache {
  readonly #texts = new Map<Task | Step, string>();
  readonly #limit: number;
  #size = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get(holder: Task | Step): string | undefined {
    return this.#texts.get(holder);
  }

  set(holder: Task | Step, text: string): void {
    this.#delete(holder);
    this.#texts.set(holder, text);
    this.#size += text.length;
    if (this.#size > this.#limit) this.#shrink();
  }

  /** Everything of a task that has left memory. */
  dropTask(task: Task): void {
    this.#delete(task);
    for (const step of task.steps) if (step !== null) this.#delete(step);
  }

  #delete(holder: Task | Step): void {
    const text = this.#texts.get(holder);
    if (text === undefined) return;
    this.#size -= text.length;
    this.#texts.delete(holder);
  }

  #shrink(): void {
    for (const holder of this.#texts.keys()) {
      if (this.#size <= this.#limit) return;
      this.#delete(holder);
    }
  }
}
