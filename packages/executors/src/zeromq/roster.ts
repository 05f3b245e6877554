/**
 * Everybody who runs steps over ZeroMQ: 2.0 sessions and plain 1.0 slots behind one face. Frames, subscriptions and
 * ticks come in and are passed to whom they concern; the engine's calls go out as frames. Has no socket and no timer
 * of its own: the same code runs in the simulation.
 */
import {
  type Batch,
  Complaints,
  type Executor,
  type Log,
  type Random,
  type SettledCheckpoint,
  type WorkerEvents,
} from "@tasker/engine";
import {
  type CodecLimits,
  decodeResults,
  decodeWorkerMessage,
  defaultLimits,
  ProtocolError,
  topicOf,
  topics,
} from "@tasker/protocol";
import { AwakeTime } from "./awake-time.ts";
import type { ZeromqConfig } from "./config.ts";
import { countOne, type ZeromqCounters } from "./counters.ts";
import { isPlainTopic, PlainSlots } from "./plain-slots.ts";
import { stepResultsOf } from "./results.ts";
import { Sessions } from "./sessions.ts";
import type { Wire, WireEvents } from "./wire.ts";

export interface RosterPorts {
  readonly config: ZeromqConfig;
  readonly events: WorkerEvents;
  readonly wire: Wire;
  readonly log: Log;
  readonly random: Random;
  readonly orchestratorId: string;
  readonly counters: ZeromqCounters;
  /** Runs `flush` once the current burst of calls is over; a microtask by default. */
  readonly flushSoon?: (flush: () => void) => void;
  /**
   * Where the `seq` of a new session begins: beyond every one that it may have seen from an earlier start of this
   * orchestrator (spec R-65). 0 by default, for an orchestrator that starts once.
   */
  readonly firstSeq?: () => number;
}

const sessionTopic = /^@([A-Za-z0-9][A-Za-z0-9._:-]*-[0-9a-f]{8}) $/;

export class Roster implements Executor, WireEvents {
  readonly kind = "zeromq";
  readonly counters: ZeromqCounters;
  readonly #ports: RosterPorts;
  readonly #sessions: Sessions;
  readonly #slots: PlainSlots;
  readonly #time: AwakeTime;
  readonly #complaints: Complaints;
  readonly #codecLimits: CodecLimits;
  #secondEndsAt = 0;
  #subscriptionsThisSecond = 0;

