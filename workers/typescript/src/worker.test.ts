import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PermanentError, RetryableError, type Step, type StepHandler } from "./index.ts";
import { ScriptedOrchestrator, type StepToSend } from "./test-support/scripted-orchestrator.ts";
import { Worker, WorkerRefusedError } from "./worker.ts";

let orchestrator: ScriptedOrchestrator;
let worker: Worker;
const never = () => new Promise(() => {});

beforeEach(async () => {
  orchestrator = await ScriptedOrchestrator.open();
  worker = new Worker({ ...orchestrator.endpoints, workerId: "w1", logLevel: "silent", flushMs: 200, drainMs: 200 });
  worker.handle("echo", (step) => step.context);
});

afterEach(async () => {
  await worker.stop();
  orchestrator.close();
});

async function connect(): Promise<string> {
  worker.start();
  return await orchestrator.session();
}

async function runOne(step: StepToSend) {
  const { leases } = orchestrator.sendBatch(await connect(), [step]);
  const [result] = await orchestrator.results(leases);
  return result!;
}

describe("a handler that computes without awaiting", () => {
  const compute = (ms: number) => () => {
    for (const end = performance.now() + ms; performance.now() < end; );
  };

  test("does not keep the result of a step before it", async () => {
    worker.handle("computes", compute(400));
    const { leases } = orchestrator.sendBatch(await connect(), [{}, { handler: "computes" }]);
    await orchestrator.results(leases);
    const [first] = orchestrator.all("results");
    expect(first!.results.map(({ metadata }) => metadata.lease_id)).toEqual([leases[0]]);
  });

  test("is reported when its time is over, and heard when it ends after all", async () => {
    worker.handle("computes", compute(1_500));
    const { leases } = orchestrator.sendBatch(await connect(), [{ handler: "computes", timeoutMs: 200 }]);
    const [first] = await orchestrator.results(leases);
    expect(first).toMatchObject({ status: "failed", error_code: "timeout" });
    const isLate = ({ results }: { results: readonly { status: string }[] }) => results[0]!.status === "completed";
    const late = await orchestrator.until(() => orchestrator.all("results").find(isLate), "the late result");
    expect(late.results).toMatchObject([{ output: "null", metadata: { lease_id: leases[0] } }]);
  });
});

describe("steps and results", () => {
  test("a batch is answered under its leases, its id and the session", async () => {
    const session = await connect();
    const { leases, batchId } = orchestrator.sendBatch(session, [{ context: '{"a":1}' }, { context: '{"b":[2]}' }]);
    const [first, second] = await orchestrator.results(leases);
    expect(first).toMatchObject({ status: "completed", output: '{"a":1}', error: "null", metadata: { attempt: 1 } });
    expect(second).toMatchObject({ output: '{"b":[2]}' });
    for (const message of orchestrator.all("results")) {
      expect(message).toMatchObject({ batch_id: batchId, protocol_version: "2.0", session });
    }
  });

  test("a step that ends sooner is answered sooner", async () => {
    const gate = Promise.withResolvers<void>();
    worker.handle("gated", () => gate.promise);
    const { leases } = orchestrator.sendBatch(await connect(), [{ handler: "gated" }, {}]);
    await orchestrator.results([leases[1]!]);
    const answered = orchestrator
      .all("results")
      .flatMap(({ results }) => results.map(({ metadata }) => metadata.lease_id));
    // It may come more than once, when its ack is slow.
    expect(new Set(answered)).toEqual(new Set([leases[1]]));
    gate.resolve();
    const [gated] = await orchestrator.results([leases[0]!]);
    expect(gated).toMatchObject({ status: "completed", output: "null" });
  });

  test("integers beyond 2^53 come back unchanged", async () => {
    const context = '{"id":9007199254740993,"list":[-9223372036854775808]}';
    expect(await runOne({ context })).toMatchObject({ status: "completed", output: context });
  });

  test("the seed's class form runs with task, sequence and step, and reports its VERSION", async () => {
    class ShipOrderHandler implements StepHandler {
      static readonly VERSION = "1.2.3";
      process(
        task: { taskId: string; context: { order: number } },
        sequence: { resultOf(name: string): unknown },
        step: Step,
      ) {
        return [
          task.context.order,
          sequence.resultOf("validate"),
          sequence.resultOf("other") ?? null,
          step.config.carrier,
        ];
      }
    }
    worker.handle("ship", ShipOrderHandler);
    const result = await runOne({
      handler: "ship",
      context: '{"order":7}',
      config: '{"carrier":"UPS"}',
      previousResults: '{"validate":"ok"}',
    });
    expect(result).toMatchObject({ output: '[7,"ok",null,"UPS"]', metadata: { handler_version: "1.2.3" } });
  });

  test("progress travels with the next heartbeat", async () => {
    worker.handle("slow", (step) => {
      step.heartbeat({ percent: 10 });
      step.heartbeat({ percent: 40 });
      return never();
    });
    const { leases } = orchestrator.sendBatch(await connect(), [{ handler: "slow" }]);
    const beat = await orchestrator.until(
      () => orchestrator.all("heartbeat").find((one) => one.progress.length > 0),
      "progress",
    );
    expect(beat.progress).toEqual([{ lease_id: leases[0], progress: '{"percent":40}' }]);
    expect(beat).toMatchObject({ leases, last_seq: 1, capacity: 100, epoch: "e1" });
  });
});

