/**
 * Results that the orchestrator has not acknowledged. Each is kept until its ack, across sessions, and is due again after
 * 1 s, doubling to 10 s, +-20 % (spec ). Holds and answers; the session sends.
 */
import type { ResultItem } from "@tasker/protocol";

const firstResendMs = 1_000;
const longestResendMs = 10_000;
const jitter = 0.2;

export interface OutboxEntry {
  readonly leaseId: string;
  readonly batchId: string;
  readonly item: ResultItem;
  /** Told under the same lease once the first is acknowledged: the answer of a handler that had timed out. */
  next: ResultItem | null;
  delayMs: number;
  dueAt: number;
}

export class Outbox {
  readonly #entries = new Map<string, OutboxEntry>();
  readonly #uniform: () => number;
  #earliest = Number.POSITIVE_INFINITY;

  /** @param uniform random numbers, 0 <= x < 1 */
  constructor(uniform: () => number) {
    this.#uniform = uniform;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** No entry is due before this; Infinity when there is none. */
  get earliest(): number {
    return this.#entries.size === 0 ? Number.POSITIVE_INFINITY : this.#earliest;
  }

  has(leaseId: string): boolean {
    return this.#entries.has(leaseId);
  }

  leaseIds(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /**
   * Keeps a result that is being sent now. A second result under the same lease (the answer after the news of its
   * timeout) waits until the first one's ack.
   * @returns the entry to send; null when it has to wait
   */
  put(leaseId: string, batchId: string, item: ResultItem, now: number): OutboxEntry | null {
    const earlier = this.#entries.get(leaseId);
    if (earlier !== undefined) {
      earlier.next = item;
      return null;
    }
    const entry: OutboxEntry = { leaseId, batchId, item, next: null, delayMs: firstResendMs, dueAt: 0 };
    this.#schedule(entry, now);
    this.#entries.set(leaseId, entry);
    return entry;
  }

  /** @returns a result that waited behind the acknowledged one and is to be sent now; null when there is none */
  acknowledge(leaseId: string, now: number): OutboxEntry | null {
    const entry = this.#entries.get(leaseId);
    return entry === undefined ? null : this.#forget(entry, now);
  }

  /**
   * The orchestrator knows of the timeout. Such an ack may come again when the answer has taken the timeout's place.
   * @returns as `acknowledge` does
   */
  acknowledgeTimeout(leaseId: string, now: number): OutboxEntry | null {
    const entry = this.#entries.get(leaseId);
    return entry?.item.error_code === "timeout" ? this.#forget(entry, now) : null;
  }

  #forget(entry: OutboxEntry, now: number): OutboxEntry | null {
    const { leaseId } = entry;
    this.#entries.delete(leaseId);
    return entry.next === null ? null : this.put(leaseId, entry.batchId, entry.next, now);
  }

  /** What has to be sent (again) now; it is due next after a longer time. */
  takeDue(now: number): OutboxEntry[] {
    const due: OutboxEntry[] = [];
    if (now < this.#earliest) return due;
    this.#earliest = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (entry.dueAt <= now) {
        due.push(entry);
        entry.delayMs = Math.min(entry.delayMs * 2, longestResendMs);
        this.#schedule(entry, now);
      } else this.#earliest = Math.min(this.#earliest, entry.dueAt);
    }
    return due;
  }

  /** Everything is due, as if for the first time: after a welcome. */
  restart(): void {
    for (const entry of this.#entries.values()) {
      entry.delayMs = firstResendMs / 2;
      entry.dueAt = 0;
    }
    this.#earliest = 0;
  }

  #schedule(entry: OutboxEntry, now: number): void {
    entry.dueAt = now + entry.delayMs * (1 + jitter * (2 * this.#uniform() - 1));
    this.#earliest = Math.min(this.#earliest, entry.dueAt);
  }
}
