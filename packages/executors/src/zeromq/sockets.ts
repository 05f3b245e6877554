/**
 * The real `Wire`: an XPUB that publishes batches and a SUB that takes results, over ipc, tcp or inproc. One loop per
 * socket takes at most 256 frames, or a megabyte, and then lets everything else run; between the frames of a burst no timer and no
 * turn of the engine runs. Sends never wait.
 */
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { type Log, TaskerError } from "@tasker/engine";
import { type Frame, topics } from "@tasker/protocol";
import { Subscriber, XPublisher } from "zeromq";
import type { ZeromqConfig } from "./config.ts";
import type { ZeromqCounters } from "./counters.ts";
import { EndpointLock } from "./endpoint-lock.ts";
import { type Endpoint, readEndpoint, unusable } from "./endpoints.ts";
import { SharedTopicProbe } from "./shared-topic-probe.ts";
import type { Wire, WireEvents } from "./wire.ts";

const burstLimit = 256;
/** A burst of large frames ends earlier: a megabyte takes some milliseconds to decode. */
const burstBytes = 1024 * 1024;
/** libzmq cuts the connection of a peer that sends a longer subscription. An unbounded one costs memory: 50 MB sent made 2.2 GB. */
const maxSubscriptionMessageBytes = 1024;

/** How long it rests before it asks again whether it may read on. */
const congestedMs = 2;

const sockoptSubscribe = 6;
const sockoptUnsubscribe = 7;
const sockoptTopicsCount = 116;
const sockoptReceiveHighWaterMark = 24;
/**
 * Of what one peer says on the XPUB, libzmq reads ahead no more than this. With its default of 1,000 a fast peer fills the queue
 * while it is being read, so that one call takes in gigabytes of subscriptions; with 10 it waits for the loop that counts them.
 */
const subscriptionsAhead = 10;

/**
 * A machine that vanished sends no farewell: the kernel asks after 15 s of silence, and gives up 15 s later. (The ZMTP
 * heartbeats of libzmq, meant for this, abort the process.)
 */
const vanishedPeers = {
  tcpKeepalive: 1,
  tcpKeepaliveIdle: 15,
  tcpKeepaliveInterval: 5,
  tcpKeepaliveCount: 3,
  tcpMaxRetransmitTimeout: 30_000,
} as const;

/** XPUB in MANUAL mode: a subscription does nothing until it is granted, before the next receive. */
class StepsPublisher extends XPublisher {
  limitReadAhead(): void {
    this.setInt32Option(sockoptReceiveHighWaterMark, subscriptionsAhead);
  }
  grant(prefix: string): void {
    this.setStringOption(sockoptSubscribe, prefix);
  }
  withdraw(prefix: string): void {
    this.setStringOption(sockoptUnsubscribe, prefix);
  }
  topicCount(): number {
    return this.getInt32Option(sockoptTopicsCount);
  }
}

export interface SocketPorts {
  readonly config: ZeromqConfig;
  readonly log: Log;
  readonly counters: ZeromqCounters;
  /** Text that nobody can guess, for the internal probe. */
  readonly secret: string;
  /** Whom a process that is refused these endpoints should look for. */
  readonly owner: string;
  /**
   * Asked before each frame: while it is so, none is read from workers. They queue up to the high-water mark, and workers
   * keep what does not fit. Never, by default.
   */
  readonly isCongested?: () => boolean;
}

export class Sockets implements Wire {
  readonly #ports: SocketPorts;
  #publisher: StepsPublisher;
  readonly #subscriber: Subscriber;
  #probe: SharedTopicProbe;
  readonly #locks: EndpointLock[] = [];
  #endpoints: { steps: string[]; results: string[] } = { steps: [], results: [] };
  /** What has been granted, and to how many connections. */
  #granted = new Map<string, number>();
  /** Subscriptions of all peers that have not ended, granted or not: libzmq keeps every one of them. */
  #subscriptions = 0;
  #reopening = false;
  #incarnation = 0;
  #closed = false;

