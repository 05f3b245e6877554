/**
 * The real `Wire`: an XPUB that publishes batches and a SUB that takes results, over ipc, tcp or inproc. One loop per
 * socket takes at most 256 frames and then lets everything else run; between the frames of a burst no timer and no
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
/** libzmq cuts the connection of a peer that sends a longer subscription. An unbounded one costs memory: 50 MB sent made 2.2 GB. */
const maxSubscriptionMessageBytes = 1024;

/** How long it rests before it asks again whether it may read on. */
const congestedMs = 2;

const sockoptSubscribe = 6;
const sockoptUnsubscribe = 7;
const sockoptTopicsCount = 116;

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
  readonly #publisher: StepsPublisher;
  readonly #subscriber: Subscriber;
  readonly #probe: SharedTopicProbe;
  readonly #locks: EndpointLock[] = [];
  #endpoints: { steps: string[]; results: string[] } = { steps: [], results: [] };

  private constructor(ports: SocketPorts) {
    const { config } = ports;
    this.#ports = ports;
    this.#publisher = new StepsPublisher({
      manual: true,
      noDrop: true,
      sendTimeout: 0,
      sendHighWaterMark: config.stepQueueHwm,
      maxMessageSize: maxSubscriptionMessageBytes,
      linger: 0,
      ...vanishedPeers,
    });
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
    void this.#drain(
      this.#publisher,
      () => false,
      (notice) => this.#takeSubscription(notice, events),
    );
    void this.#drain(this.#subscriber, isCongested, (frame) => {
      this.#ports.counters.framesIn++;
      events.frameArrived(frame);
    });
  }

  send(frame: Frame, refused: () => void): void {
    if (this.#publisher.closed) return;
    this.#ports.counters.framesOut++;
    // With a send timeout of 0 the outcome is known when this returns; the promise tells it a microtask later.
    this.#publisher.send(frame).catch(() => {
      if (!this.#publisher.closed) refused();
    });
  }

  /** @param lingerMs how long what was sent may still take to leave this process */
  close(lingerMs: number): void {
    if (this.#publisher.closed) return;
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
    while (!socket.closed) {
      while (isCongested() && !socket.closed) await pause(congestedMs);
      try {
        for (let taken = 0; taken === 0 || (taken < burstLimit && socket.readable && !isCongested()); taken++) {
          const [frame, ...more] = await socket.receive();
          if (socket.closed) return;
          if (frame !== undefined && more.length === 0) take(frame);
        }
      } catch (error) {
        if (socket.closed) return;
        this.#ports.log.error("frame.failed", { error: (error as Error).message, stack: (error as Error).stack });
      }
      await nextTurn();
    }
  }

  #takeSubscription(notice: Buffer, events: WireEvents): void {
    const topic = notice.toString("utf8", 1);
    const joins = notice[0] === 1;
    if (this.#probe.isQuestion(topic)) {
      if (joins) for (const prefix of this.#probe.answer()) events.subscriptionLeft(prefix);
    } else if (joins) {
      events.subscriptionJoined(topic, (prefix) => {
        this.#publisher.grant(prefix);
        if (prefix !== topic) this.#probe.granted(topic, prefix);
      });
    } else if (this.#probe.isShared(topic)) {
      this.#probe.ask(topic);
    } else {
      this.#publisher.withdraw(topic);
      events.subscriptionLeft(topic);
    }
  }
}

function bindFailed(text: string, setting: string, error: NodeJS.ErrnoException): Error {
  if (error instanceof TaskerError) return error;
  const hint =
    error.code === "EADDRINUSE"
      ? "Stop the process that listens there, or choose another endpoint."
      : "Check the address of the endpoint, and that this user may listen there.";
  return unusable(`${setting}: ${text} cannot be bound: ${error.message}`, hint, error);
}
