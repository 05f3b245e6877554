/** Time that only moves when a test says so, and turns that run when a test lets them. */
import type { Clock, Scheduler } from "@tasker/engine";

export class FakeClock implements Clock, Scheduler {
  #now: number;
  #wallOffset: number;
  #soon: (() => void)[] = [];
  #wake: { readonly at: number; readonly run: () => void } | null = null;

  constructor(startMs = 1_000, wallMs = Date.UTC(2030, 0, 1)) {
    this.#now = startMs;
    this.#wallOffset = wallMs - startMs;
  }

  monotonicMs(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#now + this.#wallOffset;
  }

  /** The wall clock is set; monotonic time does not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffset += byMs;
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  wakeAt(at: number | null, run: () => void): void {
    this.#wake = at === null ? null : { at, run };
  }

  /** When the engine wants to be woken next; null: never. */
  get wakesAt(): number | null {
    return this.#wake?.at ?? null;
  }

  /** Lets turns run until nothing is left to do at this time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      const due = this.#soon;
      this.#soon = [];
      for (const run of due) run();
      quiet = due.length === 0 ? quiet + 1 : 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The process stands still: time passes and nothing runs. */
  pause(forMs: number): void {
    this.#now += forMs;
  }

  /** Moves time on, stopping wherever somebody wanted to wake. */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    await this.settle();
    while (this.#wake !== null && this.#wake.at <= end) {
      const { at, run } = this.#wake;
      this.#wake = null;
      this.#now = Math.max(this.#now, at);
      run();
      await this.settle();
    }
    this.#now = end;
    await this.settle();
  }
}
