/** Publishing in a thread of its own, so that a commit costs the thread of the turns nothing but its record in the log. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { StoreError, type StoreFailure } from "@tasker/engine";
import type { PackedList } from "@tasker/json";
import type { Publishing, PublishingEvents } from "./sqlite-store.ts";
import type { RecordPlace } from "./turn-log.ts";

/** A turn and where the log has it, a request to publish (answered under its number), or the end. */
export type ToPublisher =
  | readonly [turn: number, file: number, start: number, bytes: number]
  | { readonly publish: number; readonly durable: boolean }
  | "close";

export interface FromPublisher {
  /** The request that this answers; null: it published by itself. */
  readonly request: number | null;
  readonly durable: boolean;
  /** Where the tables are now. */
  readonly turn: number;
  readonly error: { readonly failure: StoreFailure; readonly message: string } | null;
}

interface Waiting {
  resolve(): void;
  reject(error: StoreError): void;
}

export class PublisherClient implements Publishing {
  readonly #thread: Worker;
  readonly #events: PublishingEvents;
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;
  #closing = false;

  /** @param database path of a migrated database whose tables are at turn `published` */
  constructor(database: string, published: number, events: PublishingEvents) {
    this.#events = events;
    this.#thread = new Worker(new URL("./publisher-thread.ts", import.meta.url), {
      workerData: { database, published },
      name: "tasker-publisher",
      // What it holds is short-lived; by default each thread may keep three times as much for that.
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    });
    this.#thread.on("message", (message: FromPublisher) => this.#hear(message));
    this.#thread.on("error", (error: Error) => this.#end(error));
    this.#thread.on("exit", () => this.#end(new Error("it ended")));
    // A process whose other work is done may end; the log has everything.
    this.#thread.unref();
  }

  /** The thread reads it from the log: a few hundred kilobytes of text cost more to clone than to read again. */
  take(turn: number, _packed: PackedList, { file, start, bytes }: RecordPlace): void {
    this.#tell([turn, file, start, bytes]);
  }

  publish(durable: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const request = ++this.#requests;
    this.#waiting.set(request, { resolve, reject });
    this.#thread.ref();
    this.#tell({ publish: request, durable });
    return promise;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#thread.ref();
    this.#tell("close");
    await once(this.#thread, "exit");
  }

  #tell(message: ToPublisher): void {
    this.#thread.postMessage(message);
  }

  #hear({ request, durable, turn, error }: FromPublisher): void {
    const waiting = request === null ? undefined : this.#waiting.get(request);
    if (request !== null) this.#waiting.delete(request);
    if (this.#waiting.size === 0 && !this.#closing) this.#thread.unref();
    if (error === null) {
      this.#events.published(turn, durable);
      this.#events.failed(null);
      waiting?.resolve();
      return;
    }
    const failure = new StoreError(error.failure, error.message);
    this.#events.failed(failure);
    waiting?.reject(failure);
  }

  #end(error: Error): void {
    const failure = new StoreError("io", `the thread that publishes turns failed: ${error.message}`, { cause: error });
    if (!this.#closing) this.#events.failed(failure);
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
  }
}
