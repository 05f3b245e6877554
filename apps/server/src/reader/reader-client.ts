/** The reader's side on the main thread: questions go to the reader thread, answers come back in their own time. */
import { once } from "node:events";
import { type ErrorCode, type Issue, type Store, TaskerError } from "@tasker/engine";
import type { Reader, ServedHandlers } from "@tasker/http-api";
import { startThread } from "@tasker/threads";
import type { JsonReader } from "./json-reader.ts";

type Method = "task" | "tasks" | "events" | "templates" | "template" | "eventRows" | "allEventRows";

export interface ReaderQuestion {
  readonly id: number;
  readonly method: Method;
  readonly args: readonly unknown[];
}

export interface ReaderAnswer {
  /** 0: the thread is ready. */
  readonly id: number;
  readonly value?: unknown;
  readonly error?: {
    readonly message: string;
    readonly code: ErrorCode | null;
    readonly hint: string;
    readonly issues: readonly Issue[];
  };
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export interface ReaderThread extends Reader {
  close(): Promise<void>;
}

/** What only the engine's memory knows, read at the moment of a question. */
export interface LiveFacts {
  servedHandlers(): ServedHandlers;
  progressOf(taskUuid: string): ReadonlyMap<string, string>;
}

/** Everything that was committed before a question is visible to its answer. */
type Publishing = Pick<Store, "publish">;

/** @throws Error when the thread cannot open the database */
export async function startReaderThread(database: string, store: Publishing, live: LiveFacts): Promise<ReaderThread> {
  const thread = startThread(new URL("./reader-thread.ts", import.meta.url), {
    workerData: { database },
    resourceLimits: { maxYoungGenerationSizeMb: 16 },
  });
  await Promise.race([once(thread, "message"), once(thread, "error").then(([error]) => Promise.reject(error))]);
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  thread.on("message", ({ id, value, error }: ReaderAnswer) => {
    const question = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) question?.resolve(value);
    else question?.reject(readable(error));
  });
  thread.on("error", (error) => {
    for (const question of waiting.values()) question.reject(error as Error);
    waiting.clear();
  });
  const ask = async <M extends Method>(method: M, ...args: Parameters<JsonReader[M]>) => {
    await published(store);
    return new Promise<never>((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      thread.postMessage({ id, method, args } satisfies ReaderQuestion);
    });
  };
  return {
    task: (id) => ask("task", id, { servedHandlers: live.servedHandlers(), progress: live.progressOf(id) }),
    tasks: (filter) => ask("tasks", filter),
    events: (id, after, limit) => ask("events", id, after, limit),
    templates: () => ask("templates"),
    template: (namespace, name, version) => ask("template", namespace, name, version),
    eventRows: (id, after, limit) => ask("eventRows", id, after, limit),
    allEventRows: (after, limit) => ask("allEventRows", after, limit),
    close: async () => {
      await thread.terminate();
    },
  };
}

/** On a full disk people still see what there is, even if it is not the last word. */
async function published(store: Publishing): Promise<void> {
  try {
    await store.publish();
  } catch {
    // The store has said so itself, to the engine.
  }
}

function readable({ message, code, hint, issues }: NonNullable<ReaderAnswer["error"]>): Error {
  return code === null ? new Error(message) : new TaskerError(code, message, { hint, issues });
}
