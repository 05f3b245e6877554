/**
 * Refusals as RFC 9457 problems: one table of codes, each with its status and what the reader can do. The table is also
 * the page docs/reference/problems.md. A code never changes its meaning; programs match on `code`, never on text.
 */
import { type ErrorCode, type Issue, TaskerError } from "@tasker/engine";

/** Refusals that only this surface knows. */
export type HttpErrorCode =
  | "content_too_large"
  | "host_refused"
  | "internal"
  | "media_type_unsupported"
  | "method_not_allowed"
  | "not_ready"
  | "origin_refused"
  | "route_not_found"
  | "too_many_streams";

export type ProblemCode = ErrorCode | HttpErrorCode;

export interface ProblemType {
  readonly status: number;
  readonly title: string;
  /** What it means and what to do, for the page. */
  readonly meaning: string;
  /** Worth trying again unchanged, after so many seconds. */
  readonly retryAfterS?: number;
}

export const problemTypes: Readonly<Record<ProblemCode, ProblemType>> = {
  request_invalid: {
    status: 400,
    title: "The request is not what this route takes",
    meaning:
      "Broken JSON (`issues` has line and column), an unknown member, a wrong type or a value out of bounds (`issues` has the JSON path). Correct it.",
  },
  host_refused: {
    status: 403,
    title: "This host name is not served",
    meaning:
      "The `Host` header names neither a loopback address nor a configured name; a web page may be behind it (DNS rebinding). Use the URL that the server printed.",
  },
  origin_refused: {
    status: 403,
    title: "Requests from other web sites are refused",
    meaning: "A browser sent this for a page of another origin. Call the API from a program, or from its own origin.",
  },
  route_not_found: {
    status: 404,
    title: "There is no such route",
    meaning: "Compare the path with `/openapi.json`.",
  },
  task_not_found: {
    status: 404,
    title: "There is no such task",
    meaning: "No task has this id. Find it with `GET /v1/tasks`.",
  },
  template_not_found: {
    status: 404,
    title: "There is no such template",
    meaning: "Nobody applied a template of this name or version. The hint names what is near; apply it first.",
  },
  worker_not_found: {
    status: 404,
    title: "There is no such worker",
    meaning: "No connected worker has this id. See `GET /v1/workers`.",
  },
  method_not_allowed: {
    status: 405,
    title: "This path does not take the method",
    meaning: "The `Allow` header names the methods that it takes.",
  },
  task_final: {
    status: 409,
    title: "The task is already final",
    meaning: "It is completed, failed or cancelled, and never changes again.",
  },
  template_conflict: {
    status: 409,
    title: "The version exists with another content",
    meaning: "A version never changes once applied. Raise `version` and apply again.",
  },
  idempotency_conflict: {
    status: 409,
    title: "The idempotency key belongs to another task",
    meaning:
      "The key was used with another template, version, context, priority or tags. Send the same body to get that task, or another key for another task.",
  },
  content_too_large: {
    status: 413,
    title: "Too large",
    meaning: "A body, a context or a bulk call is beyond the limit that `detail` names. Split it, or pass a reference.",
  },
  media_type_unsupported: {
    status: 415,
    title: "This media type is not taken",
    meaning: "Send JSON as `application/json` (templates also as `application/yaml`), in UTF-8, uncompressed.",
  },
  context_invalid: {
    status: 422,
    title: "The context does not fit the template",
    meaning: "The template's `input_schema` refuses it; `issues` has each place. Nothing was stored.",
  },
  template_invalid: {
    status: 422,
    title: "The template is not valid",
    meaning: "`issues` has each place with what was expected and the nearest valid name. Nothing was stored.",
  },
  internal: {
    status: 500,
    title: "The server made a mistake",
    meaning: "A bug. The server's log has a line with the id in `instance`; please report it.",
  },
  not_ready: {
    status: 503,
    title: "Not ready",
    meaning: "The orchestrator is starting, stopping or without its store; `detail` says which.",
    retryAfterS: 1,
  },
  overloaded: {
    status: 503,
    title: "Too much is waiting",
    meaning: "More tasks wait to be stored than the orchestrator takes. Send again in a moment, with the same key.",
    retryAfterS: 1,
  },
  stopping: {
    status: 503,
    title: "The server is stopping",
    meaning: "Nothing was stored. Send again when it is back, with the same key.",
    retryAfterS: 1,
  },
  storage_full: {
    status: 503,
    title: "The disk is full",
    meaning: "Nothing was stored; reading goes on. Free some space, then send again.",
    retryAfterS: 10,
  },
  storage_failed: {
    status: 503,
    title: "The store failed",
    meaning: "Whether it was stored is not known. Send again with the same key: it is stored once.",
    retryAfterS: 1,
  },
  database_locked: {
    status: 503,
    title: "Another process has the database",
    meaning: "Seen at start-up: stop the other orchestrator, or give this one its own file.",
  },
  database_unusable: {
    status: 503,
    title: "The database cannot be used",
    meaning: "Seen at start-up: it is damaged, or newer than this program.",
  },
  endpoint_unusable: {
    status: 503,
    title: "An endpoint cannot be used",
    meaning: "Seen at start-up: an address for workers is taken or not allowed.",
  },
  too_many_streams: {
    status: 503,
    title: "Too many event streams are open",
    meaning: "Close some, or read `GET /v1/tasks/{id}/events` instead.",
    retryAfterS: 10,
  },
};

