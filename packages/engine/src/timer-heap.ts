/**
 * One heap for all steps that wake by time (retries, queue timeouts), instead of a timer each. An entry is stale when the
 * step's `deadline` has moved on; stale entries are passed over when they come up.
 */
import type { Step } from "./domain/task.ts";

interface Entry {
  readonly at: number;
  readonly step: Step;
}

export class TimerHeap {
  readonly #entries: Entry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** Wakes the step at its `deadline` (monotonic milliseconds). */
  push(step: Step): void {
    const entries = this.#entries;
    entries.push({ at: step.deadline, step });
    let child = entries.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (entries[parent]!.at <= entries[child]!.at) break;
      [entries[parent], entries[child]] = [entries[child]!, entries[parent]!];
      child = parent;
    }
  }

  /** When the next entry that still holds comes due; null when there is none. */
  nextAt(): number | null {
    while (this.#entries.length > 0) {
      const top = this.#entries[0]!;
      if (holds(top)) return top.at;
      this.#pop();
    }
    return null;
  }

  /** Takes the next step that is due, or answers undefined. */
  takeDue(now: number): Step | undefined {
    const at = this.nextAt();
    return at === null || at > now ? undefined : this.#pop().step;
  }

  #pop(): Entry {
    const entries = this.#entries;
    const top = entries[0]!;
    const last = entries.pop()!;
    if (entries.length === 0) return top;
    entries[0] = last;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      if (left >= entries.length) return top;
      const right = left + 1;
      const least = right < entries.length && entries[right]!.at < entries[left]!.at ? right : left;
      if (entries[parent]!.at <= entries[least]!.at) return top;
      [entries[parent], entries[least]] = [entries[least]!, entries[parent]!];
      parent = least;
    }
  }
}

function holds(entry: Entry): boolean {
  const { state, deadline } = entry.step;
  return deadline === entry.at && (state === "waiting_for_retry" || state === "ready");
}
