/** Publishing in a thread of its own, so that a commit costs the thread of the turns nothing but its record in the log. */
import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { StoreError, type StoreFailure } from "@tasker/engine";
import type { PackedList } from "@tasker/json";
import { startThread } from "@tasker/threads";
import type { Publishing, PublishingEvents } from "./sqlite-store.ts";
import type { RecordPlace } from "./turn-log.ts";

/** A turn, and where the log has it. */
export interface TurnPlace extends RecordPlace {
  readonly turn: number;
}

/** Turns, a request to publish (answered under its number), or the end. */
export type ToPublisher =
  | { readonly turns: readonly TurnPlace[] }
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

/**
 * Turns are told of together, when they have so much in the log, or the first has waited so long: each message wakes the thread,
 * which cost the turns' thread 0.9 us a step when it sent one a turn.
 */
const bytesPerMessage = 256 * 1024;
const longestUntoldMs = 10;

export class PublisherClient implements Publishing {
  readonly #thread: Worker;
  readonly #events: PublishingEvents;
  readonly #waiting = new Map<number, Waiting>();
  /** Who waits for the tables to go on at all. */
  #progress = Promise.withResolvers<void>();
  #untold: TurnPlace[] = [];
  #untoldBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #requests = 0;
  #closing = false;

  /** @param database path of a migrated database whose tables are at turn `published` */
  constructor(database: string, published: number, events: PublishingEvents) {
    this.#events = events;
    this.#thread = startThread(new URL("./publisher-thread.ts", import.meta.url), {
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
  take(turn: number, _packed: PackedList, place: RecordPlace): void {
    this.#untold.push({ turn, ...place });
    this.#untoldBytes += place.bytes;
    if (this.#untoldBytes >= bytesPerMessage) this.#tellTurns();
    else this.#timer ??= setTimeout(() => this.#tellTurns(), longestUntoldMs).unref();
  }

  publish(durable: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const request = ++this.#requests;
    this.#waiting.set(request, { resolve, reject });
    this.#thread.ref();
    this.#tellTurns();
    this.#tell({ publish: request, durable });
    return promise;
  }

  progress(): Promise<void> {
    this.#thread.ref();
    this.#tellTurns();
    return this.#progress.promise;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#thread.ref();
    this.#tellTurns();
    this.#tell("close");
    await once(this.#thread, "exit");
  }

  #tellTurns(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#untold.length === 0) return;
    this.#tell({ turns: this.#untold });
    this.#untold = [];
    this.#untoldBytes = 0;
  }

  #tell(message: ToPublisher): void {
    this.#thread.postMessage(message);
  }

  #hear({ request, durable, turn, error }: FromPublisher): void {
    const waiting = request === null ? undefined : this.#waiting.get(request);
    if (request !== null) this.#waiting.delete(request);
    if (this.#waiting.size === 0 && !this.#closing) this.#thread.unref();
    const failure = error === null ? null : new StoreError(error.failure, error.message);
    if (failure === null) this.#events.published(turn, durable);
    this.#events.failed(failure);
    if (failure === null) waiting?.resolve();
    else waiting?.reject(failure);
    this.#goOn();
  }

  #goOn(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers<void>();
  }

  #end(error: Error): void {
    const failure = new StoreError("io", `the thread that publishes turns failed: ${error.message}`, { cause: error });
    if (!this.#closing) this.#events.failed(failure);
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
    this.#goOn();
  }
}
