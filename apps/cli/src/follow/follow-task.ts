/**
 * The history of a task as it happens, from its first event on, each once and in order. When the connection is lost it
 * is opened again and goes on after the last event: a restart of the server does not end it.
 */
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { EventStreamReader } from "../http/event-stream.ts";
import { path, type ServerClient } from "../http/server-client.ts";
import type { TaskEvent } from "../task-json.ts";
import { type Patience, Reconnection } from "./reconnection.ts";

export interface FollowedEvent {
  readonly event: TaskEvent;
  /** The event's JSON as the server sent it. */
  readonly json: string;
}

/**
 * Ends after the event that makes the task final.
 * @throws CommandError when the server is away for too long, or refuses; the signal's reason
 */
export async function* followTask(
  client: ServerClient,
  id: string,
  patience: Patience,
): AsyncGenerator<FollowedEvent[]> {
  const connection = new Reconnection(patience);
  let lastSeq: number | null = null;
  for (;;) {
    try {
      for await (const batch of readStream(client, id, lastSeq, patience.signal)) {
        if (batch === "end") return;
        connection.back();
        const fresh: FollowedEvent[] = batch.filter(({ event }) => lastSeq === null || event.seq > lastSeq);
        if (fresh.length === 0) continue;
        lastSeq = fresh[fresh.length - 1]!.event.seq;
        yield fresh;
      }
      throw new CommandError(exitCodes.unreachable, "the server closed the connection");
    } catch (error) {
      await connection.wait(error);
    }
  }
}

async function* readStream(
  client: ServerClient,
  id: string,
  after: number | null,
  signal: AbortSignal,
): AsyncGenerator<FollowedEvent[] | "end"> {
  const lastEventId = after === null ? null : String(after);
  const response = await client.openStream(path("tasks", id, "stream"), lastEventId, signal);
  response.setEncoding("utf8");
  const reader = new EventStreamReader();
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<string>;
  try {
    for (;;) {
      const chunk = await nextChunk(chunks, signal);
      if (chunk === null) return;
      const batch: FollowedEvent[] = [];
      let ended = false;
      for (const { type, data } of reader.push(chunk)) {
        if (type === "transition") batch.push({ event: JSON.parse(data) as TaskEvent, json: data });
        ended ||= type === "end";
      }
      if (batch.length > 0) yield batch;
      if (ended) yield "end";
    }
  } finally {
    response.destroy();
  }
}

/** Null at the end of the stream. */
async function nextChunk(chunks: AsyncIterator<string>, signal: AbortSignal): Promise<string | null> {
  try {
    const { done, value } = await chunks.next();
    return done ? null : value;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new CommandError(exitCodes.unreachable, `the connection was lost: ${(error as Error).message}`);
  }
}
