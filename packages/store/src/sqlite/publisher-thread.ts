/** The thread that brings the tables up to date with the turn log. Started by `publisher-client.ts`. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { StoreError } from "@tasker/engine";
import { openWriter } from "./connection.ts";
import { Publisher } from "./publisher.ts";
import type { FromPublisher, ToPublisher, TurnPlace } from "./publisher-client.ts";
import { TurnLogReader } from "./turn-log.ts";

/** The tables follow when enough rows wait, or the oldest has waited so long. */
const longestWaitMs = 50;
const retryMs = 250;

const port = parentPort as MessagePort;
const { database, published } = workerData as { readonly database: string; readonly published: number };
const publisher = new Publisher(openWriter(database), published);
const log = new TurnLogReader(database);
let turn = published;
let timer: NodeJS.Timeout | null = null;

port.on("message", (message: ToPublisher) => {
  if (message === "close") close();
  else if ("publish" in message) publish(message.publish, message.durable);
  else for (const place of message.turns) take(place);
});

function take(place: TurnPlace): void {
  publisher.take(place.turn, log.read(place));
  if (publisher.isDue) publish(null, false);
  else timer ??= setTimeout(publish, longestWaitMs, null, false);
}

function publish(request: number | null, durable: boolean): void {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  let error: FromPublisher["error"] = null;
  try {
    turn = publisher.publish(durable);
  } catch (cause) {
    const failure = cause instanceof StoreError ? cause.failure : "io";
    error = { failure, message: (cause as Error).message };
    if (failure === "full" || failure === "busy") timer = setTimeout(publish, retryMs, null, false);
  }
  port.postMessage({ request, durable, turn, error } satisfies FromPublisher);
}

function close(): void {
  if (timer !== null) clearTimeout(timer);
  publisher.close();
  log.close();
  port.close();
}
