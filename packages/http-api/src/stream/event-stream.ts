/**
 * One client's stream of events: first what the history holds, then what is committed from then on, each event once and
 * in order. A client that falls behind gets the rest from the history again, at its own pace; one that takes nothing is cut,
 * and told where to go on. What is held back for it is bounded.
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

/** How long a client that was cut has to take what was written for it. */
const farewellMs = 5_000;

/** Hears why a stream was closed that its client would have kept. */
export type Complain = (why: string, last: number) => void;

export class EventStream {
  readonly #response: ServerResponse;
  readonly #read: ReadHistory;
  readonly #limits: HttpLimits;
  readonly #complain: Complain;
  /** The `seq` of the last event written. */
  #last: number;
  #live = false;
  /** Committed since the page that is being read was asked for, as far as it fits: the next page has the rest. */
  #held: Frame[] = [];
  #heldBytes = 0;
  #dropped = false;
  /** The final status of the task, once an event said so. */
  #end: TaskStatus | null = null;
  /** Monotonic: when the client last took something. */
  #takenAt = performance.now();
  readonly #onTaken = () => {
    this.#takenAt = performance.now();
  };

  /** @param after the `seq` that the client has */
  constructor(response: ServerResponse, after: number, read: ReadHistory, limits: HttpLimits, complain: Complain) {
    this.#response = response;
    this.#last = after;
    this.#read = read;
    this.#limits = limits;
    this.#complain = complain;
  }

  get isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  /** Events that were committed now, in order. */
  offer(frames: readonly Frame[]): void {
    if (this.#live) this.#sendLive(frames);
    else for (const frame of frames) this.#hold(frame);
  }

  /** Writes the history from this page on, and goes live where it ends. */
  async follow(first: HistoryPage): Promise<void> {
    try {
      for (let page = first; this.isOpen; page = await this.#nextPage()) {
        this.#send(page.frames);
        if (!(await this.#drained())) return this.close("this client reads too slowly");
        if (page.frames.length >= historyPageEvents || this.#dropped) continue;
        if (page.status !== null && isFinalTask(page.status)) this.#finish(page.status);
        else this.goLive();
        return;
      }
    } catch (error) {
      this.close(`the history cannot be read now: ${(error as Error).message}`);
    }
  }

  /** From now on what is committed goes out at once. */
  goLive(): void {
    this.#live = true;
    const held = this.#held;
    this.#forgetHeld();
    this.#sendLive(held);
  }

  /** A sign of life; a client that has taken nothing for too long is dropped. */
  heartbeat(): void {
    const isStalled =
      this.#response.writableLength > 0 && performance.now() - this.#takenAt > this.#limits.streamStallMs;
    if (isStalled) this.#response.destroy();
    else this.#write(": heartbeat\n\n");
  }

  /** Ends with a word about how to go on. */
  close(why: string): void {
    if (!this.isOpen) return;
    this.#complain(why, this.#last);
    this.#write(`: ${why}; go on with Last-Event-ID: ${this.#last}\n\n`);
    this.#response.end();
    const timer = setTimeout(() => this.#response.destroy(), farewellMs);
    this.#response.once("close", () => clearTimeout(timer));
  }

  #nextPage(): Promise<HistoryPage> {
    this.#forgetHeld();
    return this.#read(this.#last);
  }

  #hold(frame: Frame): void {
    this.#heldBytes += frame.text.length;
    if (this.#heldBytes <= this.#limits.streamBufferBytes) this.#held.push(frame);
    else this.#dropped = true;
  }

  #forgetHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#dropped = false;
  }

  #sendLive(frames: readonly Frame[]): void {
    this.#send(frames);
    if (this.#end !== null) this.#finish(this.#end);
    else if (this.#response.writableLength > this.#limits.streamBufferBytes) this.#fallBehind();
  }

  /** The client takes less than is committed: it gets no more until it has taken what it was sent. */
  #fallBehind(): void {
    this.#live = false;
    void this.follow({ frames: [], status: null });
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
    if (this.isOpen) this.#response.write(text, this.#onTaken);
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