  constructor(ports: RosterPorts) {
    this.#ports = ports;
    this.counters = ports.counters;
    const { maxMessageBytes, maxOutputBytes } = ports.config.limits;
    this.#codecLimits = { ...defaultLimits, messageBytes: maxMessageBytes, outputBytes: maxOutputBytes };
    this.#time = new AwakeTime(ports.config.tickMs);
    this.#complaints = new Complaints(ports.log, ports.config.limits.maxComplaintsLogged);
    this.#sessions = new Sessions({
      ...ports,
      complaints: this.#complaints,
      executor: this,
      epoch: ports.random.token(),
      now: () => this.#time.now,
      flushSoon: ports.flushSoon ?? queueMicrotask,
      firstSeq: ports.firstSeq ?? (() => 0),
    });
    this.#slots = new PlainSlots({ ...ports, executor: this, now: () => this.#time.now });
  }

  /** Workers that are here now, for metrics. */
  get population(): { readonly sessions: number; readonly joined: number; readonly plain: number } {
    return { sessions: this.#sessions.size, joined: this.#sessions.joined, plain: this.#slots.size };
  }

  // ----------------------------------------------------------------------------------------------- from the engine

  dispatch(key: string, batch: Batch): void {
    if (this.#slots.has(key)) this.#slots.dispatch(key, batch);
    else this.#sessions.dispatch(key, batch);
  }

  /** Acks of one burst of calls leave as one message per session. Plain workers have none. */
  acknowledge(key: string, leaseIds: readonly string[]): void {
    this.#sessions.acknowledge(key, leaseIds);
  }

  acknowledgeTimeouts(key: string, leaseIds: readonly string[]): void {
    this.#sessions.acknowledgeTimeouts(key, leaseIds);
  }

  settleCheckpoints(key: string, checkpoints: readonly SettledCheckpoint[]): void {
    this.#sessions.settleCheckpoints(key, checkpoints);
  }

  cancel(key: string, leaseIds: readonly string[], reason: string): void {
    this.#sessions.cancel(key, leaseIds, reason);
  }

  drain(key: string, reason: string): void {
    this.#sessions.drain(key, reason);
  }

  /** Sends what waits for the end of a burst; before the sockets close. */
  flush(): void {
    this.#sessions.flush();
  }

  // ------------------------------------------------------------------------------------------------- from the wire

  subscriptionJoined(topic: string, grant: (prefix: string) => void): void {
    const { limits } = this.#ports.config;
    if (topic.length > limits.maxSubscriptionBytes) {
      this.#refuseSubscription(topic, "too long");
    } else if (++this.#subscriptionsThisSecond > limits.maxSubscriptionsPerSecond) {
      this.#refuseSubscription(topic, "too many in one second");
    } else if (isPlainTopic(topic)) {
      const prefix = this.#slots.join();
      if (prefix === null) this.#refuseSubscription(topic, "too many plain workers");
      else grant(prefix);
    } else {
      const session = sessionTopic.exec(topic)?.[1];
      if (session === undefined) {
        this.#refuseSubscription(topic, 'expected "steps" or "@SESSION "');
        return;
      }
      grant(topic);
      this.#sessions.subscribed(session);
    }
  }

  subscriptionLeft(prefix: string): void {
    if (prefix.startsWith("@")) this.#sessions.unsubscribed(prefix.slice(1, -1));
    else this.#slots.left(prefix);
  }

  frameArrived(frame: Uint8Array): void {
    try {
      if (topicOf(frame) === topics.results) this.#takeResults(frame);
      else this.#takeWorkerMessage(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refuseFrame(error);
    }
  }

  #takeResults(frame: Uint8Array): void {
    const message = decodeResults(frame, this.#codecLimits);
    const { session } = message;
    const key =
      session === undefined ? this.#slots.slotOf(message.batch_id) : this.#sessions.heard(session) ? session : null;
    for (const { error } of message.refused) this.#complain(error);
    const results = stepResultsOf(message);
    this.counters.resultsIn += results.length;
    if (results.length > 0) this.#ports.events.resultsArrived(key, results);
  }

  #takeWorkerMessage(frame: Uint8Array): void {
    const message = decodeWorkerMessage(frame, this.#codecLimits);
    switch (message.type) {
      case "heartbeat":
        for (const { error } of message.refused) this.#complain(error);
        this.#sessions.heartbeat(message);
        return;
      case "hello":
        this.#sessions.hello(message);
        return;
      case "reject":
        this.#sessions.reject(message);
        return;
      case "bye":
        this.#sessions.bye(message);
    }
  }

  #refuseFrame(error: ProtocolError): void {
    this.#complain(error);
    const { session } = error.ids;
    if (session !== null && error.code === "unsupported_version") this.#sessions.refuseVersion(session, error.message);
  }

  #complain(error: ProtocolError): void {
    countOne(this.counters.badFrames, error.code);
    this.#complaints.raise("frame.refused", { code: error.code, detail: error.message });
  }

  #refuseSubscription(topic: string, reason: string): void {
    this.counters.subscriptionsRefused++;
    this.#complaints.raise("subscription.refused", { topic: topic.slice(0, 80), reason });
  }

  // -------------------------------------------------------------------------------------------------------- time

  /** Call it every `tickMs`. */
  tick(monotonicMs: number): void {
    this.#time.tick(monotonicMs);
    if (this.#time.now >= this.#secondEndsAt) {
      this.#secondEndsAt = this.#time.now + 1_000;
      this.#subscriptionsThisSecond = 0;
    }
    this.#complaints.tick(this.#time.now);
    this.#sessions.tick();
    this.#slots.tick();
  }
}
