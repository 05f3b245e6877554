/** The server's JSON as far as commands read it to show it. What is printed with `--json` is the text, never these. */

export interface StepView {
  readonly name: string;
  readonly status: string;
  readonly reason: string | null;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly depends_on: readonly string[];
  readonly worker_id: string | null;
  readonly output: unknown;
  readonly error: { readonly message?: unknown; readonly code?: unknown } | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly wake_at?: string | null;
  /** What its running handler last said about how far it is. */
  readonly progress?: unknown;
}

/** A task in a list. */
export interface TaskItem {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly status: string;
  readonly reason: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly idempotency_key?: string | null;
  readonly correlation_id?: string | null;
  readonly initiator?: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly progress?: { readonly total: number; readonly completed: number; readonly failed: number };
}

export interface TaskView extends TaskItem {
  readonly steps: readonly StepView[];
}

/** One transition of the history. */
export interface TaskEvent {
  readonly seq: number;
  readonly at: string;
  readonly task_id: string;
  /** The step's name; null for the task's own. */
  readonly step: string | null;
  readonly from: string | null;
  readonly to: string;
  readonly attempt: number | null;
  readonly worker_id: string | null;
  readonly actor: string;
  readonly reason: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

/** Nothing more happens by itself. */
export function isSettled(status: string): boolean {
  return status !== "in_progress" && status !== "paused";
}

export function templateName({ namespace, name, version }: Pick<TaskItem, "namespace" | "name" | "version">): string {
  return `${namespace}/${name}@${version}`;
}

/** How far a running handler says it is, short; null when it says nothing. */
export function progressText(progress: unknown): string | null {
  if (progress === null || progress === undefined) return null;
  return (typeof progress === "string" ? progress : JSON.stringify(progress)).slice(0, 200);
}

/** The message of a step's error, with its code; null without an error. */
export function errorMessage(error: StepView["error"]): string | null {
  if (error === null) return null;
  const message = typeof error.message === "string" ? error.message : JSON.stringify(error);
  return typeof error.code === "string" && !message.includes(error.code) ? `${error.code}: ${message}` : message;
}
