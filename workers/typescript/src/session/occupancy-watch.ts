/**
 * Notices attempts whose handlers hold the main thread beyond their time. It looks whenever the session thread does
 * something, at least once per heartbeat, and times an attempt from when it first saw it: it is never early, and at most a
 * heartbeat late.
 */
import type { Occupancy } from "../occupancy.ts";

export interface HandedStep {
  readonly origin: number;
  readonly leaseId: string;
  readonly timeoutMs: number;
}

/** More than a worker can have waiting: its concurrency is at most 5,000. */
const remembered = 16_384;

export class OccupancyWatch {
  readonly #occupancy: Occupancy;
  readonly #handed: HandedStep[] = new Array(remembered);
  #count = 0;
  #holder: number | null = null;
  #overrunsAt = Number.POSITIVE_INFINITY;

  constructor(occupancy: Occupancy) {
    this.#occupancy = occupancy;
  }

  /** The next step for the main thread, which numbers them in the same order. */
  handed({ origin, leaseId, timeoutMs }: HandedStep): void {
    this.#handed[++this.#count % remembered] = { origin, leaseId, timeoutMs };
  }

  /** When the attempt seen last runs out of time, if it still holds the thread; Infinity when there is none. */
  get wakesAt(): number {
    return this.#overrunsAt;
  }

  /** @returns a step whose time is over and whose handler holds the thread, once; else null */
  look(now: number): HandedStep | null {
    const holder = this.#occupancy.holder;
    const step = holder === null ? undefined : this.#handed[holder % remembered];
    if (holder !== this.#holder || step === undefined) {
      this.#holder = holder;
      this.#overrunsAt = step === undefined ? Number.POSITIVE_INFINITY : now + step.timeoutMs;
      return null;
    }
    if (now < this.#overrunsAt) return null;
    this.#overrunsAt = Number.POSITIVE_INFINITY;
    return step;
  }
}
