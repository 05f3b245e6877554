/** The test kit: runs one attempt of a handler exactly as a worker does, without sockets or an orchestrator. */
import { parseLossless, stringifyLossless } from "@tasker/json";
import type { Outcome } from "./handler/outcome.ts";
import { type HandlerFunction, HandlerRegistry, type StepHandler, type StepHandlerClass } from "./handler/registry.ts";
import { Runner } from "./handler/runner.ts";
import type { StepRequest } from "./handler/step.ts";
import { filterLog, jsonLinesLogger, type Logger } from "./log.ts";

/** The step that the handler sees. Everything has a default. */
export interface TestStep {
  readonly context?: unknown;
  readonly config?: unknown;
  /** Outputs of earlier steps, by step name. */
  readonly previousResults?: Readonly<Record<string, unknown>>;
  /** From 1. */
  readonly attempt?: number;
  readonly maxAttempts?: number;
  readonly idempotencyKey?: string;
  readonly taskId?: string;
  readonly stepName?: string;
  /** 30,000. */
  readonly timeoutMs?: number;
  readonly maxOutputBytes?: number;
  /** What an earlier attempt saved with `checkpoint`. */
  readonly cursor?: unknown;
  /** Cancels the step when it aborts. */
  readonly signal?: AbortSignal;
  /** Takes what the handler logs; else nothing is written. */
  readonly logger?: Logger;
}

export interface TestOutcome {
  readonly status: "completed" | "failed";
  /** As the next step gets it: after JSON. Null when failed. */
  // biome-ignore lint/suspicious/noExplicitAny: outputs have any shape, and tests look into them
  readonly output: any;
  /** Null when completed. */
  readonly error: {
    readonly message: string;
    readonly code: string;
    readonly type?: string;
    readonly backtrace?: readonly string[];
  } | null;
  /** False: no further attempt. Null: the step's policy decides. */
  readonly retryable: boolean | null;
  readonly retryAfterMs: number | null;
  /** What the handler said by `heartbeat(progress)`, in order. */
  readonly heartbeats: readonly unknown[];
  /** The cursors that it saved by `checkpoint(cursor)`, in order. */
  readonly checkpoints: readonly unknown[];
}

const handlerName = "handler_under_test";

/**
 * Runs `handler` once. Payloads go through JSON as they do on the wire, so a handler that relies on a Date or on undefined
 * fails here too.
 *
 * @throws TypeError when a payload is not JSON
 */
export async function runHandler(
  handler: HandlerFunction | StepHandler | StepHandlerClass,
  step: TestStep = {},
): Promise<TestOutcome> {
  const registry = new HandlerRegistry();
  registry.add(handlerName, handler, null);
  const heartbeats: unknown[] = [];
  const checkpoints: unknown[] = [];
  const ended = Promise.withResolvers<Outcome>();
  const runner = new Runner({
    registry,
    concurrency: 1,
    log: step.logger ?? filterLog(jsonLinesLogger(), "silent"),
    logsEveryStep: false,
    deliveries: {
      outcomes: ([outcome]) => ended.resolve(outcome!),
      progress: (_origin, _leaseId, progress) => heartbeats.push(parseLossless(progress)),
      checkpoint: (_origin, leaseId, seq, cursor) => {
        checkpoints.push(parseLossless(cursor));
        queueMicrotask(() => runner.checkpointSettled(leaseId, seq, null));
      },
      overdue: () => {},
    },
  });
  const request = requestOf(step);
  const cancel = () => runner.cancel([request.leaseId], String(step.signal?.reason ?? "cancelled by the test"));
  step.signal?.addEventListener("abort", cancel, { once: true });
  runner.accept([request]);
  if (step.signal?.aborted) cancel();
  const outcome = await ended.promise;
  step.signal?.removeEventListener("abort", cancel);
  runner.abandon("the test is over");
  return {
    status: outcome.status,
    output: parseLossless(outcome.output),
    error: parseLossless(outcome.error) as TestOutcome["error"],
    retryable: outcome.retryable,
    retryAfterMs: outcome.retryAfterMs,
    heartbeats,
    checkpoints,
  };
}

function requestOf(step: TestStep): StepRequest {
  const attempt = step.attempt ?? 1;
  return {
    origin: 0,
    batchId: "batch_test",
    leaseId: "batch_test.1",
    stepName: step.stepName ?? "step_under_test",
    handler: handlerName,
    config: jsonOf(step.config ?? {}, "config"),
    context: jsonOf(step.context ?? {}, "context"),
    previousResults: jsonOf(step.previousResults ?? {}, "previousResults"),
    attempt,
    retryLimit: Math.max(attempt, step.maxAttempts ?? 3) - 1,
    timeoutMs: step.timeoutMs ?? 30_000,
    idempotencyKey: step.idempotencyKey ?? "task-under-test:step_under_test",
    taskId: step.taskId ?? "0190a000-0000-7000-8000-000000000000",
    maxOutputBytes: step.maxOutputBytes ?? 4 * 1024 * 1024,
    cursor: step.cursor == null ? null : jsonOf(step.cursor, "cursor"),
    maxCheckpointBytes: 64 * 1024,
  };
}

function jsonOf(value: unknown, name: string): string {
  const text = stringifyLossless(value);
  if (text === undefined) throw new TypeError(`${name} is a ${typeof value}, which is not JSON`);
  return text;
}