describe("handlers that go wrong fail their step, and nothing else", () => {
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  const cases: [string, () => unknown, object, string][] = [
    [
      "retryable",
      () => Promise.reject(new RetryableError("busy", { retryAfterMs: 1500, code: "gateway_busy" })),
      { retryable: true, retry_after_ms: 1500 },
      "gateway_busy",
    ],
    [
      "permanent",
      () => {
        throw new PermanentError("no such card", { code: "card_declined" });
      },
      { retryable: false },
      "card_declined",
    ],
    [
      "error",
      () => {
        throw new TypeError("x is undefined");
      },
      { retryable: true },
      "handler_error",
    ],
    [
      "non_error",
      () => {
        throw "just text";
      },
      { retryable: true },
      "handler_error",
    ],
    ["nothing", () => Promise.reject(), { retryable: true }, "handler_error"],
    [
      "unprintable",
      () => {
        throw {
          toJSON() {
            throw new Error("no");
          },
        };
      },
      { retryable: true },
      "handler_error",
    ],
    [
      "own_timeout",
      () => {
        throw new RetryableError("slow", { code: "timeout" });
      },
      { retryable: true },
      "handler_timeout",
    ],
    ["function", () => () => 1, {}, "not_json"],
    ["symbol", () => Symbol("s"), {}, "not_json"],
    ["cycle", () => cyclic, {}, "not_json"],
    ["nested", () => JSON.parse("[".repeat(510) + "]".repeat(510)), {}, "not_json"],
    [
      "hostile",
      () => ({
        toJSON() {
          throw new Error("never");
        },
      }),
      {},
      "not_json",
    ],
    [
      "hostile_then",
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: that is what is hostile about it
        get then() {
          throw new Error("gotcha");
        },
      }),
      {},
      "handler_error",
    ],
    ["huge", () => "x".repeat(5 * 1024 * 1024), {}, "output_too_large"],
  ];

  test("each with its own code", async () => {
    for (const [name, handler] of cases) worker.handle(name, handler);
    const session = await connect();
    const { leases } = orchestrator.sendBatch(session, [...cases.map(([handler]) => ({ handler })), {}]);
    const results = await orchestrator.results(leases);
    for (const [index, [name, , metadata, code]] of cases.entries()) {
      const { status, output, error_code, metadata: got } = results[index]!;
      expect({ name, status, output, error_code }).toEqual({
        name,
        status: "failed",
        output: "null",
        error_code: code,
      });
      expect(got).toMatchObject(metadata);
    }
    expect(JSON.parse(results[2]!.error)).toMatchObject({ message: "x is undefined", type: "TypeError" });
    expect(JSON.parse(results[2]!.error).backtrace[0]).toContain("worker.test.ts");
    expect(results.at(-1)).toMatchObject({ status: "completed" });
  });

  test("one that never ends times out; if it ends after all, its result follows under the same lease", async () => {
    const late = Promise.withResolvers<string>();
    let signal: AbortSignal | undefined;
    worker.handle("late", (step) => {
      signal = step.signal;
      return late.promise;
    });
    const session = await connect();
    const { leases } = orchestrator.sendBatch(session, [{ handler: "late", timeoutMs: 50 }]);
    const [timeout] = await orchestrator.results(leases);
    expect(timeout).toMatchObject({ status: "failed", error_code: "timeout" });
    expect(signal?.reason).toMatchObject({ name: "TimeoutError" });
    await orchestrator.until(() => orchestrator.all("heartbeat").find((one) => one.capacity === 99), "one slot less");

    const from = orchestrator.heard.length;
    late.resolve("done");
    const [result] = await orchestrator.results(leases, from);
    expect(result).toMatchObject({ status: "completed", output: '"done"' });
    await orchestrator.until(
      () => orchestrator.all("heartbeat", from).some((one) => one.capacity === 100),
      "the slot again",
    );
  });

  test("one that stops because its time is over has not answered", async () => {
    worker.handle(
      "stops",
      (step) => new Promise((_, reject) => step.signal.addEventListener("abort", () => reject(step.signal.reason))),
    );
    const session = await connect();
    const { leases } = orchestrator.sendBatch(session, [{ handler: "stops", timeoutMs: 30 }]);
    await orchestrator.results(leases);
    const next = orchestrator.sendBatch(session, [{}]);
    await orchestrator.results(next.leases);
    const answers = orchestrator.all("results").flatMap((message) => message.results);
    expect(answers.filter((item) => item.metadata.lease_id === leases[0]).map((item) => item.error_code)).toEqual([
      "timeout",
    ]);
  });
});

