/** Real peers for tests: processes to be killed, sockets to be scripted, and bounded waits for what they cause. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Clock, Log, Random } from "@tasker/engine";
import { Publisher, Subscriber } from "zeromq";
import type { Event, RecordedEvents } from "./recorded-roster.ts";

const waitMs = 15_000;

export const realClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export const realRandom: Random = {
  uniform: Math.random,
  token: () => Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
  uuid: () => crypto.randomUUID(),
};

/** A folder for sockets, removed by `dispose`. */
export function temporaryFolder(): { path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), "tasker-executors-"));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

/** Collects things as they come and lets a test wait for them. */
export class Arrivals<T> {
  readonly all: T[] = [];
  #waiting: (() => void)[] = [];

  push(item: T): void {
    this.all.push(item);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** @throws Error after 15 s, with all that came instead */
  async until(condition: (all: readonly T[]) => boolean, what: string): Promise<void> {
    const deadline = Date.now() + waitMs;
    while (!condition(this.all)) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited ${waitMs} ms for ${what}; came: ${JSON.stringify(this.all, noExecutor)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  async count(count: number, what: string): Promise<readonly T[]> {
    await this.until((all) => all.length >= count, `${count} ${what}`);
    return this.all;
  }
}

export function arrivalsOf(events: RecordedEvents): Arrivals<Event> {
  const arrivals = new Arrivals<Event>();
  events.listener = (event) => arrivals.push(event);
  return arrivals;
}

export interface PeerProcess {
  readonly process: ChildProcess;
  readonly frames: Arrivals<string>;
  kill(): void;
}

/** @param args as `peer-process.ts` takes them */
export function startPeer(...args: readonly string[]): PeerProcess {
  const script = fileURLToPath(new URL("./peer-process.ts", import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const frames = new Arrivals<string>();
  createInterface({ input: child.stdout! }).on("line", (line) => frames.push(JSON.parse(line)));
  return { process: child, frames, kill: () => void child.kill("SIGKILL") };
}

/** The two sockets of a worker, in this process. */
export class ScriptedWorker {
  readonly frames = new Arrivals<string>();
  readonly #subscriber = new Subscriber({ linger: 0 });
  readonly #publisher = new Publisher({ linger: 0, sendTimeout: 0, sendHighWaterMark: 100_000 });

  constructor(stepsEndpoint: string, resultsEndpoint: string, ...topics: string[]) {
    this.#publisher.connect(resultsEndpoint);
    this.#subscriber.connect(stepsEndpoint);
    for (const topic of topics) this.#subscriber.subscribe(topic);
    void this.#listen();
  }

  send(frame: string): void {
    void this.#publisher.send(frame);
  }

  unsubscribe(topic: string): void {
    this.#subscriber.unsubscribe(topic);
  }

  close(): void {
    this.#subscriber.close();
    this.#publisher.close();
  }

  async #listen(): Promise<void> {
    try {
      for await (const [frame] of this.#subscriber) this.frames.push(frame!.toString());
    } catch {
      // Closed while it waited.
    }
  }
}

function noExecutor(key: string, value: unknown): unknown {
  return key === "executor" ? undefined : value;
}
