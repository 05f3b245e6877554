/**
 * The leases that a worker holds of one orchestrator: running or queued, or overdue (their timeout was reported, and the
 * handler may still answer).
 */

export interface Holding {
  readonly leaseId: string;
  readonly batchId: string;
  readonly stepId: number;
  readonly attempt: number;
}

/** Handlers that never end must not fill the memory. */
const mostOverdue = 10_000;

export class Holdings {
  readonly #held = new Map<string, Holding>();
  readonly #overdue = new Map<string, Holding>();

  get size(): number {
    return this.#held.size;
  }

  leaseIds(): IterableIterator<string> {
    return this.#held.keys();
  }

  has(leaseId: string): boolean {
    return this.#held.has(leaseId);
  }

  add(holding: Holding): void {
    this.#held.set(holding.leaseId, holding);
  }

  /** The handler ended, or its time did (`timedOut`). @returns what was held; undefined when it was not */
  end(leaseId: string, timedOut: boolean): Holding | undefined {
    const holding = this.#held.get(leaseId);
    if (holding === undefined) {
      // Its time was over before, and has been said to be.
      if (timedOut) return undefined;
      const late = this.#overdue.get(leaseId);
      this.#overdue.delete(leaseId);
      return late;
    }
    this.#held.delete(leaseId);
    if (timedOut) this.#keepOverdue(holding);
    return holding;
  }

  /** It was given back without having begun. */
  release(leaseId: string): boolean {
    return this.#held.delete(leaseId);
  }

  #keepOverdue(holding: Holding): void {
    this.#overdue.set(holding.leaseId, holding);
    if (this.#overdue.size <= mostOverdue) return;
    const [oldest] = this.#overdue.keys();
    this.#overdue.delete(oldest!);
  }
}
