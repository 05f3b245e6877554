/**
 * What the HTTP surface needs from the orchestrator: commands, which run in its turns, and a reader, which answers from
 * another thread. The surface itself decides nothing and stores nothing.
 */
import type {
  EngineMetrics,
  HistoryEvent,
  HistoryListener,
  SubmitTask,
  TaskerError,
  TaskRow,
  TaskStatus,
  Template,
} from "@tasker/engine";

/** One answer of `submit`. A refused task never keeps its neighbours from being stored. */
export type SubmitOutcome =
  | {
      readonly ok: true;
      /** False: this is the task that the idempotency key already had. */
      readonly created: boolean;
      readonly task: TaskRow;
      readonly plan: { readonly template: Template };
    }
  | { readonly ok: false; readonly error: TaskerError };

export interface WorkerView {
  /** What people see; stable across sessions. */
  readonly id: string;
  /** This connection of the worker. */
  readonly key: string;
  readonly protocol: string;
  readonly language: string | null;
  readonly sdk: string | null;
  readonly version: string | null;
  readonly pool: string;
  /** Null: takes every handler. */
  readonly handlers: readonly string[] | null;
  readonly capacity: number;
  readonly in_flight: number;
  /** `ready` or `draining`. */
  readonly status: string;
  /** Wall-clock milliseconds. */
  readonly connected_at: number;
}

/** What `/metrics` reads at the moment it is asked. */
export interface EngineReadings {
  readonly engine: EngineMetrics;
  readonly activeTasks: number;
  /** How long the oldest `ready` step has been ready, in milliseconds; null when none is. */
  readonly oldestReadyMs: number | null;
  readonly peers: PeerCounts;
}

/** What the executor counts about its peers; plain numbers that only grow. */
export interface PeerCounts {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly sendsRefused: number;
  readonly subscriptionsRefused: number;
  readonly subscriptionFloods: number;
  readonly sessionsLost: number;
  readonly leasesMissing: number;
  /** By code. */
  readonly badFrames: Readonly<Record<string, number>>;
  /** By reason. */
  readonly sessionsRefused: Readonly<Record<string, number>>;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for a person. */
  readonly reason: string | null;
}

/** A template version as the URL of a PUT names it; the document must say the same. */
export interface TemplateName {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
}

/** Handlers that some connected worker serves; "all" while a worker that takes everything is connected. */
export type ServedHandlers = readonly string[] | "all";

export interface Commands {
  /**
   * The answers stand in the order of the tasks; what they say was created is durable.
   * @throws TaskerError `overloaded`, `stopping`, `storage_full`, `storage_failed`: none was stored
   */
  submit(tasks: readonly SubmitTask[]): Promise<readonly SubmitOutcome[]>;
  /** @throws TaskerError `task_not_found`, `task_final`, and as `submit` does */
  cancel(taskUuid: string, cause: { readonly reason: string | null; readonly actor: "client" }): Promise<void>;
  /**
   * Keeps a template version; answers with its JSON (`templateJson`). Not created: the same was there already.
   * @throws TaskerError `template_invalid`, `template_conflict`, and as `submit` does
   */
  applyTemplate(
    text: string,
    expected: TemplateName,
    contentType: string,
  ): Promise<{ readonly created: boolean; readonly json: string }>;
  workers(): readonly WorkerView[];
  servedHandlers(): ServedHandlers;
  readiness(): Readiness;
  readings(): EngineReadings;
  /** Hears of every committed history row, in order. Answers with the function that ends it. */
  subscribe(listener: HistoryListener): () => void;
}

/** Finished JSON; bytes are UTF-8 and are written as they are. */
export type JsonText = string | Uint8Array;

/** All that is given must hold; null means "any". */
export interface TaskFilter {
  readonly status: TaskStatus | null;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly tag: string | null;
  readonly q: string | null;
  /** `next_cursor` of the page before. */
  readonly cursor: string | null;
  readonly limit: number;
}

/**
 * Reads committed state on another thread and connection; the texts are made there by `@tasker/http-api/views`, so that
 * a big page costs this thread nothing but the write. Null: there is no such thing.
 */
export interface Reader {
  /** `taskJson`. */
  task(id: string): Promise<JsonText | null>;
  /** `taskPageJson`. @throws TaskerError `request_invalid` for a cursor that no page gave out */
  tasks(filter: TaskFilter): Promise<JsonText>;
  /** `eventPageJson` of the events with `seq > after`. */
  events(id: string, after: number, limit: number): Promise<JsonText | null>;
  /** `templatePageJson`. */
  templates(): Promise<JsonText>;
  /** `templateJson`; with `version` null of the highest. */
  template(namespace: string, name: string, version: string | null): Promise<JsonText | null>;
  /**
   * Events of one task with `seq > after`, in order, for a stream. The status must not be read after the events: a final
   * status promises that they hold everything up to it.
   */
  eventRows(
    id: string,
    after: number,
    limit: number,
  ): Promise<{ readonly events: readonly HistoryEvent[]; readonly status: TaskStatus } | null>;
  /** Events of all tasks with `seq > after`, in order. */
  allEventRows(after: number, limit: number): Promise<readonly HistoryEvent[]>;
}