describe("cancel", () => {
  test("asks a running handler to stop, and drops what has not begun", async () => {
    const single = new Worker({ ...orchestrator.endpoints, workerId: "w2", logLevel: "silent", concurrency: 1 });
    const begun: string[] = [];
    const started = Promise.withResolvers<void>();
    single.handle("stops", (step) => {
      begun.push(step.idempotencyKey);
      started.resolve();
      return new Promise((_, reject) => step.signal.addEventListener("abort", () => reject(step.signal.reason)));
    });
    single.start();
    const session = await orchestrator.session();
    const { leases } = orchestrator.sendBatch(session, [{ handler: "stops" }, { handler: "stops" }]);
    await started.promise;
    orchestrator.say(session, { type: "cancel", lease_ids: [...leases, "batch_x.99"], reason: "task cancelled" });
    const results = await orchestrator.results(leases);
    for (const result of results) {
      expect(result).toMatchObject({ status: "failed", error_code: "cancelled", metadata: { retryable: false } });
      expect(JSON.parse(result!.error).message).toBe("task cancelled");
    }
    expect(begun).toHaveLength(1);
    await single.stop();
  });

  test("a handler that finishes its work all the same has its result sent", async () => {
    const gate = Promise.withResolvers<boolean>();
    worker.handle("finishes", (step) => {
      step.signal.addEventListener("abort", () => gate.resolve(step.cancelled));
      return gate.promise;
    });
    const session = await connect();
    const { leases } = orchestrator.sendBatch(session, [{ handler: "finishes" }]);
    await orchestrator.until(
      () => orchestrator.all("heartbeat").find((one) => one.leases.length === 1),
      "it to be held",
    );
    orchestrator.say(session, { type: "cancel", lease_ids: leases, reason: "task cancelled" });
    const [result] = await orchestrator.results(leases);
    expect(result).toMatchObject({ status: "completed", output: "true" });
  });
});

describe("messages that are lost, doubled or wrong", () => {
  test("a doubled batch runs once", async () => {
    let runs = 0;
    worker.handle("counts", () => ++runs);
    const session = await connect();
    const { leases, frame } = orchestrator.sendBatch(session, [{ handler: "counts" }]);
    orchestrator.sendFrame(frame);
    await orchestrator.results(leases);
    orchestrator.sendFrame(frame);
    await orchestrator.results(orchestrator.sendBatch(session, [{}]).leases);
    expect(runs).toBe(1);
  });

  test("a result is sent again until it is acknowledged, and listed meanwhile", async () => {
    orchestrator.script.acknowledges = false;
    const session = await connect();
    const { leases } = orchestrator.sendBatch(session, [{ context: '{"n":1}' }]);
    const [first] = await orchestrator.results(leases);
    await orchestrator.until(
      () => orchestrator.all("heartbeat").find((one) => one.leases.includes(leases[0]!)),
      "the lease",
    );
    const from = orchestrator.heard.length;
    const [again] = await orchestrator.results(leases, from);
    expect(again).toEqual(first);
    orchestrator.say(session, { type: "result_ack", lease_ids: leases });
    await orchestrator.until(() => orchestrator.all("heartbeat").at(-1)!.leases.length === 0, "an empty outbox");
  });

  test("steps of unknown handlers are rejected, their neighbours run", async () => {
    const { leases } = orchestrator.sendBatch(await connect(), [{ handler: "nobody" }, {}]);
    await orchestrator.results([leases[1]!]);
    const reject = await orchestrator.until(() => orchestrator.all("reject")[0], "a reject");
    expect(reject).toMatchObject({ reason: "unknown_handler", lease_ids: [leases[0]] });
  });

  test("a malformed step is rejected, its neighbours run; garbage changes nothing", async () => {
    const session = await connect();
    orchestrator.sendFrame(`@${session} {"type":`);
    orchestrator.sendFrame(`@${session} {"type":"from_the_future","protocol_version":"2.0"}`);
    const seq1 = orchestrator.sendBatch("nobody-00000000", [{}, {}]);
    const frame = seq1.frame.replace("nobody-00000000", session).replace('"task_context":{}', '"task_context":[]');
    orchestrator.sendFrame(frame);
    await orchestrator.results([seq1.leases[1]!]);
    const reject = await orchestrator.until(() => orchestrator.all("reject")[0], "a reject");
    expect(reject).toMatchObject({ reason: "malformed", lease_ids: [seq1.leases[0]] });
  });

  test("results of a batch that would be too large together are sent apart", async () => {
    orchestrator.script.limits = {
      max_message_bytes: 100_000,
      max_output_bytes: 60_000,
      max_steps_per_batch: 10,
      max_checkpoint_bytes: 65_536,
    };
    worker.handle("large", () => "x".repeat(59_000));
    const { leases } = orchestrator.sendBatch(await connect(), [{ handler: "large" }, { handler: "large" }]);
    await orchestrator.results(leases);
    expect(orchestrator.all("results").map((message) => message.results.length)).toEqual([1, 1]);
  });
});

