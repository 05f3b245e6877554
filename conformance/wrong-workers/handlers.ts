/** The handlers of protocol/conformance.md for the raw worker: plain functions of the step, with payloads as values. */
import { appendFileSync } from "node:fs";
import { Worker as Thread } from "node:worker_threads";

// biome-ignore lint/suspicious/noExplicitAny: payloads are any JSON
type Json = any;

export interface RawStep {
  readonly config: Json;
  readonly context: Json;
  readonly previousResults: Json;
  readonly taskId: string;
  readonly stepName: string;
  readonly attempt: number;
  readonly retryLimit: number;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  progress(value: unknown): void;
}

export type RawHandler = (step: RawStep) => unknown;

/** A failure with what its result says. */
export class HandlerFailure extends Error {
  readonly code: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;

  constructor(message: string, code: string | undefined, metadata: Readonly<Record<string, unknown>>) {
    super(message);
    this.code = code;
    this.metadata = metadata;
  }
}

export function pause(ms: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop);
  });
}

/** Computes in a thread of its own, so that the loop with the sockets goes on. */
function computeApart(ms: number): Promise<void> {
  const program = `for (const end = Date.now() + ${Number(ms)}; Date.now() < end; );`;
  return new Promise((resolve, reject) => {
    new Thread(program, { eval: true }).once("exit", () => resolve()).once("error", reject);
  });
}

export function computeHere(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

export const handlers: Readonly<Record<string, RawHandler>> = {
  "conformance.echo": ({ context }) => context,
  "conformance.inspect": ({ attempt, retryLimit, idempotencyKey, config, previousResults }) => ({
    attempt,
    max_attempts: retryLimit + 1,
    is_last_attempt: attempt > retryLimit,
    idempotency_key: idempotencyKey,
    config,
    previous_results: previousResults,
  }),
  async "conformance.sleep"({ config: { ms, stubborn }, signal }) {
    await pause(ms, stubborn ? null : signal);
    return { slept_ms: ms };
  },
  async "conformance.busy"({ config: { ms } }) {
    await computeApart(ms);
    return { busy_ms: ms };
  },
  "conformance.fail"({ config: { kind, message, code, retry_after_ms, until_attempt }, attempt }) {
    if (until_attempt !== undefined && attempt >= until_attempt) return { attempt };
    const metadata = kind === "permanent" ? { retryable: false } : { retryable: true, retry_after_ms };
    throw new HandlerFailure(message, code, metadata);
  },
  async "conformance.record"({ config: { file, ms = 0 }, taskId, stepName, attempt, signal }) {
    appendFileSync(file, `${taskId} ${stepName} ${attempt}\n`);
    await pause(ms, signal);
    return { attempt };
  },
  "conformance.crash"({ config: { until_attempt }, attempt }) {
    if (attempt < until_attempt) process.kill(process.pid, "SIGKILL");
    return { attempt };
  },
  "conformance.large": ({ config: { bytes } }) => ({ text: "x".repeat(bytes) }),
  "conformance.not_json": () => () => {},
  async "conformance.progress"({ config: { count, interval_ms }, signal, progress }) {
    for (let done = 1; done <= count; done++) {
      await pause(interval_ms, signal);
      progress({ done, of: count });
    }
    return { done: count };
  },
};
