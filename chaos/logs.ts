/** What clients and workers write down while they run, for the auditor to compare with the database. */

/** A line of a client's log. Times are wall-clock milliseconds. */
export interface ClientLine {
  readonly at: number;
  /** `unanswered`: the connection broke or nobody answered, so nobody knows. */
  readonly event: "sent" | "acknowledged" | "refused" | "unanswered";
  /** The idempotency key. */
  readonly key: string;
  /** With `sent`: JSON text, as it was sent. */
  readonly context?: string;
  /** With `acknowledged`: the task's UUID. */
  readonly id?: string;
  /** With `refused`: the problem's code. */
  readonly code?: string;
}

/** A line of a worker's log: a handler was called, or came to its end. */
export interface ExecutionLine {
  readonly at: number;
  readonly event: "started" | "ended";
  /** The task's UUID, or its number where the worker hears nothing else (protocol 1.0). */
  readonly task: string | number;
  readonly step: string;
  /** From 1. */
  readonly attempt: number;
  readonly worker: string;
  /** With `ended`. */
  readonly outcome?: "completed" | "failed";
}