describe("when the orchestrator goes away", () => {
  test("a restarted one is told what runs and what is done, and gets the results", async () => {
    const gate = Promise.withResolvers<string>();
    worker.handle("gated", () => gate.promise);
    orchestrator.script.acknowledges = false;
    const session = await connect();
    const { leases } = orchestrator.sendBatch(session, [{ handler: "gated" }, {}]);
    await orchestrator.results([leases[1]!]);
    orchestrator.unbind();
    orchestrator.epoch = "e2";
    orchestrator.script.acknowledges = true;
    const from = orchestrator.heard.length;
    await orchestrator.bind();
    const hello = await orchestrator.until(() => orchestrator.all("hello", from)[0], "a hello");
    expect(hello).toMatchObject({ leases: [leases[0]], outbox: [leases[1]] });
    await orchestrator.results([leases[1]!], from);
    gate.resolve("done");
    const [gated] = await orchestrator.results([leases[0]!], from);
    expect(gated).toMatchObject({ output: '"done"' });
    await orchestrator.until(() => orchestrator.all("heartbeat", from).some((one) => one.epoch === "e2"), "epoch e2");
  });

  test("after four seconds of silence it comes again under a new session, and nothing is lost", async () => {
    const gate = Promise.withResolvers<string>();
    worker.handle("gated", () => gate.promise);
    const session = await connect();
    const { leases } = orchestrator.sendBatch(session, [{ handler: "gated" }]);
    const hello = await orchestrator.until(
      () => orchestrator.all("hello").find((one) => one.session !== session),
      "another session",
      12_000,
    );
    expect(hello).toMatchObject({ worker_id: "w1", leases });
    await orchestrator.until(() => !orchestrator.isSubscribed(session), "the old session to be closed");
    gate.resolve("done");
    await orchestrator.results(leases);
    expect(orchestrator.all("results")[0]!.session).toBe(hello.session);
  });

  test("a refusal ends the worker, and says why", async () => {
    orchestrator.script.welcomes = false;
    const run = worker.run();
    const session = await orchestrator.session();
    orchestrator.say(session, { type: "refuse", reason: "duplicate_worker_id", detail: "w1 is connected" });
    await expect(run).rejects.toThrow(WorkerRefusedError);
    await expect(run).rejects.toThrow("refused this worker: duplicate_worker_id: w1 is connected");
    worker = new Worker({ ...orchestrator.endpoints });
  });
});

