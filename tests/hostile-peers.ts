/**
 * Peers that nobody invited, on real sockets: they flood, forge and send garbage. Each ends by itself or when it is closed, and
 * holds no more than it has to say.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Publisher, Subscriber } from "zeromq";
import type { Endpoints } from "./system.ts";

/** Subscribes to topics, and hears what it is told. */
export class HostileSubscriber {
  readonly heard: string[] = [];
  readonly #socket = new Subscriber({ linger: 0 });
  #wake: () => void = () => {};

  constructor({ steps }: Endpoints, topics: readonly string[]) {
    this.#socket.connect(steps);
    if (topics.length > 0) this.#socket.subscribe(...topics);
    void this.#listen();
  }

  async hears(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.heard.find((frame) => pattern.test(frame));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.close();
  }

  async #listen(): Promise<void> {
    try {
      for await (const [frame] of this.#socket) {
        this.heard.push(frame!.toString());
        this.#wake();
      }
    } catch {
      // Closed while it waited.
    }
  }
}

/** Publishes whatever it likes, as fast as the orchestrator takes it. */
export class HostilePublisher {
  readonly #socket = new Publisher({ linger: 0, noDrop: true, sendHighWaterMark: 100 });

  constructor({ results }: Endpoints) {
    this.#socket.connect(results);
  }

  /** Waits while the orchestrator reads nothing; a frame is dropped only while it has not subscribed yet. */
  async send(frame: string | Buffer): Promise<void> {
    for (;;) {
      try {
        return await this.#socket.send(frame);
      } catch (error) {
        // Its queue is full.
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        await pause(1);
      }
    }
  }

  close(): void {
    this.#socket.close();
  }
}
