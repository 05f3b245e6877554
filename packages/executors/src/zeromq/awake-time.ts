/**
 * Time that passes only while this process runs: a stretch without ticks (SIGSTOP, a laptop asleep, a long pause)
 * counts as one tick. So an orchestrator that wakes up late first hears its workers before it judges their silence.
 */

/** A tick may be this late, as a share of its interval, and still count in full. */
const latenessAllowed = 5;

export class AwakeTime {
  readonly #longestStepMs: number;
  #last: number | null = null;
  #now = 0;

  constructor(tickMs: number) {
    this.#longestStepMs = tickMs * latenessAllowed;
  }

  /** Milliseconds since the first tick. */
  get now(): number {
    return this.#now;
  }

  tick(monotonicMs: number): void {
    const passed = this.#last === null ? 0 : Math.max(0, monotonicMs - this.#last);
    this.#now += Math.min(passed, this.#longestStepMs);
    this.#last = monotonicMs;
  }
}
