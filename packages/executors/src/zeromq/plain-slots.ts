/**
 * Workers written from the seed alone: SUB on `steps`, PUB of `results`, nothing else. Each gets a slot: a prefix of
 * its own, `steps {"batch_id":"<slot>_`, granted in place of the topic that it asked for, so that several of them
 * compete for batches instead of all running every one. No heartbeats, no acks: the socket tells who leaves.
 *
 * A PUB drops what it sends before the other side's subscription has reached it, and a plain worker never sends a result
 * again: answered too early, a step would wait for its timeout. So a slot gets its first batch `plainSettleMs` after it
 * joined. (Without that, 2 of 12 workers that found work waiting lost their first result.)
 */
import type { Batch, Executor, Log, Random, WorkerEvents } from "@tasker/engine";
import { encodePlainBatch, topics } from "@tasker/protocol";
import type { ZeromqConfig } from "./config.ts";
import type { ZeromqCounters } from "./counters.ts";
import type { Wire } from "./wire.ts";

export interface PlainSlotPorts {
  readonly config: ZeromqConfig;
  readonly events: WorkerEvents;
  readonly wire: Wire;
  readonly log: Log;
  readonly random: Random;
  readonly counters: ZeromqCounters;
  readonly executor: Executor;
  /** Awake time in milliseconds, see `awake-time.ts`. */
  now(): number;
}

interface Slot {
  readonly key: string;
  /** When the engine is told of it. */
  readonly settledAt: number;
  isAnnounced: boolean;
  /** Batches that the full queue of the worker refused. */
  unsent: Batch[];
}

const prefixStart = `${topics.steps} {"batch_id":"`;

/** Whether a plain worker subscribes like this: to the seed's topic, with or without the space that ends it. */
export function isPlainTopic(topic: string): boolean {
  return topic === topics.steps || topic === `${topics.steps} `;
}

export class PlainSlots {
  readonly #ports: PlainSlotPorts;
  readonly #slots = new Map<string, Slot>();

  constructor(ports: PlainSlotPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#slots.size;
  }

  has(key: string): boolean {
    return this.#slots.has(key);
  }

  /** @returns the prefix to grant, or null when there is no room for another slot */
  join(): string | null {
    const { config, random } = this.#ports;
    if (this.#slots.size >= config.limits.maxPlainSlots) return null;
    const key = `p${random.token()}`;
    this.#slots.set(key, { key, settledAt: this.#ports.now() + config.plainSettleMs, isAnnounced: false, unsent: [] });
    return `${prefixStart}${key}_`;
  }

  left(prefix: string): void {
    const key = prefix.slice(prefixStart.length, -1);
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    const neverSent = slot.unsent.flatMap((batch) => batch.steps.map((step) => step.leaseId));
    if (!slot.isAnnounced) return;
    this.#ports.log.warn("slot.lost", { slot: key });
    if (neverSent.length > 0) this.#ports.events.leasesRejected(key, neverSent, "not_sent");
    this.#ports.events.workerLost(key, "disconnected");
  }

  /** The slot whose batch this is, by the beginning of its id; null when there is none (any more). */
  slotOf(batchId: string): string | null {
    const key = batchId.slice(0, batchId.indexOf("_"));
    return this.#slots.has(key) ? key : null;
  }

  dispatch(key: string, batch: Batch): void {
    const slot = this.#slots.get(key)!;
    if (slot.unsent.length > 0) slot.unsent.push(batch);
    else this.#send(slot, batch);
  }

  /** Announces slots that have settled, and tries again what was refused. */
  tick(): void {
    for (const slot of this.#slots.values()) {
      if (!slot.isAnnounced && this.#ports.now() >= slot.settledAt) this.#announce(slot);
      if (slot.unsent.length === 0) continue;
      for (const batch of slot.unsent.splice(0)) this.#send(slot, batch);
    }
  }

  #announce(slot: Slot): void {
    const { config, events, executor } = this.#ports;
    slot.isAnnounced = true;
    events.workerJoined({
      key: slot.key,
      executor,
      workerId: `plain-${slot.key}`,
      protocol: "1.0",
      language: null,
      sdk: null,
      version: null,
      pool: "default",
      handlers: null,
      capacity: config.batchSize,
      oneBatchAtATime: true,
      batchPrefix: `${slot.key}_`,
      heldLeases: [],
    });
  }

  #send(slot: Slot, batch: Batch): void {
    this.#ports.counters.batchesOut++;
    this.#ports.wire.send(encodePlainBatch(batch), () => {
      this.#ports.counters.sendsRefused++;
      slot.unsent.push(batch);
    });
  }
}