  private constructor(ports: SocketPorts) {
    const { config } = ports;
    this.#ports = ports;
    this.#publisher = openPublisher(config);
    this.#subscriber = new Subscriber({
      receiveHighWaterMark: config.resultQueueHwm,
      maxMessageSize: config.limits.maxMessageBytes,
      linger: 0,
      ...vanishedPeers,
    });
    this.#subscriber.subscribe(`${topics.results} `, `${topics.worker} `);
    this.#probe = new SharedTopicProbe(this.#publisher, ports.secret);
  }

  /** @throws TaskerError `endpoint_unusable`; nothing stays open then */
  static async open(ports: SocketPorts): Promise<Sockets> {
    const { steps, results, connectResults, allowInsecureTcp } = ports.config;
    const read = (setting: string) => (text: string) => readEndpoint(text, setting, allowInsecureTcp);
    const stepEndpoints = steps.map(read("steps"));
    const resultEndpoints = results.map(read("results"));
    const handlerEndpoints = connectResults.map(read("connect_results"));
    const sockets = new Sockets(ports);
    try {
      sockets.#endpoints = {
        // Results first: whoever receives a batch can answer it.
        results: await sockets.#bind(sockets.#subscriber, resultEndpoints, "results"),
        steps: await sockets.#bind(sockets.#publisher, stepEndpoints, "steps"),
      };
      for (const { text } of handlerEndpoints) sockets.#subscriber.connect(text);
      await sockets.#probe.open();
    } catch (error) {
      sockets.close(0);
      throw error;
    }
    return sockets;
  }

  /** As bound: with the port that was free. */
  get endpoints(): { readonly steps: readonly string[]; readonly results: readonly string[] } {
    return this.#endpoints;
  }

  /** Starts both loops. */
  listen(events: WireEvents): void {
    const { isCongested = () => false } = this.#ports;
    this.#listenForSubscriptions(events);
    void this.#drain(this.#subscriber, isCongested, (frame) => {
      this.#ports.counters.framesIn++;
      events.frameArrived(frame);
    });
  }

  #listenForSubscriptions(events: WireEvents): void {
    const never = () => false;
    void this.#drain(this.#publisher, never, (notice) => this.#takeSubscription(notice, events));
  }

  send(frame: Frame, refused: () => void): void {
    if (this.#closed) return;
    if (this.#reopening) {
      queueMicrotask(refused);
      return;
    }
    this.#ports.counters.framesOut++;
    // With a send timeout of 0 the outcome is known when this returns; the promise tells it a microtask later.
    this.#publisher.send(frame).catch(() => {
      if (!this.#publisher.closed) refused();
    });
  }

  /** @param lingerMs how long what was sent may still take to leave this process */
  close(lingerMs: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#publisher.linger = lingerMs;
    this.#probe.close();
    this.#publisher.close();
    this.#subscriber.close();
    for (const lock of this.#locks.splice(0)) lock.release();
  }

  async #bind(socket: XPublisher | Subscriber, endpoints: readonly Endpoint[], setting: string): Promise<string[]> {
    const bound: string[] = [];
    for (const { text, path } of endpoints) {
      const lock = path === null ? null : new EndpointLock(path, this.#ports.owner);
      if (lock !== null) this.#locks.push(lock);
      try {
        await socket.bind(text);
        lock?.restrictSocket();
      } catch (error) {
        throw bindFailed(text, setting, error as NodeJS.ErrnoException);
      }
      bound.push(socket.lastEndpoint ?? text);
    }
    return bound;
  }

  async #drain(
    socket: XPublisher | Subscriber,
    isCongested: () => boolean,
    take: (frame: Buffer) => void,
  ): Promise<void> {
    while (this.#isInUse(socket)) {
      while (isCongested() && this.#isInUse(socket)) await pause(congestedMs);
      try {
        let bytes = 0;
        for (let taken = 0; taken === 0 || (taken < burstLimit && bytes < burstBytes && socket.readable); taken++) {
          if (taken > 0 && isCongested()) break;
          const [frame, ...more] = await socket.receive();
          if (socket.closed) return;
          bytes += frame?.length ?? 0;
          if (frame !== undefined && more.length === 0) take(frame);
        }
      } catch (error) {
        if (!this.#isInUse(socket)) return;
        this.#ports.log.error("frame.failed", { error: (error as Error).message, stack: (error as Error).stack });
      }
      await nextTurn();
    }
  }

  #isInUse(socket: XPublisher | Subscriber): boolean {
    return !socket.closed && (socket === this.#subscriber || socket === this.#publisher);
  }

  #takeSubscription(notice: Buffer, events: WireEvents): void {
    const topic = notice.toString("utf8", 1);
    const joins = notice[0] === 1;
    this.#subscriptions += joins ? 1 : -1;
    if (joins && this.#subscriptions > this.#ports.config.limits.maxSubscriptions) this.#endFlood(events);
    if (this.#probe.isQuestion(topic)) {
      if (joins) for (const prefix of this.#probe.answer()) this.#left(prefix, events);
    } else if (joins) {
      events.subscriptionJoined(topic, (prefix) => {
        this.#publisher.grant(prefix);
        this.#granted.set(prefix, (this.#granted.get(prefix) ?? 0) + 1);
        if (prefix !== topic) this.#probe.granted(topic, prefix);
      });
    } else if (this.#probe.isShared(topic)) {
      this.#probe.ask(topic);
    } else {
      this.#publisher.withdraw(topic);
      this.#left(topic, events);
    }
  }

  #left(prefix: string, events: WireEvents): void {
    const count = this.#granted.get(prefix) ?? 0;
    if (count > 1) this.#granted.set(prefix, count - 1);
    else this.#granted.delete(prefix);
    events.subscriptionLeft(prefix);
  }

  /**
   * libzmq keeps each subscription for as long as its peer is connected, a kilobyte and more of memory for each, and has no
   * way to cut one peer. So all are cut: the socket is opened anew, which frees what they sent. Workers connect again at once.
   */
  #endFlood(events: WireEvents): void {
    const { log, counters } = this.#ports;
    if (this.#reopening) return;
    this.#reopening = true;
    counters.subscriptionFloods++;
    log.warn("peers.subscription_flood", {
      subscriptions: this.#subscriptions,
      endpoints: this.#endpoints.steps,
      consequence: "all workers were cut off and connect again",
    });
    this.#reopen(events)
      .catch((error: Error) => log.error("endpoint.lost", { endpoints: this.#endpoints.steps, error: error.message }))
      .finally(() => {
        this.#reopening = false;
      });
  }

  async #reopen(events: WireEvents): Promise<void> {
    const { config, secret } = this.#ports;
    const { steps } = this.#endpoints;
    const granted = [...this.#granted].flatMap(([prefix, count]) => Array<string>(count).fill(prefix));
    this.#granted = new Map();
    this.#subscriptions = 0;
    const flooded = this.#publisher;
    this.#publisher = openPublisher(config);
    this.#probe.close();
    this.#probe = new SharedTopicProbe(this.#publisher, `${secret}-${++this.#incarnation}`);
    for (const endpoint of steps) await flooded.unbind(endpoint);
    flooded.close();
    for (const prefix of granted) events.subscriptionLeft(prefix);
    for (const endpoint of steps) if (!this.#closed) await this.#publisher.bind(endpoint);
    if (this.#closed) return;
    for (const lock of this.#locks) lock.restrictSocket();
    await this.#probe.open();
    this.#listenForSubscriptions(events);
  }
}

function openPublisher(config: ZeromqConfig): StepsPublisher {
  const publisher = new StepsPublisher({
    manual: true,
    noDrop: true,
    sendTimeout: 0,
    sendHighWaterMark: config.stepQueueHwm,
    maxMessageSize: maxSubscriptionMessageBytes,
    linger: 0,
    ...vanishedPeers,
  });
  publisher.limitReadAhead();
  return publisher;
}

function bindFailed(text: string, setting: string, error: NodeJS.ErrnoException): Error {
  if (error instanceof TaskerError) return error;
  const hint =
    error.code === "EADDRINUSE"
      ? "Stop the process that listens there, or choose another endpoint."
      : "Check the address of the endpoint, and that this user may listen there.";
  return unusable(`${setting}: ${text} cannot be bound: ${error.message}`, hint, error);
}
