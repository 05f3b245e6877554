/**
 * How one attempt ended, as it goes over the wire. Whatever a handler returns or throws becomes an outcome here; nothing
 * that it does with the value (a getter that throws, a cycle, 20 MB) reaches the worker.
 */
import { stringifyLossless } from "@tasker/json";
import { deepestPayload, isTooDeep } from "./depth.ts";
import { PermanentError, RetryableError } from "./errors.ts";

export interface Outcome extends OutcomeFrame {
  readonly status: "completed" | "failed";
  /** JSON text; `null` when failed. */
  readonly output: string;
  /** JSON text of `{message, code, type?, backtrace?}`; `null` when completed. */
  readonly error: string;
  readonly errorCode: string | null;
  /** False: no further attempt. Null: not said, so the step's policy decides. */
  readonly retryable: boolean | null;
  readonly retryAfterMs: number | null;
}

/** What every outcome of an attempt has, however it ends. */
export interface OutcomeFrame {
  /** As in the step's request. */
  readonly origin: number;
  readonly leaseId: string;
  readonly executionTimeMs: number;
  readonly handlerVersion: string | null;
}

const maxMessageChars = 4_096;
const maxCodeChars = 64;
/** As many frames as the seed's handlers report. */
const backtraceFrames = 5;
const maxFrameChars = 512;
const visibleAscii = /^[!-~]+$/;

/** The outcome of a handler that returned `output`: completed, or failed when that has no JSON form or is too large. */
export function returned(frame: OutcomeFrame, output: unknown, maxOutputBytes: number): Outcome {
  let text: string | undefined;
  try {
    text = output === undefined ? "null" : stringifyLossless(output);
  } catch (error) {
    return failed(frame, "not_json", `the handler returned something that is not JSON: ${messageOf(error)}`);
  }
  if (text === undefined) {
    return failed(frame, "not_json", `the handler returned a ${typeof output}, which is not JSON`);
  }
  // A UTF-16 unit becomes at most three bytes, so short text need not be measured.
  if (text.length * 3 > maxOutputBytes) {
    const bytes = Buffer.byteLength(text);
    if (bytes > maxOutputBytes) return failed(frame, "output_too_large", tooLarge(bytes, maxOutputBytes));
  }
  if (isTooDeep(text)) {
    const message = `the handler returned objects and arrays nested deeper than ${deepestPayload} levels`;
    return failed(frame, "not_json", message);
  }
  return {
    origin: frame.origin,
    leaseId: frame.leaseId,
    status: "completed",
    output: text,
    error: "null",
    errorCode: null,
    retryable: null,
    retryAfterMs: null,
    executionTimeMs: frame.executionTimeMs,
    handlerVersion: frame.handlerVersion,
  };
}

function tooLarge(bytes: number, max: number): string {
  return `the output has ${bytes} bytes; the orchestrator takes ${max}. Store it elsewhere and return a reference`;
}

/** The outcome of a handler that threw, or whose promise was rejected with, `thrown`. */
export function threw(frame: OutcomeFrame, thrown: unknown): Outcome {
  const details = { type: typeNameOf(thrown), backtrace: backtraceOf(thrown) };
  if (thrown instanceof RetryableError) {
    const retryAfterMs = readDuration(thrown.retryAfterMs);
    return failed(frame, ownCode(thrown.code), messageOf(thrown), { retryable: true, retryAfterMs, ...details });
  }
  if (thrown instanceof PermanentError) {
    return failed(frame, ownCode(thrown.code), messageOf(thrown), { retryable: false, ...details });
  }
  return failed(frame, "handler_error", messageOf(thrown), { retryable: true, ...details });
}

/** Nobody knows whether the work was done: `on_lost` of the step decides. */
export function timedOut(frame: OutcomeFrame, timeoutMs: number): Outcome {
  return failed(frame, "timeout", `the handler did not end within ${timeoutMs} ms`);
}

/** It was asked to stop, and did, or had not begun. */
export function cancelled(frame: OutcomeFrame, reason: string): Outcome {
  return failed(frame, "cancelled", reason, { retryable: false });
}

interface FailureDetails {
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | null;
  readonly type?: string;
  readonly backtrace?: readonly string[];
}

function failed(frame: OutcomeFrame, code: string, message: string, details: FailureDetails = {}): Outcome {
  const { type, backtrace } = details;
  return {
    origin: frame.origin,
    leaseId: frame.leaseId,
    status: "failed",
    output: "null",
    error: JSON.stringify({ message: shorten(message, maxMessageChars), code, type, backtrace }),
    errorCode: code,
    retryable: details.retryable ?? null,
    retryAfterMs: details.retryAfterMs ?? null,
    executionTimeMs: frame.executionTimeMs,
    handlerVersion: frame.handlerVersion,
  };
}

function ownCode(code: unknown): string {
  if (typeof code !== "string" || code.length > maxCodeChars || !visibleAscii.test(code)) return "handler_error";
  return code === "timeout" ? "handler_timeout" : code;
}

function readDuration(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : null;
}

/** Handlers may throw anything, also what cannot be turned into text. */
function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.message);
    if (typeof thrown === "string") return thrown;
    return `the handler threw ${typeof thrown === "object" ? (stringifyLossless(thrown) ?? "an object") : String(thrown)}`;
  } catch {
    return "the handler threw something that cannot be shown";
  }
}

function typeNameOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? shorten(String(thrown.name), maxFrameChars) : typeof thrown;
  } catch {
    return typeof thrown;
  }
}

function backtraceOf(thrown: unknown): readonly string[] {
  try {
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    if (typeof stack !== "string") return [];
    const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
    return frames.slice(0, backtraceFrames).map((line) => shorten(line.trim(), maxFrameChars));
  } catch {
    return [];
  }
}

/** Cuts between code points, so that the text stays legal UTF-8. */
function shorten(text: string, maxChars: number): string {
  const whole = text.toWellFormed();
  return whole.length <= maxChars ? whole : `${whole.slice(0, maxChars).toWellFormed()}...`;
}
