import { describe, expect, test } from "vitest";
import { PermanentError, RetryableError, type Step } from "./index.ts";
import { runHandler } from "./testing.ts";

describe("the step that a handler under test sees", () => {
  test("has what the test gave it, through JSON", async () => {
    const seen = await runHandler(
      (step) => [
        step.context,
        step.config,
        step.previousResults,
        step.attempt,
        step.maxAttempts,
        step.isLastAttempt,
        step.idempotencyKey,
        step.stepName,
        step.timeoutMs,
      ],
      {
        context: { at: new Date(0), gone: undefined },
        config: { a: 1 },
        previousResults: { before: [1] },
        attempt: 2,
        maxAttempts: 2,
        idempotencyKey: "k",
        stepName: "ship",
        timeoutMs: 500,
      },
    );
    expect(seen.output).toEqual([
      { at: "1970-01-01T00:00:00.000Z" },
      { a: 1 },
      { before: [1] },
      2,
      2,
      true,
      "k",
      "ship",
      500,
    ]);
  });

  test("has defaults", async () => {
    const { output } = await runHandler((step) => [
      step.context,
      step.config,
      step.previousResults,
      step.attempt,
      step.isLastAttempt,
      step.cancelled,
    ]);
    expect(output).toEqual([{}, {}, {}, 1, false, false]);
  });

  test("keeps integers beyond 2^53, in and out", async () => {
    const types: string[] = [];
    const { output } = await runHandler(
      (step) => {
        types.push(typeof step.context.id, typeof step.context.small);
        return { ...step.context, next: step.context.id + 1n };
      },
      { context: { id: 9007199254740993n, small: 7 } },
    );
    expect(types).toEqual(["bigint", "number"]);
    expect(output).toEqual({ id: 9007199254740993n, small: 7, next: 9007199254740994n });
  });

  test("may have member names that mean something to JavaScript", async () => {
    const context = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}');
    const { output } = await runHandler((step) => [Object.keys(step.context), "polluted" in {}], { context });
    expect(output).toEqual([["__proto__", "constructor"], false]);
  });
});

describe("how the attempt ended", () => {
  test("completed, with null for nothing", async () => {
    expect(await runHandler(() => {})).toEqual({
      status: "completed",
      output: null,
      error: null,
      retryable: null,
      retryAfterMs: null,
      heartbeats: [],
      checkpoints: [],
    });
  });

  test("failed, to be tried again after a while", async () => {
    const outcome = await runHandler(() => {
      throw new RetryableError("busy", { retryAfterMs: 250 });
    });
    expect(outcome).toMatchObject({
      status: "failed",
      output: null,
      retryable: true,
      retryAfterMs: 250,
      error: { code: "handler_error", type: "RetryableError" },
    });
  });

  test("failed for good", async () => {
    const outcome = await runHandler(async () => {
      throw new PermanentError("no", { code: "declined" });
    });
    expect(outcome).toMatchObject({ retryable: false, error: { message: "no", code: "declined" } });
  });

  test("timed out", async () => {
    const { error } = await runHandler(() => new Promise(() => {}), { timeoutMs: 5 });
    expect(error).toMatchObject({ code: "timeout", message: "the handler did not end within 5 ms" });
  });

  test("cancelled", async () => {
    const cancel = new AbortController();
    const stops = (step: Step) =>
      new Promise((_, reject) => {
        step.signal.addEventListener("abort", () => reject(step.signal.reason));
        cancel.abort(new Error("the test cancels"));
      });
    const { error, retryable } = await runHandler(stops, { signal: cancel.signal });
    expect(error).toMatchObject({ code: "cancelled" });
    expect(error?.message).toContain("the test cancels");
    expect(retryable).toBe(false);
  });

  test("with an output that the orchestrator would not take", async () => {
    const { error } = await runHandler(() => "x".repeat(100), { maxOutputBytes: 50 });
    expect(error).toMatchObject({ code: "output_too_large" });
    expect(error?.message).toContain("the output has 102 bytes; the orchestrator takes 50");
  });
});

test("heartbeats are collected; what is not JSON is logged and left out", async () => {
  const warnings: string[] = [];
  const log = () => {};
  const { heartbeats, status } = await runHandler(
    (step) => {
      step.heartbeat({ done: 1 });
      step.heartbeat(() => 1);
      step.heartbeat("x".repeat(70_000));
      step.heartbeat();
    },
    {
      logger: { debug: log, info: log, error: log, warn: (event, fields) => warnings.push(`${event}: ${fields?.why}`) },
    },
  );
  expect(status).toBe("completed");
  expect(heartbeats).toEqual([{ done: 1 }, null]);
  expect(warnings).toEqual([
    "step.progress_ignored: it is not JSON",
    "step.progress_ignored: it is larger than 64 KiB",
  ]);
});

test("what is no handler, or no JSON, is refused before anything runs", async () => {
  await expect(runHandler({} as never)).rejects.toThrow("expected a function, or a class or object with process");
  await expect(runHandler(() => 1, { context: () => 1 })).rejects.toThrow("context is a function, which is not JSON");
});
