/**
 * The thread that answers what people read: its own connection, read-only, and finished JSON as bytes, so that a big page
 * costs the thread of the turns nothing but the write. Started by `reader-client.ts`.
 */
import { parentPort, workerData } from "node:worker_threads";
import { TaskerError } from "@tasker/engine";
import { openQueries } from "@tasker/store";
import { JsonReader } from "./json-reader.ts";
import type { ReaderAnswer, ReaderQuestion } from "./reader-client.ts";

const port = parentPort!;
const reader = new JsonReader(openQueries({ database: (workerData as { database: string }).database }));
const encoder = new TextEncoder();

port.on("message", (question: ReaderQuestion) => void answer(question));
port.postMessage({ id: 0, value: null } satisfies ReaderAnswer);

async function answer({ id, method, args }: ReaderQuestion): Promise<void> {
  try {
    const value: unknown = await Reflect.apply(reader[method], reader, args);
    if (typeof value === "string") {
      const bytes = encoder.encode(value);
      port.postMessage({ id, value: bytes } satisfies ReaderAnswer, [bytes.buffer]);
    } else {
      port.postMessage({ id, value } satisfies ReaderAnswer);
    }
  } catch (error) {
    port.postMessage({ id, error: portable(error as Error) } satisfies ReaderAnswer);
  }
}

/** An error survives the way between threads only as plain data. */
function portable(error: Error): NonNullable<ReaderAnswer["error"]> {
  if (error instanceof TaskerError) {
    const { message, code, hint, issues } = error;
    return { message, code, hint, issues };
  }
  return { message: error.stack ?? error.message, code: null, hint: "", issues: [] };
}
