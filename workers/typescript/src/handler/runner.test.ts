import { beforeEach, describe, expect, test } from "vitest";
import { filterLog, jsonLinesLogger } from "../log.ts";
import type { Outcome } from "./outcome.ts";
import { type HandlerFunction, HandlerRegistry } from "./registry.ts";
import { Runner } from "./runner.ts";
import type { StepRequest } from "./step.ts";

let registry: HandlerRegistry;
let delivered: Outcome[][];
let overdue: number[];
let saved: [leaseId: string, seq: number, cursor: string][];
let heard: PromiseWithResolvers<void>;

beforeEach(() => {
  registry = new HandlerRegistry();
  delivered = [];
  overdue = [];
  saved = [];
  heard = Promise.withResolvers();
});

function runner(concurrency: number, handler: HandlerFunction, now?: () => number): Runner {
  registry.add("work", handler, null);
  // A runner of an earlier test may still deliver.
  const own = delivered;
  return new Runner({
    registry,
    concurrency,
    ...(now === undefined ? {} : { now }),
    log: filterLog(jsonLinesLogger(), "silent"),
    logsEveryStep: false,
    deliveries: {
      outcomes: (outcomes) => {
        own.push([...outcomes]);
        heard.resolve();
        heard = Promise.withResolvers();
      },
      progress: () => {},
      checkpoint: (_origin, leaseId, seq, cursor) => saved.push([leaseId, seq, cursor]),
      overdue: (count) => overdue.push(count),
    },
  });
}

function requests(count: number, change: Partial<StepRequest> = {}): StepRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    origin: 0,
    batchId: "b",
    leaseId: `b.${index + 1}`,
    stepName: "s",
    handler: "work",
    config: "{}",
    context: `{"n":${index + 1}}`,
    previousResults: "{}",
    attempt: 1,
    retryLimit: 0,
    timeoutMs: 30_000,
    idempotencyKey: "k",
    taskId: "t",
    maxOutputBytes: 1_000,
    cursor: null,
    maxCheckpointBytes: 100,
    ...change,
  }));
}

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await heard.promise;
}

const outcomes = () => delivered.flat();

