/** The real `SessionWire`: a SUB and a PUB for each session. Everything that decides is in `session.ts`. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Frame, sessionTopic } from "@tasker/protocol";
import { Publisher, Subscriber } from "zeromq";
import type { SessionWire } from "./ports.ts";

/** Frames taken before timers and messages of other threads get their turn. */
const burstLimit = 256;
/** Frames that may wait for a slow connection; what is beyond is dropped, and sent again by the outbox. */
const sendHighWaterMark = 10_000;
const reconnectMs = 100;

export interface Endpoints {
  readonly steps: string;
  readonly results: string;
}

export interface FrameEvents {
  frameArrived(frame: Uint8Array): void;
  /** No more frames wait for now. */
  burstEnded(): void;
  failed(error: Error): void;
}

/**
 * Neither ZMTP heartbeats nor a largest message size are set: on a SUB the first aborts the process and the second silences
 * the connection for ever (libzmq #3937, #4196).
 */
export class Sockets implements SessionWire {
  readonly #endpoints: Endpoints;
  readonly #events: FrameEvents;
  #publisher: Publisher | null = null;
  #subscriber: Subscriber | null = null;

  constructor(endpoints: Endpoints, events: FrameEvents) {
    this.#endpoints = endpoints;
    this.#events = events;
  }

  open(session: string): void {
    this.close(0);
    const publisher = new Publisher({ linger: 0, sendTimeout: 0, sendHighWaterMark, reconnectInterval: reconnectMs });
    const subscriber = new Subscriber({ linger: 0, reconnectInterval: reconnectMs });
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    // Results first: by the time a batch comes, it can be answered.
    publisher.connect(this.#endpoints.results);
    subscriber.connect(this.#endpoints.steps);
    subscriber.subscribe(sessionTopic(session));
    void this.#drain(subscriber);
  }

  send(frame: Frame): void {
    this.#publisher?.send(frame).catch(() => {
      // Closed, or its queue is full: results are sent again until they are acknowledged, the rest is said again anyway.
    });
  }

  close(lingerMs: number): void {
    if (this.#publisher !== null) this.#publisher.linger = lingerMs;
    this.#publisher?.close();
    this.#subscriber?.close();
    this.#publisher = null;
    this.#subscriber = null;
  }

  async #drain(subscriber: Subscriber): Promise<void> {
    while (!subscriber.closed) {
      try {
        for (let taken = 0; taken === 0 || (taken < burstLimit && subscriber.readable); taken++) {
          const [frame, ...more] = await subscriber.receive();
          if (subscriber.closed) return;
          if (frame !== undefined && more.length === 0) this.#events.frameArrived(frame);
          if (subscriber.closed) return;
        }
      } catch (error) {
        if (subscriber.closed) return;
        this.#events.failed(error as Error);
      }
      this.#events.burstEnded();
      await nextTurn();
    }
  }
}
