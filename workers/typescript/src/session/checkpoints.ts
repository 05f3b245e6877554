/**
 * Cursors that handlers saved and the orchestrator has not settled, the newest of each lease. While one is on its way,
 * newer ones wait: a handler that saves in a tight loop costs one message per round trip (spec ).
 */
import type { Checkpoint } from "@tasker/protocol";

interface Saved extends Checkpoint {
  /** The highest `seq` that was sent and not settled; 0: none is on its way. */
  sentSeq: number;
}

export class Checkpoints {
  readonly #saved = new Map<string, Saved>();

  get size(): number {
    return this.#saved.size;
  }

  /** @returns whether it should be sent now; otherwise an older one of its lease is on its way */
  save(checkpoint: Checkpoint): boolean {
    const sentSeq = this.#saved.get(checkpoint.lease_id)?.sentSeq ?? 0;
    this.#saved.set(checkpoint.lease_id, { ...checkpoint, sentSeq });
    return sentSeq === 0;
  }

  /** @returns whether a newer one of the lease has waited for this, and should be sent now */
  settle(leaseId: string, seq: number): boolean {
    const saved = this.#saved.get(leaseId);
    if (saved === undefined) return false;
    if (saved.seq <= seq) {
      this.#saved.delete(leaseId);
      return false;
    }
    if (saved.sentSeq > seq) return false;
    saved.sentSeq = 0;
    return true;
  }

  isUnsent(leaseId: string): boolean {
    const saved = this.#saved.get(leaseId);
    return saved !== undefined && saved.seq > saved.sentSeq;
  }

  forget(leaseId: string): void {
    this.#saved.delete(leaseId);
  }

  /** All of them, for heartbeats that carry `maxBytes` of cursors each: one list for each heartbeat, at least one. */
  send(maxBytes: number): Checkpoint[][] {
    const lists: Checkpoint[][] = [[]];
    let bytes = 0;
    for (const saved of this.#saved.values()) {
      const { lease_id, seq, cursor } = saved;
      if (bytes > 0 && bytes + cursor.length > maxBytes) {
        lists.push([]);
        bytes = 0;
      }
      bytes += cursor.length;
      saved.sentSeq = seq;
      lists[lists.length - 1]!.push({ lease_id, seq, cursor });
    }
    return lists;
  }
}
