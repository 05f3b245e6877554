/**
 * What is said to sessions: batches and orders, which wait while a worker cannot be reached; acks, which are collected;
 * and all the rest, which is said again anyway if it is lost.
 */
import type { Batch, Complaints, SettledCheckpoint } from "@tasker/engine";
import { type ControlMessage, defaultLimits, encodeBatch, encodeControl, type Frame } from "@tasker/protocol";
import type { ZeromqConfig } from "./config.ts";
import { countOne, type ZeromqCounters } from "./counters.ts";
import { isBatch, type Session } from "./session.ts";
import type { Wire } from "./wire.ts";

export interface SpeakerPorts {
  readonly config: ZeromqConfig;
  readonly wire: Wire;
  /** Logs at a bounded rate: for what peers can cause as often as they like. */
  readonly complaints: Complaints;
  readonly counters: ZeromqCounters;
  readonly orchestratorId: string;
  /** One per start of the orchestrator, never used before. */
  readonly epoch: string;
  /** Awake time in milliseconds, see `awake-time.ts`. */
  now(): number;
  /** Runs `flush` once the current burst of calls is over. */
  flushSoon(flush: () => void): void;
}

type Said = ControlMessage extends infer Message
  ? Message extends ControlMessage
    ? Omit<Message, "protocol_version" | "orchestrator_id" | "epoch">
    : never
  : never;

/** Well below what a worker accepts in one list. */
const leasesPerMessage = 1_000;

export class SessionSpeaker {
  readonly #ports: SpeakerPorts;
  readonly #withAcks = new Set<Session>();

  constructor(ports: SpeakerPorts) {
    this.#ports = ports;
  }

  /** Now, or after what waits already. */
  dispatch(session: Session, batch: Batch): void {
    if (session.unsent.length > 0 || !session.isSubscribed) session.unsent.push(batch);
    else this.#sendBatch(session, batch);
  }

  #sendBatch(session: Session, batch: Batch): void {
    const { wire, counters } = this.#ports;
    const seq = session.assign(batch, this.#ports.now());
    counters.batchesOut++;
    session.spokenAt = this.#ports.now();
    wire.send(encodeBatch(batch, session.key, seq, session.codec), () => {
      counters.sendsRefused++;
      session.unassign(batch, seq);
      if (session.hello !== null) session.unsent.push(batch);
    });
  }

  /** Tries again what waits; whatever is refused waits on, in its order. */
  sendUnsent(session: Session): void {
    if (session.unsent.length === 0) return;
    const items = session.unsent;
    session.unsent = [];
    for (const item of items) {
      if (isBatch(item)) this.#sendBatch(session, item);
      else this.#sendOrder(session, item);
    }
  }

  /** Acks of one burst of calls leave together. @param acks the session's list that they belong to */
  acknowledge(session: Session, acks: string[], leaseIds: readonly string[]): void {
    for (const lease of leaseIds) {
      session.release(lease);
      acks.push(lease);
    }
    if (this.#withAcks.size === 0) this.#ports.flushSoon(() => this.flushAcks());
    this.#withAcks.add(session);
  }

  /** The session was lost: nobody waits for its acks. */
  forget(session: Session): void {
    this.#withAcks.delete(session);
  }

  flushAcks(): void {
    const sessions = [...this.#withAcks];
    this.#withAcks.clear();
    for (const session of sessions) {
      // A lost ack is harmless: the worker sends the result again, and the engine acknowledges it again.
      while (session.acks.length + session.timeoutAcks.length > 0) {
        const lease_ids = session.acks.splice(0, leasesPerMessage);
        const timeout_ids = session.timeoutAcks.splice(0, leasesPerMessage);
        this.say(session, { type: "result_ack", lease_ids, timeout_ids });
      }
    }
  }

  /** What is lost here comes again: the worker repeats a cursor until it is settled. */
  settleCheckpoints(session: Session, settled: readonly SettledCheckpoint[]): void {
    for (let from = 0; from < settled.length; from += leasesPerMessage) {
      const checkpoints = settled
        .slice(from, from + leasesPerMessage)
        .map(({ leaseId, seq, refused }) => ({ lease_id: leaseId, seq, ...(refused === null ? {} : { refused }) }));
      this.say(session, { type: "checkpoint_ack", checkpoints });
    }
  }

  /** Something that the worker must be told, if not now, then later. */
  order(session: Session, said: Said): void {
    const frame = this.#frame(session, said);
    if (session.unsent.length > 0 || !session.isSubscribed) session.unsent.push(frame);
    else this.#sendOrder(session, frame);
  }

  #sendOrder(session: Session, frame: Frame): void {
    session.spokenAt = this.#ports.now();
    this.#ports.wire.send(frame, () => {
      this.#ports.counters.sendsRefused++;
      if (session.hello !== null) session.unsent.push(frame);
    });
  }

  /** Something that is said again anyway when it is lost. */
  say(session: Session, said: Said): void {
    session.spokenAt = this.#ports.now();
    this.#ports.wire.send(this.#frame(session, said), () => {
      this.#ports.counters.sendsRefused++;
    });
  }

  #frame(session: Session, said: Said): Frame {
    const { orchestratorId, epoch } = this.#ports;
    const message = { ...said, protocol_version: "2.0", orchestrator_id: orchestratorId, epoch } as ControlMessage;
    return encodeControl(session.key, message, session.codec);
  }

  welcome(session: Session): void {
    const { heartbeatMs, limits } = this.#ports.config;
    this.say(session, {
      type: "welcome",
      version: "2.0",
      codec: session.codec,
      heartbeat_ms: heartbeatMs,
      limits: {
        max_message_bytes: limits.maxMessageBytes,
        max_output_bytes: limits.maxOutputBytes,
        max_checkpoint_bytes: defaultLimits.checkpointBytes,
        max_steps_per_batch: limits.maxStepsPerBatch,
      },
    });
  }

  refuse(session: Session, reason: string, detail: string): void {
    countOne(this.#ports.counters.sessionsRefused, reason);
    this.#ports.complaints.raise("session.refused", { session: session.key, reason, detail });
    this.say(session, { type: "refuse", reason, detail });
  }
}
