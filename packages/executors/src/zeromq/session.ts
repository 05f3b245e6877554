/**
 * What the orchestrator knows of one 2.0 session: its subscriptions, the worker behind it once it said hello, and
 * which leases were sent under which `seq`. Holds facts and answers questions; `sessions.ts` decides.
 */
import type { Batch } from "@tasker/engine";
import type { Codec, Frame, HelloMessage } from "@tasker/protocol";

/** What waits until the worker can be reached: a batch, or a control message as a frame. */
export type Unsent = Batch | Frame;

export function isBatch(unsent: Unsent): unsent is Batch {
  return typeof unsent !== "string" && "steps" in unsent;
}

/** Another session claims the worker id of this one, which has until `until` to show that it lives. */
export interface Challenge {
  readonly challenger: Session;
  readonly hello: HelloMessage;
  readonly until: number;
}

export class Session {
  readonly key: string;
  /** Connections that were granted the topic. More than one while libzmq replaces a broken one. */
  subscriptions = 0;
  /** Since when nobody is subscribed. */
  unsubscribedAt = 0;
  /** Null: subscribed, but no accepted hello (yet, or any more). */
  hello: HelloMessage | null = null;
  /** What its hello asked for. */
  codec: Codec = "json";
  heardAt = 0;
  spokenAt = 0;
  capacity = 0;
  /** How many leases its last hello named. */
  declared = 0;
  /** It drains: by its own word or by the operator's. */
  draining = false;
  /** Batches did not arrive although it is subscribed. Ends with its next hello, which shows that it hears. */
  deaf = false;
  /** What the engine was told last: no new steps. */
  closed = false;
  challenge: Challenge | null = null;
  unsent: Unsent[] = [];
  /** Lease ids for the next `result_ack`. */
  acks: string[] = [];
  /** The same, of timeouts. */
  timeoutAcks: string[] = [];

  /** The last `seq` given. Never starts again, since the worker ignores one that it has seen. */
  #seq: number;
  /** Leases that it should hold, with the `seq` that brought them; 0: it declared them itself. */
  readonly #leases = new Map<string, number>();
  /** Leases that the last heartbeat did not list although their batch had arrived. */
  readonly #unlisted = new Set<string>();
  /** Batches that no heartbeat has confirmed, oldest first. */
  #unconfirmed: { readonly seq: number; readonly sentAt: number }[] = [];

  /** @param firstSeq its batches have a greater `seq` than this, and than any that it says it has seen */
  constructor(key: string, firstSeq = 0) {
    this.key = key;
    this.#seq = firstSeq;
  }

  get isSubscribed(): boolean {
    return this.subscriptions > 0;
  }

  /** Starts (again) with what the worker declares. */
  accept(hello: HelloMessage, now: number): void {
    this.forgetWorker();
    this.hello = termsOf(hello);
    this.declared = declaredIn(hello);
    this.capacity = hello.capacity;
    this.heardAt = now;
    for (const lease of hello.leases) this.#leases.set(lease, 0);
    for (const lease of hello.outbox) this.#leases.set(lease, 0);
  }

  /** Back to a bare subscription. */
  forgetWorker(): void {
    this.hello = null;
    this.declared = 0;
    this.codec = "json";
    this.challenge = null;
    this.draining = false;
    this.deaf = false;
    this.closed = false;
    this.unsent = [];
    this.acks = [];
    this.timeoutAcks = [];
    this.#leases.clear();
    this.#unlisted.clear();
    this.#unconfirmed = [];
  }

  /** @returns the `seq` of this batch */
  assign(batch: Batch, now: number): number {
    const seq = ++this.#seq;
    for (const { leaseId } of batch.steps) this.#leases.set(leaseId, seq);
    this.#unconfirmed.push({ seq, sentAt: now });
    return seq;
  }

  /** The batch was refused on the way out: as if it had not been assigned, but its `seq` is never used again. */
  unassign(batch: Batch, seq: number): void {
    for (const { leaseId } of batch.steps) this.release(leaseId);
    this.#unconfirmed = this.#unconfirmed.filter((sent) => sent.seq !== seq);
  }

  release(leaseId: string): void {
    this.#leases.delete(leaseId);
    this.#unlisted.delete(leaseId);
  }

  /** Releases and answers with the leases of batches that were sent after this one. */
  takeLater(lastSeq: number): string[] {
    const later = [...this.#leases].flatMap(([lease, seq]) => (seq > lastSeq ? [lease] : []));
    for (const lease of later) this.release(lease);
    return later;
  }

  /**
   * Takes in what a heartbeat says and answers with what it shows to be gone, which is then released:
   * leases of batches sent before `overdueBefore` that did not arrive (`undelivered`), and leases that did arrive and
   * are not listed for the second time in a row (`vanished`).
   */
  compare(
    lastSeq: number,
    listed: ReadonlySet<string>,
    overdueBefore: number,
  ): { undelivered: string[]; vanished: string[] } {
    if (lastSeq > this.#seq) this.#seq = lastSeq;
    const overdueSeq = this.#settle(lastSeq, overdueBefore);
    const undelivered: string[] = [];
    const vanished: string[] = [];
    for (const [lease, seq] of this.#leases) {
      if (listed.has(lease)) this.#unlisted.delete(lease);
      else if (seq > lastSeq) {
        if (seq <= overdueSeq) undelivered.push(lease);
      } else if (this.#unlisted.has(lease)) vanished.push(lease);
      else this.#unlisted.add(lease);
    }
    for (const lease of undelivered) this.release(lease);
    for (const lease of vanished) this.release(lease);
    return { undelivered, vanished };
  }

  /** Forgets the batches that are confirmed or overdue. @returns the highest overdue `seq`, or 0 */
  #settle(lastSeq: number, overdueBefore: number): number {
    let overdueSeq = 0;
    let settled = 0;
    for (const { seq, sentAt } of this.#unconfirmed) {
      if (seq > lastSeq && sentAt > overdueBefore) break;
      if (seq > lastSeq) overdueSeq = seq;
      settled++;
    }
    if (settled > 0) this.#unconfirmed.splice(0, settled);
    return overdueSeq;
  }
}

/** What is kept of a hello: the leases are in a table of their own. */
export function termsOf(hello: HelloMessage): HelloMessage {
  return { ...hello, leases: [], outbox: [] };
}

export function declaredIn({ leases, outbox }: HelloMessage): number {
  return leases.length + outbox.length;
}
