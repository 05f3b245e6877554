/**
 * The orchestrator's view of 2.0 workers, without sockets, timers or clocks: messages, subscriptions and ticks come in;
 * calls of `WorkerEvents` and frames for the `Wire` go out.
 *
 *   subscribed -> ready -> suspect -> ready again, or lost
 *
 * A session is joined once it is subscribed and has said hello. It is suspect while it is unsubscribed, silent or deaf,
 * and gets no new steps then. Every lease of a joined session is held, or reported missing, or revoked by its loss.
 */
import type { Batch, Executor, Log, SettledCheckpoint, WorkerEvents, WorkerInfo } from "@tasker/engine";
import {
  type ByeMessage,
  type Codec,
  codecs,
  type DecodedHeartbeat,
  type HeartbeatMessage,
  type HelloMessage,
  type RejectMessage,
} from "@tasker/protocol";
import { declaredIn, isBatch, Session, termsOf } from "./session.ts";
import { SessionSpeaker, type SpeakerPorts } from "./session-speaker.ts";

export interface SessionPorts extends SpeakerPorts {
  readonly events: WorkerEvents;
  readonly log: Log;
  /** What `WorkerInfo.executor` names. */
  readonly executor: Executor;
  /** See `RosterPorts`. */
  firstSeq(): number;
}

export class Sessions {
  readonly #ports: SessionPorts;
  readonly #sessions = new Map<string, Session>();
  /** Joined sessions by worker id. */
  readonly #workers = new Map<string, Session>();
  readonly #speaker: SessionSpeaker;

  constructor(ports: SessionPorts) {
    this.#ports = ports;
    this.#speaker = new SessionSpeaker(ports);
  }

  /** Sessions that are subscribed, joined or both. */
  get size(): number {
    return this.#sessions.size;
  }

  get joined(): number {
    return this.#workers.size;
  }

  // ------------------------------------------------------------------------------------------------ subscriptions

  /** The topic was granted: from now on it hears what it is told. */
  subscribed(key: string): void {
    const session = this.#sessions.get(key);
    if (session === undefined) {
      if (this.#sessions.size >= this.#ports.config.limits.maxSessions) this.#refuseUnknown(key);
      else this.#greet(key);
      return;
    }
    session.subscriptions++;
    if (session.subscriptions > 1) return;
    this.#speaker.sendUnsent(session);
    this.#review(session);
  }

  unsubscribed(key: string): void {
    const session = this.#sessions.get(key);
    if (session === undefined || session.subscriptions === 0) return;
    session.subscriptions--;
    if (session.subscriptions > 0) return;
    session.unsubscribedAt = this.#ports.now();
    if (session.hello === null) this.#sessions.delete(key);
    else this.#review(session);
  }

  /** A worker that was there before this orchestrator started, or is new: the question is the same. */
  #greet(key: string): void {
    const session = new Session(key, this.#ports.firstSeq());
    session.subscriptions = 1;
    this.#sessions.set(key, session);
    this.#speaker.say(session, { type: "rehello", reason: "unknown_session" });
  }

  #refuseUnknown(key: string): void {
    this.#speaker.refuse(new Session(key), "too_many_sessions", `at most ${this.#ports.config.limits.maxSessions}`);
  }

  // ------------------------------------------------------------------------------------------------------ messages

