/**
 * One client's stream of events: first what the history holds, then what is committed from then on, each event once and
 * in order. A client that reads too slowly is cut, and told where to go on; what is held back for it is bounded.
 */
import type { ServerResponse } from "node:http";
import { isFinalTask, type TaskStatus } from "@tasker/engine";
import type { HttpLimits } from "../limits.ts";
import { endText, type Frame } from "./frame.ts";

/** A page of the history. The status is of the task; null for a stream that never ends. */
export interface HistoryPage {
  readonly frames: readonly Frame[];
  readonly status: TaskStatus | null;
}

/** Reads at most `historyPageEvents` entries after this one. */
export type ReadHistory = (after: number) => Promise<HistoryPage>;

export const historyPageEvents = 1_000;

/** Live frames kept while a page is read; more are dropped, because the next page has them. */
const maxHeldFrames = 10_000;

/** How long a client that was cut has to take what was written for it. */
const farewellMs = 5_000;

export class EventStream {
  readonly #response: ServerResponse;
  readonly #limits: HttpLimits;
  /** The `seq` of the last event written. */
  #last: number;
  #live = false;
  /** Committed since the page that is being read was asked for. */
  #held: Frame[] = [];
  #dropped = false;
  /** The final status of the task, once an event said so. */
  #end: TaskStatus | null = null;
  /** Monotonic: when the client had last taken all that was written. */
  #drainedAt = performance.now();

  /** @param after the `seq` that the client has */
  constructor(response: ServerResponse, after: number, limits: HttpLimits) {
    this.#response = response;
    this.#last = after;
    this.#limits = limits;
  }

  get isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  /** Events that were committed now, in order. */
  offer(frames: readonly Frame[]): void {
    if (this.#live) this.#sendLive(frames);
    else if (this.#held.length + frames.length <= maxHeldFrames) this.#held.push(...frames);
    else this.#dropped = true;
  }

  /** Writes the history, page by page at the client's pace, and goes live where it ends. */
  async follow(first: HistoryPage, read: ReadHistory): Promise<void> {
    for (let page = first; this.isOpen; page = await this.#nextPage(read)) {
      this.#send(page.frames);
      if (!(await this.#drained())) return this.cut();
      if (page.frames.length >= historyPageEvents || this.#dropped) continue;
      const status = page.status !== null && isFinalTask(page.status) ? page.status : this.#end;
      if (status !== null) this.#finish(status);
      else this.goLive();
      return;
    }
  }

  /** From now on what is committed goes out at once. */
  goLive(): void {
    this.#live = true;
    const held = this.#held;
    this.#held = [];
    this.#sendLive(held);
  }

  /** A sign of life; a client that has taken nothing for too long is dropped. */
  heartbeat(): void {
    if (this.#response.writableLength === 0) this.#drainedAt = performance.now();
    else if (performance.now() - this.#drainedAt > this.#limits.streamStallMs) {
      this.#response.destroy();
      return;
    }
    this.#write(": heartbeat\n\n");
  }

  cut(): void {
    this.close("this client reads too slowly");
  }

  /** Ends with a word about how to go on. */
  close(why: string): void {
    if (!this.isOpen) return;
    this.#write(`: ${why}; go on with Last-Event-ID: ${this.#last}\n\n`);
    this.#response.end();
    const timer = setTimeout(() => this.#response.destroy(), farewellMs);
    this.#response.once("close", () => clearTimeout(timer));
  }

  #nextPage(read: ReadHistory): Promise<HistoryPage> {
    this.#held = [];
    this.#dropped = false;
    return read(this.#last);
  }

  #sendLive(frames: readonly Frame[]): void {
    this.#send(frames);
    if (this.#end !== null) this.#finish(this.#end);
    else if (this.#response.writableLength > this.#limits.streamBufferBytes) this.cut();
  }

  #send(frames: readonly Frame[]): void {
    let text = "";
    for (const frame of frames) {
      if (frame.seq <= this.#last) continue;
      this.#last = frame.seq;
      text += frame.text;
      if (frame.end !== null) this.#end = frame.end;
    }
    if (text !== "") this.#write(text);
  }

  #finish(status: TaskStatus): void {
    this.#write(endText(status));
    if (this.isOpen) this.#response.end();
  }

  #write(text: string): void {
    if (this.isOpen) this.#response.write(text);
  }

  /** False: the client took nothing in time. */
  #drained(): Promise<boolean> {
    const response = this.#response;
    if (!response.writableNeedDrain || !this.isOpen) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (inTime: boolean) => {
        clearTimeout(timer);
        response.off("drain", onDrain).off("close", onDrain);
        resolve(inTime);
      };
      const onDrain = () => settle(true);
      const timer = setTimeout(() => settle(false), this.#limits.streamStallMs);
      response.once("drain", onDrain).once("close", onDrain);
    });
  }
}
