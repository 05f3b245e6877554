/** The same numbers every time for the same seed (xorshift128+-like, after Vigna 2017), printed with every failure. */
import type { Random } from "@tasker/engine";

export class SeededRandom implements Random {
  #state: number;
  #uuids = 0;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  }

  uniform(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state / 2 ** 32;
  }

  /** A whole number, 0 <= n < below. */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  token(): string {
    const half = () =>
      Math.floor(this.uniform() * 2 ** 32)
        .toString(16)
        .padStart(8, "0");
    return half() + half();
  }

  uuid(wallMs: number): string {
    const time = wallMs.toString(16).padStart(12, "0");
    const tail = (++this.#uuids).toString(16).padStart(12, "0");
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
  }
}
