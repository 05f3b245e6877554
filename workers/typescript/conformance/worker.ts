/**
 * The handlers of protocol/conformance.md on this SDK, for `tasker conformance`:
 *
 *     tasker conformance -- node workers/typescript/conformance/worker.ts
 */
import { appendFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { PermanentError, RetryableError, type Step, Worker } from "@tasker/worker";

function inspect({ attempt, maxAttempts, isLastAttempt, idempotencyKey, config, previousResults, cursor }: Step) {
  return {
    attempt,
    max_attempts: maxAttempts,
    is_last_attempt: isLastAttempt,
    idempotency_key: idempotencyKey,
    config,
    previous_results: previousResults,
    cursor,
  };
}

/** Waits, and stops when the step is asked to; a stubborn one does not. */
async function sleep({ config: { ms, stubborn }, signal }: Step) {
  await wait(ms, undefined, stubborn ? {} : { signal });
  return { slept_ms: ms };
}

/** Holds the event loop of the handlers. */
function busy({ config: { ms } }: Step) {
  const end = performance.now() + ms;
  let turns = 0;
  while (performance.now() < end) turns++;
  return { busy_ms: ms, turns };
}

function fail({ config, attempt }: Step) {
  const { kind, message, code, retry_after_ms: retryAfterMs, until_attempt: until } = config;
  if (until !== undefined && attempt >= until) return { attempt };
  if (kind === "retryable") throw new RetryableError(message, { code, retryAfterMs });
  if (kind === "permanent") throw new PermanentError(message, { code });
  throw new Error(message);
}

async function record({ config: { file, ms = 0 }, taskId, stepName, attempt, signal }: Step) {
  appendFileSync(file, `${taskId} ${stepName} ${attempt}\n`);
  await wait(ms, undefined, { signal });
  return { attempt };
}

function crash({ config: { until_attempt: until }, attempt }: Step) {
  if (attempt < until) process.kill(process.pid, "SIGKILL");
  return { attempt };
}

function large({ config: { bytes } }: Step) {
  return { text: "x".repeat(bytes) };
}

function notJson() {
  const cycle: Record<string, unknown> = {};
  cycle.itself = cycle;
  return cycle;
}

async function progress(step: Step) {
  const { count, interval_ms: intervalMs } = step.config;
  for (let done = 1; done <= count; done++) {
    await wait(intervalMs, undefined, { signal: step.signal });
    step.heartbeat({ done, of: count });
  }
  return { done: count };
}

/** Counts on from where an earlier attempt stopped; the first one dies when it reaches `crash_at`. */
async function checkpoint(step: Step) {
  const { count, interval_ms: intervalMs, crash_at: crashAt } = step.config;
  const startedAt = step.cursor?.position ?? 0;
  let position = startedAt;
  while (position < count) {
    await wait(intervalMs, undefined, { signal: step.signal });
    position++;
    await step.checkpoint({ position });
    if (position !== crashAt || step.attempt !== 1) continue;
    await wait(2 * intervalMs);
    process.kill(process.pid, "SIGKILL");
  }
  return { started_at: startedAt, position };
}

const worker = new Worker();
worker.handle("conformance.echo", (step) => step.context);
worker.handle("conformance.inspect", inspect);
worker.handle("conformance.sleep", sleep);
worker.handle("conformance.busy", busy);
worker.handle("conformance.fail", fail);
worker.handle("conformance.record", record);
worker.handle("conformance.crash", crash);
worker.handle("conformance.large", large);
worker.handle("conformance.not_json", notJson);
worker.handle("conformance.progress", progress);
worker.handle("conformance.checkpoint", checkpoint);
await worker.run();