  hello(message: HelloMessage): void {
    const session = this.#sessions.get(message.session);
    if (session === undefined || !session.isSubscribed) {
      this.#ports.counters.hellosUnheard++;
      return;
    }
    if (!message.protocols.includes("2.0")) {
      this.#speaker.refuse(
        session,
        "protocol_version",
        `this orchestrator speaks 2.0; you speak ${message.protocols.join()}`,
      );
    } else if (codecFor(message) === undefined) {
      this.#speaker.refuse(
        session,
        "codec",
        `this orchestrator speaks ${codecs.join()}; you speak ${message.codecs.join()}`,
      );
    } else if (this.#declaresTooMuch(session, message)) {
      this.#speaker.refuse(
        session,
        "too_many_leases",
        `at most ${this.#ports.config.limits.maxDeclaredLeases} of all workers`,
      );
    } else if (session.hello !== null) {
      this.#helloAgain(session, session.hello, message);
    } else {
      const holder = this.#workers.get(message.worker_id);
      if (holder === undefined) this.#join(session, message);
      else this.#contest(holder, session, message);
    }
  }

  /** Each id is kept while its session is here, so their number is bounded. */
  #declaresTooMuch(session: Session, message: HelloMessage): boolean {
    let others = 0;
    for (const other of this.#sessions.values()) if (other !== session) others += other.declared;
    const own = declaredIn(message);
    if (others + own > this.#ports.config.limits.maxDeclaredLeases) return true;
    session.declared = own;
    return false;
  }

  heartbeat(message: DecodedHeartbeat): void {
    const session = this.#sessions.get(message.session);
    if (session === undefined) return;
    if (session.hello === null || message.epoch !== this.#ports.epoch) {
      if (session.hello !== null) this.#hear(session);
      this.#speaker.say(session, {
        type: "rehello",
        reason: session.hello === null ? "unknown_session" : "other_epoch",
      });
      return;
    }
    this.#hear(session);
    this.#compareLeases(session, message);
    // What it says may show that it is suspect, and another session that waits for its place has it by now.
    if (session.hello === null) return;
    if (message.capacity !== session.capacity) {
      session.capacity = message.capacity;
      this.#ports.events.workerChanged(session.key, { capacity: message.capacity });
    }
    for (const { lease_id, progress } of message.progress)
      this.#ports.events.progressed(session.key, lease_id, progress);
    if (message.checkpoints.length + message.refused.length > 0) this.#takeCheckpoints(session, message);
  }

  #takeCheckpoints(session: Session, { checkpoints, refused }: DecodedHeartbeat): void {
    if (checkpoints.length > 0) {
      const saved = checkpoints.map(({ lease_id, seq, cursor }) => ({ leaseId: lease_id, seq, cursor }));
      this.#ports.events.checkpointsArrived(session.key, saved);
    }
    const settled = refused.flatMap(({ error, seq }): SettledCheckpoint[] => {
      const { leaseId } = error.ids;
      if (leaseId === null || seq === null) return [];
      return [{ leaseId, seq, refused: error.code === "too_large" ? "too_large" : "malformed" }];
    });
    if (settled.length > 0) this.#speaker.settleCheckpoints(session, settled);
  }

  reject(message: RejectMessage): void {
    const session = this.#sessions.get(message.session);
    if (session === undefined || session.hello === null) return;
    this.#hear(session);
    for (const lease of message.lease_ids) session.release(lease);
    if (message.reason === "draining") {
      session.draining = true;
      this.#review(session);
    }
    if (session.hello === null) return;
    this.#ports.events.leasesRejected(session.key, message.lease_ids, message.reason);
  }

  /** It speaks a version that we do not know: whatever it sent. */
  refuseVersion(key: string, detail: string): void {
    const session = this.#sessions.get(key);
    if (session?.isSubscribed && session.hello === null) this.#speaker.refuse(session, "protocol_version", detail);
  }

  /** Batches that crossed with it were never read: their steps go elsewhere, and no attempt is counted. */
  bye({ session: key, last_seq }: ByeMessage): void {
    const session = this.#sessions.get(key);
    if (session === undefined || session.hello === null) return;
    const unread = last_seq === null ? [] : session.takeLater(last_seq);
    if (unread.length > 0) this.#ports.events.leasesRejected(key, unread, "draining");
    this.#lose(session, "bye");
  }

  /** A result shows that its sender lives. @returns whether such a session is joined */
  heard(key: string): boolean {
    const session = this.#sessions.get(key);
    if (session === undefined || session.hello === null) return false;
    this.#hear(session);
    return this.#sessions.get(key)?.hello != null;
  }

  #hear(session: Session): void {
    session.heardAt = this.#ports.now();
    if (session.closed) this.#review(session);
  }

  #compareLeases(session: Session, message: HeartbeatMessage): void {
    const overdueBefore = this.#ports.now() - this.#ports.config.silenceMs;
    const { undelivered, vanished } = session.compare(message.last_seq, new Set(message.leases), overdueBefore);
    if (undelivered.length > 0) {
      session.deaf = true;
      this.#review(session);
      if (session.hello === null) return;
    }
    // With every heartbeat until it says hello: the question may be lost, as the batch was.
    if (session.deaf) this.#speaker.say(session, { type: "rehello", reason: "unconfirmed_batch" });
    if (undelivered.length + vanished.length === 0) return;
    const missing = [...undelivered, ...vanished];
    this.#ports.counters.leasesMissing += missing.length;
    this.#ports.log.warn("session.leases_missing", {
      session: session.key,
      undelivered: undelivered.length,
      vanished: vanished.length,
    });
    this.#ports.events.leasesMissing(session.key, missing);
  }

  // --------------------------------------------------------------------------------------------------- who is here

  #join(session: Session, hello: HelloMessage): void {
    session.accept(hello, this.#ports.now());
    session.codec = codecFor(hello) ?? "json";
    this.#workers.set(hello.worker_id, session);
    this.#ports.counters.sessionsJoined++;
    this.#ports.events.workerJoined(this.#workerInfo(session.key, hello));
    this.#speaker.welcome(session);
  }

  /** The welcome was lost, or we asked: nothing changes, unless its terms did. */
  #helloAgain(session: Session, before: HelloMessage, hello: HelloMessage): void {
    session.hello = termsOf(hello);
    session.codec = codecFor(hello) ?? "json";
    session.deaf = false;
    if (session.challenge !== null) this.#refuseChallenger(session);
    if (sameTerms(before, hello)) {
      if (hello.capacity !== session.capacity)
        this.#ports.events.workerChanged(session.key, { capacity: hello.capacity });
    } else {
      this.#ports.events.workerJoined(this.#workerInfo(session.key, hello));
      session.closed = false;
    }
    session.capacity = hello.capacity;
    this.#hear(session);
    this.#review(session);
    this.#speaker.welcome(session);
  }

  /**
   * Two sessions, one worker id. A worker that rebuilt its sockets must take over; a second process must not. A holder
   * that is unsubscribed or silent gives way at once. Any other is asked to say hello, which a closed session cannot:
   * if it answers within `contestMs` the challenger is refused, else the challenger takes over. (Its heartbeats prove
   * nothing: they may have waited in a queue since before it closed.)
   */
  #contest(holder: Session, challenger: Session, hello: HelloMessage): void {
    if (this.#isSuspect(holder)) {
      this.#supersede(holder, challenger, hello);
      return;
    }
    const until = holder.challenge?.until ?? this.#ports.now() + this.#ports.config.contestMs;
    holder.challenge = { challenger, hello, until };
    this.#speaker.say(holder, { type: "rehello", reason: "duplicate_worker_id" });
  }

  /** First the new session joins with what it declares, so that only the rest is revoked with the old one. */
  #supersede(holder: Session, challenger: Session, hello: HelloMessage): void {
    holder.challenge = null;
    this.#join(challenger, hello);
    this.#lose(holder, "superseded");
  }

  #refuseChallenger(holder: Session): void {
    const { challenger, hello } = holder.challenge!;
    holder.challenge = null;
    this.#speaker.refuse(challenger, "duplicate_worker_id", `${hello.worker_id} is connected as ${holder.key}`);
  }

  #lose(session: Session, reason: string): void {
    const { events, counters, log } = this.#ports;
    const { challenge, unsent } = session;
    const workerId = session.hello!.worker_id;
    const neverSent = unsent.flatMap((item) => (isBatch(item) ? item.steps.map((step) => step.leaseId) : []));
    session.forgetWorker();
    this.#speaker.forget(session);
    if (this.#workers.get(workerId) === session) this.#workers.delete(workerId);
    if (!session.isSubscribed) this.#sessions.delete(session.key);
    counters.sessionsLost++;
    if (reason !== "bye") log.warn("session.lost", { session: session.key, worker: workerId, reason });
    if (neverSent.length > 0) events.leasesRejected(session.key, neverSent, "not_sent");
    events.workerLost(session.key, reason);
    if (challenge?.challenger.isSubscribed) this.#join(challenge.challenger, challenge.hello);
  }

  /** Tells the engine when a session stops, or starts again, being one to send steps to. */
  #review(session: Session): void {
    if (session.hello === null) return;
    const suspect = this.#isSuspect(session);
    const { challenge } = session;
    if (suspect && challenge?.challenger.isSubscribed) {
      this.#supersede(session, challenge.challenger, challenge.hello);
      return;
    }
    const closed = suspect || session.draining;
    if (closed === session.closed) return;
    session.closed = closed;
    this.#ports.log.info(closed ? "session.closed" : "session.open", {
      session: session.key,
      subscribed: session.isSubscribed,
      deaf: session.deaf,
      draining: session.draining,
    });
    this.#ports.events.workerChanged(session.key, { draining: closed });
  }

  #isSuspect(session: Session): boolean {
    return !session.isSubscribed || session.deaf || this.#silentFor(session) >= this.#ports.config.silenceMs;
  }

  #silentFor(session: Session): number {
    return this.#ports.now() - session.heardAt;
  }

  // ---------------------------------------------------------------------------------------------------------- time

  /** Looks at every session once. Call it every `tickMs`, after awake time was moved on. */
  tick(): void {
    for (const session of this.#sessions.values()) {
      if (session.hello === null) continue;
      const reason = this.#lossReason(session);
      if (reason !== null) {
        this.#lose(session, reason);
        continue;
      }
      this.#review(session);
      if (session.hello === null) continue;
      this.#endContest(session);
      if (session.hello === null || !session.isSubscribed) continue;
      this.#speaker.sendUnsent(session);
      if (this.#ports.now() - session.spokenAt >= this.#ports.config.heartbeatMs)
        this.#speaker.say(session, { type: "ping" });
    }
  }

  #lossReason(session: Session): string | null {
    const { silenceMs, graceMs, disconnectedGraceMs } = this.#ports.config;
    const silentMs = this.#silentFor(session);
    if (silentMs >= silenceMs + graceMs) return "silent";
    if (session.isSubscribed) return null;
    const unsubscribedMs = this.#ports.now() - session.unsubscribedAt;
    if (Math.min(silentMs, unsubscribedMs) >= disconnectedGraceMs) return "disconnected";
    return unsubscribedMs >= silenceMs + graceMs ? "unreachable" : null;
  }

  #endContest(session: Session): void {
    const { challenge } = session;
    if (challenge === null || this.#ports.now() < challenge.until) return;
    session.challenge = null;
    if (challenge.challenger.isSubscribed) this.#supersede(session, challenge.challenger, challenge.hello);
  }

  // ------------------------------------------------------------------------------------------- what the engine asks

  dispatch(key: string, batch: Batch): void {
    const session = this.#sessions.get(key);
    if (session === undefined || session.hello === null) {
      this.#ports.counters.batchesToLostWorkers++;
      return;
    }
    this.#speaker.dispatch(session, batch);
  }

  acknowledge(key: string, leaseIds: readonly string[]): void {
    const session = this.#sessions.get(key);
    if (session === undefined || session.hello === null) return;
    this.#speaker.acknowledge(session, session.acks, leaseIds);
  }

  acknowledgeTimeouts(key: string, leaseIds: readonly string[]): void {
    const session = this.#sessions.get(key);
    if (session === undefined || session.hello === null) return;
    this.#speaker.acknowledge(session, session.timeoutAcks, leaseIds);
  }

  settleCheckpoints(key: string, checkpoints: readonly SettledCheckpoint[]): void {
    const session = this.#sessions.get(key);
    if (session !== undefined && session.hello !== null) this.#speaker.settleCheckpoints(session, checkpoints);
  }

  /** The lease stays expected: its slot is free once the worker answers, or lists it no longer. */
  cancel(key: string, leaseIds: readonly string[], reason: string): void {
    const session = this.#sessions.get(key);
    if (session !== undefined && session.hello !== null)
      this.#speaker.order(session, { type: "cancel", lease_ids: leaseIds, reason });
  }

  drain(key: string, reason: string): void {
    const session = this.#sessions.get(key);
    if (session === undefined || session.hello === null) return;
    session.draining = true;
    this.#review(session);
    this.#speaker.order(session, { type: "drain", reason });
  }

  /** Sends what may be sent at once. */
  flush(): void {
    this.#speaker.flushAcks();
    for (const session of this.#sessions.values()) if (session.isSubscribed) this.#speaker.sendUnsent(session);
  }

  #workerInfo(key: string, hello: HelloMessage): WorkerInfo {
    return {
      key,
      executor: this.#ports.executor,
      workerId: hello.worker_id,
      protocol: "2.0",
      language: hello.language,
      sdk: hello.sdk,
      version: hello.version,
      pool: hello.pool,
      handlers: hello.handlers,
      capacity: hello.capacity,
      oneBatchAtATime: false,
      batchPrefix: "batch_",
      heldLeases: [...hello.leases, ...hello.outbox],
    };
  }
}

/** The first that both speak, in the worker's order (spec R-85). */
function codecFor({ codecs: offered }: HelloMessage): Codec | undefined {
  return offered.find((name): name is Codec => (codecs as readonly string[]).includes(name));
}

/** Their worker ids are the same: a session's name begins with it. */
function sameTerms(a: HelloMessage, b: HelloMessage): boolean {
  return (
    a.pool === b.pool &&
    a.version === b.version &&
    a.handlers.length === b.handlers.length &&
    a.handlers.every((handler, index) => handler === b.handlers[index])
  );
}
