/**
 * Expected failures, each with a stable code and a next step for the person who reads it. A surface maps the code to
 * its own form (an HTTP problem type, an exit code); nobody matches on message text.
 */

export type ErrorCode =
  | "template_invalid"
  | "template_not_found"
  | "template_conflict"
  | "context_invalid"
  | "request_invalid"
  | "task_not_found"
  | "task_final"
  | "idempotency_conflict"
  | "worker_not_found"
  | "overloaded"
  | "storage_full"
  | "storage_failed"
  | "database_locked"
  | "database_unusable"
  | "endpoint_unusable"
  | "stopping";

/** One place in a document that is wrong. `line` and `column` count from 1. */
export interface Issue {
  /** JSON path, e.g. `steps[2].retry.limit`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
  /** The nearest valid name, when the reader probably meant it. */
  readonly suggestion?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

export class TaskerError extends Error {
  readonly code: ErrorCode;
  /** What the reader can do next, one sentence. */
  readonly hint: string;
  readonly issues: readonly Issue[];

  constructor(code: ErrorCode, message: string, options: { hint: string; issues?: readonly Issue[]; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = "TaskerError";
    this.code = code;
    this.hint = options.hint;
    this.issues = options.issues ?? [];
  }
}