export const problemMediaType = "application/problem+json";

/** An expected refusal with a code of this surface; those of the engine are `TaskerError`. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;
  /** What the reader can do next, one sentence. */
  readonly hint: string;
  readonly issues: readonly Issue[];

  constructor(code: HttpErrorCode, message: string, hint: string, issues: readonly Issue[] = []) {
    super(message);
    this.name = "HttpError";
    this.code = code;
    this.hint = hint;
    this.issues = issues;
  }
}

export type Refusal = TaskerError | HttpError;

export function invalidRequest(message: string, issues: readonly Issue[], hint: string): TaskerError {
  return new TaskerError("request_invalid", message, { hint, issues });
}

/** A part of a request that its schema refuses; the message names the first place. @param part e.g. `the body` */
export function unfitRequest(part: string, issues: readonly Issue[]): TaskerError {
  const [{ path, message }, ...others] = issues as [Issue, ...Issue[]];
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  const place = path === "" ? "" : ` at ${path}`;
  return invalidRequest(
    `${part} is not what this route takes${place}: ${message}${more}`,
    issues,
    "Correct it and send again.",
  );
}

/** @param instance names this occurrence: the request's id, which the log has too */
export function problemJson(refusal: Refusal, instance: string): string {
  const { status, title } = problemTypes[refusal.code];
  return JSON.stringify({
    type: `urn:tasker:problem:${refusal.code}`,
    title,
    status,
    detail: refusal.message,
    instance,
    code: refusal.code,
    hint: refusal.hint,
    issues: refusal.issues,
  });
}

export function instanceOf(requestId: string): string {
  return `urn:tasker:request:${requestId}`;
}

/** What fastify's own refusals are about and do not name. */
export interface RefusedRequest {
  /** The most that the route takes, in bytes. */
  readonly bodyLimit?: number | undefined;
  readonly contentType?: string | undefined;
}

/** Whatever a handler or fastify threw, as a refusal. What nobody expected is `internal` and keeps its text to the log. */
export function toRefusal(error: unknown, { bodyLimit, contentType }: RefusedRequest = {}): Refusal {
  if (error instanceof TaskerError || error instanceof HttpError) return error;
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new HttpError(
        "content_too_large",
        `the body is larger than this route takes${bodyLimit === undefined ? "" : `: at most ${bodyLimit} bytes`}`,
        "Send less in one call, or raise `limits.max_body_bytes` and the limit of what is in it.",
      );
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new HttpError(
        "media_type_unsupported",
        contentType === undefined ? "there is no content-type" : `${JSON.stringify(contentType)} is not taken here`,
        "Send JSON with `content-type: application/json`.",
      );
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return invalidRequest(message ?? "bad request", [], "Compare the request with `/openapi.json`.");
  }
  return new HttpError("internal", "the server made a mistake", "Its log has a line with the id in `instance`.");
}
