/**
 * What people read: lists, histories, searches. Never on the writer's connection; a reader sees what is committed and
 * nothing else. Rows are plain, times are wall-clock milliseconds, payloads are JSON text exactly as it was stored.
 */
import type { HistoryEvent, StepRow, TaskStatus, Template } from "@tasker/engine";

/** At once (embedded) or with a promise (a database across the network, or another thread). */
export type Answer<T> = T | Promise<T>;

export interface Queries {
  /** The task of this UUID with its context, the rows of its steps and its template; null when there is none. */
  task(id: string): Answer<TaskDetail | null>;
  /** Where the task stands; null when there is none. */
  status(id: string): Answer<TaskStatus | null>;
  /** How far tasks are, by their number on the wire; unknown ones are left out. */
  progress(taskIds: readonly number[]): Answer<ReadonlyMap<number, TaskProgress>>;
  /** Newest first. @throws TaskerError `request_invalid` for a cursor that no page gave out */
  tasks(filter: TaskFilter): Answer<Page<TaskSummary>>;
  /** Events of one task with `seq > afterSeq`, in order; an unknown task has none. */
  events(taskId: string, afterSeq: number, limit: number): Answer<readonly HistoryEvent[]>;
  /** Events of all tasks with `seq > afterSeq`, in order. */
  eventsAfter(afterSeq: number, limit: number): Answer<readonly HistoryEvent[]>;
  /** Every version of every template, by namespace, name and version, newest version first. */
  templates(): Answer<readonly TemplateSummary[]>;
  /** One version, or with `version` null the highest; null when there is none. */
  template(namespace: string, name: string, version: string | null): Answer<TemplateDetail | null>;
  /** Tasks by status. */
  counts(): Answer<Readonly<Record<TaskStatus, number>>>;
  close(): Answer<void>;
}

/** Steps of a task: all, and those in the states that tell how it goes. */
export interface TaskProgress {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly inProgress: number;
}

/** All that is given must hold. Absent and null mean "any". */
export interface TaskFilter {
  readonly status?: TaskStatus | null;
  readonly namespace?: string | null;
  readonly name?: string | null;
  readonly tag?: string | null;
  /** Text that its id, template, idempotency key, correlation id, initiator or tags contain; ASCII case is ignored. */
  readonly q?: string | null;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | null;
  /** Tasks in one page, 1 to 1000. */
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Null: this is the last page. */
  readonly nextCursor: string | null;
}

export interface TaskSummary {
  /** UUIDv7. */
  readonly id: string;
  /** Number on the wire to workers. */
  readonly taskId: number;
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly status: TaskStatus;
  readonly reason: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly idempotencyKey: string | null;
  readonly correlationId: string | null;
  readonly initiator: string | null;
  readonly createdAt: number;
  /** When its first step was leased. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface TaskDetail extends TaskSummary {
  /** JSON text. */
  readonly context: string;
  readonly template: Template;
  /** In the order of first leases. A step without a row is `pending` or `ready`, which follows from the graph. */
  readonly steps: readonly StepRow[];
  /** JSON text, by step id: what handlers saved last with `checkpoint`. Steps that saved nothing are not in it. */
  readonly cursors: ReadonlyMap<number, string>;
}

export interface TemplateSummary {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Number of steps. */
  readonly steps: number;
  readonly createdAt: number;
}

export interface TemplateDetail extends TemplateSummary {
  readonly template: Template;
  /** What was applied, as text. */
  readonly source: string;
}