describe("leaving", () => {
  test("stop() lets running handlers end, gives back the rest, waits for the acks and says bye", async () => {
    const single = new Worker({ ...orchestrator.endpoints, workerId: "w2", logLevel: "silent", concurrency: 1 });
    const gate = Promise.withResolvers<string>();
    const started = Promise.withResolvers<void>();
    single.handle("gated", () => {
      started.resolve();
      return gate.promise;
    });
    single.start();
    const session = await orchestrator.session();
    const { leases } = orchestrator.sendBatch(session, [{ handler: "gated" }, { handler: "gated" }]);
    await started.promise;
    const stopped = single.stop();
    const reject = await orchestrator.until(() => orchestrator.all("reject")[0], "a reject");
    expect(reject).toMatchObject({ reason: "draining", lease_ids: [leases[1]] });
    await orchestrator.until(() => orchestrator.all("heartbeat").find((one) => one.capacity === 0), "capacity 0");
    const late = orchestrator.sendBatch(session, [{ handler: "gated" }]);
    await orchestrator.until(
      () => orchestrator.all("reject").find((one) => one.lease_ids[0] === late.leases[0]),
      "a reject",
    );
    gate.resolve("done");
    await stopped;
    await orchestrator.until(() => orchestrator.all("bye").length === 1, "a bye");
    expect(orchestrator.heard.at(-1)).toEqual({ type: "bye", protocol_version: "2.0", session, last_seq: 2 });
    const [result] = await orchestrator.results([leases[0]!]);
    expect(result).toMatchObject({ output: '"done"' });
  });

  test("fault 39: a batch that is on its way from the sockets to the handlers is given back before the bye", async () => {
    worker.handle("uncalled", () => "done");
    const session = await connect();
    const { leases } = orchestrator.sendBatch(session, [{ handler: "uncalled" }]);
    standStill(200);
    await worker.stop();
    const reject = await orchestrator.until(() => orchestrator.all("reject")[0], "a reject");
    expect(reject).toMatchObject({ reason: "draining", lease_ids: leases });
    await orchestrator.until(() => orchestrator.all("bye").length === 1, "a bye");
  });

  test("a drain that the orchestrator asks for is the same", async () => {
    const run = worker.run();
    const session = await orchestrator.session();
    orchestrator.say(session, { type: "drain", reason: "maintenance" });
    await run;
    await orchestrator.until(() => orchestrator.all("bye").length === 1, "a bye");
  });

  test("handlers that do not end are left behind after drainMs, without a result", async () => {
    let reason: unknown;
    worker.handle("stubborn", (step) => {
      step.signal.addEventListener("abort", () => {
        reason = step.signal.reason;
      });
      return never();
    });
    const session = await connect();
    orchestrator.sendBatch(session, [{ handler: "stubborn" }]);
    await orchestrator.until(
      () => orchestrator.all("heartbeat").find((one) => one.leases.length === 1),
      "it to be held",
    );
    await worker.stop();
    expect(String(reason)).toBe("Error: the worker leaves");
    await orchestrator.until(() => orchestrator.all("bye").length === 1, "a bye");
    expect(orchestrator.all("results")).toEqual([]);
  });
});

test("several orchestrators: a session with each, results to the one that sent the step", async () => {
  const other = await ScriptedOrchestrator.open();
  const both = new Worker({
    stepsEndpoint: [orchestrator.endpoints.stepsEndpoint, other.endpoints.stepsEndpoint],
    resultsEndpoint: `${orchestrator.endpoints.resultsEndpoint},${other.endpoints.resultsEndpoint}`,
    workerId: "w2",
    logLevel: "silent",
  });
  both.handle("echo", (step) => step.context);
  both.start();
  const sessions = [await orchestrator.session(), await other.session()] as const;
  expect(sessions[0]).not.toBe(sessions[1]);
  const here = orchestrator.sendBatch(sessions[0], [{ context: '{"at":1}' }]);
  const there = other.sendBatch(sessions[1], [{ context: '{"at":2}' }]);
  expect((await orchestrator.results(here.leases))[0]).toMatchObject({ output: '{"at":1}' });
  expect((await other.results(there.leases))[0]).toMatchObject({ output: '{"at":2}' });
  await both.stop();
  await orchestrator.until(() => orchestrator.all("bye").length === 1, "a bye");
  await other.until(() => other.all("bye").length === 1, "a bye");
  other.close();
});

describe("wrong use is refused", () => {
  test("of handle()", () => {
    expect(() => worker.handle("echo", () => 1)).toThrow('handle("echo"): there is such a handler already');
    expect(() => worker.handle("two words", () => 1)).toThrow("no spaces");
    expect(() => worker.handle("x", {} as StepHandler)).toThrow(
      "expected a function, or a class or object with process",
    );
    worker.start();
    expect(() => worker.handle("later", () => 1)).toThrow("runs already");
    expect(() => worker.start()).toThrow("runs already");
  });

  test("of a worker without handlers", () => {
    expect(() => new Worker({ ...orchestrator.endpoints }).start()).toThrow("no handlers");
  });
});

/** This thread stops, and with it all handlers; the sockets and their thread go on. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