describe("attempts", () => {
  test("run at most `concurrency` at once, in the order in which they came", async () => {
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const subject = runner(3, async (step) => {
      order.push(step.context.n);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    subject.accept(requests(20));
    await until(() => outcomes().length === 20);
    expect(most).toBe(3);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test("that end in one turn of the event loop are delivered together", async () => {
    const subject = runner(
      100,
      async () => 1,
      () => 0,
    );
    subject.accept(requests(10));
    await until(() => outcomes().length === 10);
    expect(delivered).toHaveLength(1);
  });

  test("that do not await leave the event loop free now and then", async () => {
    const subject = runner(1, () => {
      const end = performance.now() + 2;
      while (performance.now() < end);
    });
    subject.accept(requests(20));
    expect(subject.drain().length).toBeGreaterThan(0);
    expect(subject.drain()).toEqual([]);
  });

  test("have their results delivered before another one that blocks begins", async () => {
    let deliveredBefore = 0;
    const subject = runner(10, (step) => {
      deliveredBefore = outcomes().length;
      const end = performance.now() + (step.context.n === 2 ? 2 : 0.5);
      while (performance.now() < end);
    });
    subject.accept(requests(3));
    await until(() => outcomes().length === 3);
    expect(deliveredBefore).toBe(2);
  });
});

describe("timeouts", () => {
  test("end each attempt at its own time, and its slot stays taken until the handler ends", async () => {
    const gates: PromiseWithResolvers<unknown>[] = [];
    const subject = runner(2, () => {
      const gate = Promise.withResolvers();
      gates.push(gate);
      return gate.promise;
    });
    const [slow, fast, third] = requests(3);
    subject.accept([slow!, { ...fast!, timeoutMs: 20 }, third!]);
    expect(gates).toHaveLength(2);
    await until(() => outcomes().length === 1);
    expect(outcomes()).toMatchObject([{ leaseId: fast!.leaseId, errorCode: "timeout" }]);
    expect(overdue).toEqual([1]);
    expect(gates).toHaveLength(2);
    gates[1]!.resolve("late");
    await until(() => outcomes().length === 2);
    expect(outcomes()[1]).toMatchObject({ leaseId: fast!.leaseId, status: "completed", output: '"late"' });
    expect(overdue).toEqual([1, 0]);
    subject.abandon("the test is over");
  });

  test("of every slot leave one for the others", async () => {
    const subject = runner(2, (step) => (step.context.n <= 2 ? new Promise(() => {}) : "ran"));
    subject.accept(requests(4, { timeoutMs: 10 }));
    await until(() => outcomes().length === 4);
    expect(outcomes().map((outcome) => outcome.errorCode ?? outcome.output)).toEqual([
      "timeout",
      "timeout",
      '"ran"',
      '"ran"',
    ]);
  });
});

test("what has not begun is given up by drain, and idle() waits for the rest", async () => {
  const gate = Promise.withResolvers<void>();
  const subject = runner(1, () => gate.promise);
  const [, second, third] = requests(3);
  subject.accept(requests(3));
  expect(subject.drain()).toEqual([second, third]);
  let idle = false;
  const waiting = subject.idle().then(() => {
    idle = true;
  });
  expect(idle).toBe(false);
  gate.resolve();
  await waiting;
  expect(outcomes()).toHaveLength(1);
  subject.abandon("the test is over");
});

describe("a checkpoint", () => {
  const held = () => Promise.withResolvers<void>();

  test("numbers the cursors of its attempt and resolves once they are kept, older ones with it", async () => {
    const resolved: number[] = [];
    const end = held();
    const run = runner(1, async (step) => {
      for (const row of [1, 2, 3])
        void step.checkpoint({ row }).then(
          () => resolved.push(row),
          () => {},
        );
      await end.promise;
    });
    run.accept(requests(1));
    expect(saved).toEqual([
      ["b.1", 1, '{"row":1}'],
      ["b.1", 2, '{"row":2}'],
      ["b.1", 3, '{"row":3}'],
    ]);
    run.checkpointSettled("b.1", 2, null);
    await Promise.resolve();
    await Promise.resolve();
    expect(resolved).toEqual([1, 2]);
    end.resolve();
    await heard.promise;
  });

  test.each([
    ["stale_lease", "lease_lost", true],
    ["too_large", "too_large", false],
  ])("that is refused as %s fails the attempt of a handler that awaits it", async (refused, code, retryable) => {
    const run = runner(1, (step) => step.checkpoint(1));
    run.accept(requests(1));
    run.checkpointSettled("b.1", 1, refused);
    await heard.promise;
    expect(delivered.flat()[0]).toMatchObject({ status: "failed", errorCode: code, retryable });
  });

  test.each([
    ["not JSON", () => undefined, "not_json"],
    ["a cycle", cycle, "not_json"],
    ["nested too deep", () => JSON.parse("[".repeat(510) + "]".repeat(510)), "not_json"],
    ["larger than the orchestrator takes", () => "x".repeat(99), "checkpoint_too_large"],
  ])("of something that is %s is never sent", async (_, cursor, code) => {
    const run = runner(1, (step) => step.checkpoint(cursor()));
    run.accept(requests(1));
    await heard.promise;
    expect(saved).toEqual([]);
    expect(delivered.flat()[0]).toMatchObject({ errorCode: code, retryable: false });
  });

  test("that nobody awaits does not outlive its attempt, and fails nothing", async () => {
    let failure: unknown = null;
    const run = runner(1, async (step) => {
      step.checkpoint(1).catch((error: unknown) => {
        failure = error;
      });
      return "done";
    });
    run.accept(requests(1));
    await heard.promise;
    expect(delivered.flat()[0]).toMatchObject({ status: "completed" });
    expect(failure).toMatchObject({ code: "lease_lost" });
  });

  test("is what the next attempt finds in `cursor`, big integers exact", async () => {
    const run = runner(1, (step) => ({ from: step.cursor }));
    run.accept(requests(1, { cursor: '{"row":9007199254740993}' }));
    await heard.promise;
    expect(delivered.flat()[0]).toMatchObject({ output: '{"from":{"row":9007199254740993}}' });
  });

  function cycle(): unknown {
    const value: Record<string, unknown> = {};
    value.itself = value;
    return value;
  }
});
