/**
 * All open event streams. The engine is listened to only while there is one; each event is rendered once, and only if
 * somebody wants it.
 */
import type { HistoryRow, Log } from "@tasker/engine";
import { historyEvents } from "@tasker/engine";
import type { FastifyReply } from "fastify";
import type { HttpLimits } from "../limits.ts";
import type { Commands, Reader } from "../ports.ts";
import { HttpError } from "../problem.ts";
import { taskNotFound } from "../task-id.ts";
import { EventStream, type HistoryPage, historyPageEvents, type ReadHistory } from "./event-stream.ts";
import { type Frame, toFrame } from "./frame.ts";

/** How long a browser waits before it connects again. */
const reconnectMs = 1_000;

/** Topic of the streams over all tasks. */
const everything = "*";

export class EventStreams {
  readonly #commands: Commands;
  readonly #reader: Reader;
  readonly #limits: HttpLimits;
  readonly #log: Log;
  /** By task UUID, or `everything`. */
  readonly #byTopic = new Map<string, Set<EventStream>>();
  #count = 0;
  #unsubscribe: (() => void) | null = null;
  #heartbeat: NodeJS.Timeout | null = null;

  constructor(commands: Commands, reader: Reader, limits: HttpLimits, log: Log) {
    this.#commands = commands;
    this.#reader = reader;
    this.#limits = limits;
    this.#log = log;
  }

  get size(): number {
    return this.#count;
  }

  /** @throws TaskerError `task_not_found`; HttpError `too_many_streams` */
  async openTask(reply: FastifyReply, id: string, after: number): Promise<void> {
    const read = async (from: number): Promise<HistoryPage> => {
      const page = await this.#reader.eventRows(id, from, historyPageEvents);
      if (page === null) throw taskNotFound(id);
      return { frames: page.events.map(toFrame), status: page.status };
    };
    await this.#open(reply, id, after, read);
  }

  /** @param after null: from now on @throws HttpError `too_many_streams` */
  async openAll(reply: FastifyReply, after: number | null): Promise<void> {
    const read = async (from: number): Promise<HistoryPage> => {
      const events = await this.#reader.allEventRows(from, historyPageEvents);
      return { frames: events.map((event) => withoutEnd(toFrame(event))), status: null };
    };
    await this.#open(reply, everything, after, read);
  }

  /** Ends every stream; clients may come back to another orchestrator, or to this one after its restart. */
  close(): void {
    for (const streams of this.#byTopic.values()) {
      for (const stream of streams) stream.close("the server is stopping");
    }
    this.#rest();
  }

  /** Listens before it reads: what is committed meanwhile is held, so that nothing falls between the two. */
  async #open(reply: FastifyReply, topic: string, after: number | null, read: ReadHistory): Promise<void> {
    this.#assertRoom();
    const stream = new EventStream(reply.raw, after ?? 0, read, this.#limits, (reason, last) =>
      this.#log.info("http.stream_closed", { request: reply.request.id, topic, reason, last }),
    );
    this.#add(stream, topic);
    reply.raw.once("close", () => this.#remove(stream, topic));
    const first = after === null ? null : await read(after).catch((error: Error) => this.#refuse(stream, topic, error));
    this.#begin(reply);
    if (first === null) stream.goLive();
    else void stream.follow(first);
  }

  #assertRoom(): void {
    if (this.#count < this.#limits.streams) return;
    throw new HttpError(
      "too_many_streams",
      `${this.#limits.streams} event streams are open, which is the limit`,
      "Close some, or read `GET /v1/tasks/{id}/events` from time to time.",
    );
  }

  #add(stream: EventStream, topic: string): void {
    const streams = this.#byTopic.get(topic) ?? new Set();
    this.#byTopic.set(topic, streams.add(stream));
    this.#count++;
    this.#unsubscribe ??= this.#commands.subscribe((rows, ids) => this.#distribute(rows, ids));
    this.#heartbeat ??= setInterval(() => this.#beat(), this.#limits.streamHeartbeatMs).unref();
  }

  #remove(stream: EventStream, topic: string): void {
    const streams = this.#byTopic.get(topic);
    if (!streams?.delete(stream)) return;
    if (streams.size === 0) this.#byTopic.delete(topic);
    this.#count--;
    if (this.#count === 0) this.#rest();
  }

  #refuse(stream: EventStream, topic: string, error: Error): never {
    this.#remove(stream, topic);
    throw error;
  }

  #rest(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }

  /** From here on the answer is the stream's, not fastify's. */
  #begin(reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200, {
      ...reply.getHeaders(),
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    } as Record<string, string>);
    reply.raw.write(`retry: ${reconnectMs}\n\n`);
  }

  #distribute(rows: readonly HistoryRow[], ids: ReadonlyMap<number, string>): void {
    const all = this.#byTopic.get(everything);
    const forAll: Frame[] = [];
    for (const row of rows) {
      const taskUuid = ids.get(row.taskId);
      if (taskUuid === undefined) continue;
      const own = this.#byTopic.get(taskUuid);
      if (own === undefined && all === undefined) continue;
      const frames = historyEvents(row, taskUuid).map(toFrame);
      if (own !== undefined) for (const stream of own) stream.offer(frames);
      if (all !== undefined) forAll.push(...frames.map(withoutEnd));
    }
    if (all !== undefined && forAll.length > 0) for (const stream of all) stream.offer(forAll);
  }

  #beat(): void {
    for (const streams of this.#byTopic.values()) for (const stream of streams) stream.heartbeat();
  }
}

/** A task that ends does not end a stream over all tasks. */
function withoutEnd(frame: Frame): Frame {
  return frame.end === null ? frame : { ...frame, end: null };
}
