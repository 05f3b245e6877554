/**
 * Tells the session thread which attempt's handler holds the main thread: one that computes without awaiting keeps that
 * thread from saying anything itself, not even that its time is over (spec R-57).
 */
const numbers = 2 ** 30;

export class Occupancy {
  /** Seen by both threads. */
  readonly shared: SharedArrayBuffer;
  readonly #holder: Int32Array;

  constructor(shared = new SharedArrayBuffer(4)) {
    this.shared = shared;
    this.#holder = new Int32Array(shared);
  }

  /** @param number of the attempt, in the order in which steps were handed over */
  begin(number: number): void {
    Atomics.store(this.#holder, 0, (number % numbers) + 1);
  }

  end(): void {
    Atomics.store(this.#holder, 0, 0);
  }

  /** The number of the attempt, which begins again at 0 after 2^30; null: none. */
  get holder(): number | null {
    const holder = Atomics.load(this.#holder, 0);
    return holder === 0 ? null : holder - 1;
  }
}
