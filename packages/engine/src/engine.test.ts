import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@tasker/store";
import {
  buildTemplate,
  buildWorker,
  chain,
  completed,
  FakeClock,
  failed,
  RecordingExecutor,
  RecordingLog,
  SeededRandom,
  type StepSketch,
} from "@tasker/testkit";
import { afterEach, describe, expect, it } from "vitest";
import type { EngineSettings } from "./domain/limits.ts";
import { Engine } from "./engine.ts";
import type { SubmitOutcome, SubmitTask } from "./lifecycle/submit-tasks.ts";
import type { HistoryRow, StepRequest, Store, Transition, WorkerInfo } from "./ports.ts";
import { StoreError } from "./ports.ts";

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0).reverse()) close();
});

/** An engine on a real store, with a clock that the test moves and a worker that the test plays. */
async function startEngine(
  options: {
    steps?: readonly StepSketch[];
    worker?: Partial<WorkerInfo> | null;
    file?: string;
    store?: (real: Store) => Store;
    settings?: Partial<EngineSettings>;
    wallMs?: number;
  } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "tasker-engine-"));
  opened.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = options.file ?? join(folder, "tasker.db");
  const real = await openStore({ database: file });
  opened.push(() => real.close());
  const clock = new FakeClock(1_000, options.wallMs);
  const log = new RecordingLog();
  const executor = new RecordingExecutor();
  const history: (Transition & { seq: number })[] = [];
  const store = options.store?.(real) ?? real;
  const ports = { store, clock, random: new SeededRandom(1), log, scheduler: clock, compileSchema: () => () => [] };
  const engine = new Engine(ports, options.settings);
  engine.onHistory((rows: readonly HistoryRow[]) => {
    for (const row of rows)
      for (const [i, transition] of row.transitions.entries()) history.push({ ...transition, seq: row.seq + i });
  });
  await engine.start();
  const kit = {
    engine,
    clock,
    log,
    executor,
    history,
    file,
    join: async (info: Partial<WorkerInfo> = {}) => {
      engine.workerEvents.workerJoined(buildWorker(executor, info));
      await clock.settle();
    },
    submit: async (context = "{}", rest: Partial<SubmitTask> = {}) => {
      const answer = engine.submit([submission(context, rest)]);
      await clock.settle();
      return (await answer)[0]!;
    },
    take: () => executor.take(),
    answer: async (...results: Parameters<typeof engine.workerEvents.resultsArrived>[1]) => {
      engine.workerEvents.resultsArrived("w1-00000000", results);
      await clock.settle();
    },
    checkpoint: async ({ leaseId }: { readonly leaseId: string }, seq: number, cursor: string) => {
      engine.workerEvents.checkpointsArrived("w1-00000000", [{ leaseId, seq, cursor }]);
      await clock.settle();
    },
    /** `step from->to reason` for every transition so far. */
    story: () =>
      history
        .splice(0)
        .map(({ step, from, to, reason }) => [step ?? "task", `${from}->${to}`, reason].filter(Boolean).join(" ")),
    stop: async () => {
      await engine.stop();
      real.close();
    },
  };
  const applied = engine.applyTemplate(buildTemplate(options.steps ?? chain(2)), "source");
  await clock.settle();
  await applied;
  if (options.worker !== null) await kit.join(options.worker);
  return kit;
}

function submission(context: string, rest: Partial<SubmitTask>): SubmitTask {
  return {
    namespace: "test",
    name: "template",
    version: null,
    context,
    contextValue: JSON.parse(context),
    idempotencyKey: null,
    fingerprint: null,
    priority: 0,
    tags: [],
    correlationId: null,
    initiator: null,
    reason: null,
    ...rest,
  };
}

function idOf(outcome: SubmitOutcome): string {
  if (!outcome.ok) throw outcome.error;
  return outcome.task.id;
}

const names = (requests: readonly StepRequest[]) => requests.map((request) => request.stepName);

describe("a task", () => {
  it("runs its steps in order and completes", async () => {
    const kit = await startEngine({ steps: chain(2) });
    await kit.submit('{"id": 9007199254740993}');
    const [first] = kit.take();
    expect(first).toMatchObject({
      stepName: "s1",
      context: '{"id": 9007199254740993}',
      previousResults: "{}",
      attempt: 1,
    });
    await kit.answer(completed(first!, '{"n": 1.0}'));
    const [second] = kit.take();
    expect(second).toMatchObject({ stepName: "s2", previousResults: '{"s1":{"n": 1.0}}' });
    await kit.answer(completed(second!));
    expect(kit.story()).toEqual([
      "task null->in_progress",
      "s1 pending->ready",
      "s1 ready->in_progress",
      "s1 in_progress->completed",
      "s2 pending->ready",
      "s2 ready->in_progress",
      "s2 in_progress->completed",
      "task in_progress->completed",
    ]);
    expect(kit.executor.acknowledged).toEqual([first!.leaseId, second!.leaseId]);
    expect(kit.engine.activeTasks).toBe(0);
  });

  it("gives a join the outputs of all its ancestors, or of its dependencies only", async () => {
    const diamond: StepSketch[] = [
      { name: "top" },
      { name: "left", depends_on: ["top"] },
      { name: "right", depends_on: ["top"] },
      { name: "all", depends_on: ["left", "right"] },
      { name: "direct", depends_on: ["left", "right"], previous_results: "direct" },
    ];
    const kit = await startEngine({ steps: diamond });
    await kit.submit();
    await kit.answer(completed(kit.take()[0]!, "1"));
    const [left, right] = kit.take();
    await kit.answer(completed(left!, "2"));
    expect(kit.take()).toEqual([]);
    await kit.answer(completed(right!, "3"));
    const [all, direct] = kit.take();
    expect(all!.previousResults).toBe('{"top":1,"left":2,"right":3}');
    expect(direct!.previousResults).toBe('{"left":2,"right":3}');
  });

  it("fans out within the credit of its worker", async () => {
    const steps = Array.from({ length: 25 }, (_, i) => ({ name: `f${i}` }));
    const kit = await startEngine({ steps, worker: { capacity: 12 } });
    await kit.submit();
    const batches = kit.executor.batches.map(({ batch }) => batch.steps.length);
    expect(batches).toEqual([10, 2]);
    const first = kit.take();
    await kit.answer(completed(first[0]!), completed(first[1]!));
    expect(kit.take()).toHaveLength(2);
  });

  it("waits for a worker that has its handler", async () => {
    const kit = await startEngine({ steps: [{ name: "a", handler: "other" }] });
    await kit.submit();
    expect(kit.take()).toEqual([]);
    await kit.join({ key: "w2-00000000", workerId: "w2", handlers: ["other"] });
    expect(names(kit.take())).toEqual(["a"]);
  });

  it("fails a step that no worker takes within its queue_timeout", async () => {
    const kit = await startEngine({ steps: [{ name: "a", queue_timeout_ms: 5_000 }], worker: null });
    await kit.submit();
    await kit.clock.advance(4_999);
    kit.story();
    await kit.clock.advance(1);
    expect(kit.story()).toEqual(["a ready->failed queue_timeout", "task in_progress->failed step_failed"]);
  });

  it("shows how far its handlers say they are, until the attempt ends", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    const id = idOf(await kit.submit());
    const [a] = kit.take();
    kit.engine.workerEvents.progressed("w1-00000000", a!.leaseId, '{"done":3}');
    expect([...kit.engine.progressOf(id)]).toEqual([["a", '{"done":3}']]);
    await kit.answer(failed(a!));
    expect([...kit.engine.progressOf(id)]).toEqual([]);
  });

  it("runs steps of a higher priority first", async () => {
    const steps = [{ name: "low" }, { name: "high", priority: 5 }, { name: "mid", priority: 1 }];
    const kit = await startEngine({ steps, worker: null });
    await kit.submit();
    await kit.join({ capacity: 3 });
    expect(names(kit.take())).toEqual(["high", "mid", "low"]);
  });
});

describe("a failed attempt", () => {
  it("is tried again after its backoff, up to the limit", async () => {
    const kit = await startEngine({
      steps: [
        { name: "a", retry: { limit: 1 } },
        { name: "b", depends_on: ["a"] },
      ],
    });
    await kit.submit();
    await kit.answer(failed(kit.take()[0]!));
    await kit.clock.advance(999);
    expect(kit.take()).toEqual([]);
    await kit.clock.advance(1);
    const [again] = kit.take();
    expect(again).toMatchObject({ attempt: 2, stepName: "a" });
    kit.story();
    await kit.answer(failed(again!));
    expect(kit.story()).toEqual(["a in_progress->failed", "task in_progress->blocked step_failed"]);
  });

  it("waits as long as the handler asks", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    await kit.submit();
    await kit.answer(failed(kit.take()[0]!, { retryAfterMs: 60_000 }));
    await kit.clock.advance(59_999);
    expect(kit.take()).toEqual([]);
    await kit.clock.advance(1);
    expect(kit.take()).toHaveLength(1);
  });

  it.each([
    ["the handler says so", { name: "a" }, { retryable: false }],
    ["the step is not retryable", { name: "a", retryable: false }, {}],
  ])("is the last when %s", async (_why, step, result) => {
    const kit = await startEngine({ steps: [step] });
    await kit.submit();
    kit.story();
    await kit.answer(failed(kit.take()[0]!, result));
    expect(kit.story()).toEqual(["a in_progress->failed", "task in_progress->failed step_failed"]);
  });

  it("does not disturb the other steps of its batch", async () => {
    const kit = await startEngine({ steps: [{ name: "a", retryable: false }, { name: "b" }] });
    await kit.submit();
    const [a, b] = kit.take();
    kit.story();
    await kit.answer(failed(a!), completed(b!));
    expect(kit.story()).toEqual([
      "a in_progress->failed",
      "b in_progress->completed",
      "task in_progress->failed step_failed",
    ]);
  });
});

describe("a lost worker", () => {
  it("has its steps run again elsewhere, and the attempt counts", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    await kit.submit();
    kit.take();
    kit.engine.workerEvents.workerLost("w1-00000000", "unsubscribed");
    await kit.join({ key: "w2-00000000", workerId: "w2" });
    expect(kit.take()[0]).toMatchObject({ stepName: "a", attempt: 2 });
  });

  it("leaves a payment in doubt until its late result comes", async () => {
    const kit = await startEngine({
      steps: [
        { name: "pay", on_lost: "hold" },
        { name: "ship", depends_on: ["pay"] },
      ],
    });
    await kit.submit();
    const [pay] = kit.take();
    kit.engine.workerEvents.workerLost("w1-00000000", "unsubscribed");
    kit.story();
    await kit.clock.settle();
    expect(kit.story()).toEqual(["pay in_progress->in_doubt worker_lost", "task in_progress->blocked in_doubt"]);
    await kit.join();
    expect(kit.take()).toEqual([]);
    await kit.answer(completed(pay!));
    expect(kit.story().slice(0, 4)).toEqual([
      "pay in_doubt->completed late_result",
      "ship pending->ready",
      "ship ready->in_progress",
      "task blocked->in_progress",
    ]);
  });

  it("fails the step for good under on_lost: fail", async () => {
    const kit = await startEngine({ steps: [{ name: "a", on_lost: "fail" }] });
    await kit.submit();
    kit.story();
    kit.engine.workerEvents.workerLost("w1-00000000", "unsubscribed");
    await kit.clock.settle();
    expect(kit.story()).toEqual(["a in_progress->failed worker_lost", "task in_progress->failed step_failed"]);
  });

  it("cannot take every worker down with one step", async () => {
    const kit = await startEngine({ steps: [{ name: "poison", retry: { limit: 2 } }], worker: null });
    await kit.submit();
    for (const n of [1, 2, 3]) {
      await kit.join({ key: `w${n}-00000000`, workerId: `w${n}` });
      expect(kit.take()).toHaveLength(1);
      kit.engine.workerEvents.workerLost(`w${n}-00000000`, "unsubscribed");
      await kit.clock.settle();
    }
    await kit.join({ key: "w4-00000000", workerId: "w4" });
    expect(kit.take()).toEqual([]);
    expect(kit.story().at(-1)).toBe("task in_progress->failed step_failed");
  });
});

describe("a timeout", () => {
  it("is enforced by the engine when the worker does not, and tells the worker", async () => {
    const kit = await startEngine({ steps: [{ name: "a", timeout_ms: 1_000 }] });
    await kit.submit();
    const [a] = kit.take();
    kit.story();
    await kit.clock.advance(5_999);
    expect(kit.story()).toEqual([]);
    await kit.clock.advance(300);
    expect(kit.story()).toEqual(["a in_progress->waiting_for_retry timeout"]);
    expect(kit.executor.cancelled).toEqual([a!.leaseId]);
  });

  it("costs the worker no slot for good, also when its late result comes after somebody else has the step", async () => {
    const kit = await startEngine({ steps: [{ name: "a", timeout_ms: 1_000, retry: { base_ms: 1 } }] });
    await kit.submit();
    const [a] = kit.take();
    await kit.join({ key: "w2-00000000", workerId: "w2" });
    kit.engine.workerEvents.workerChanged("w1-00000000", { draining: true });
    await kit.clock.advance(7_000);
    expect(kit.take()[0]).toMatchObject({ attempt: 2 });
    await kit.answer(completed(a!));
    expect(kit.engine.workers().map(({ info, inFlight }) => [info.workerId, inFlight])).toEqual([
      ["w1", 0],
      ["w2", 1],
    ]);
  });

  it("that the worker reports leaves the lease open for the real result", async () => {
    const kit = await startEngine({ steps: [{ name: "a", on_lost: "hold" }] });
    await kit.submit();
    const [a] = kit.take();
    await kit.answer(failed(a!, { errorCode: "timeout" }));
    expect(kit.executor.acknowledgedTimeouts).toEqual([a!.leaseId]);
    expect(kit.executor.acknowledged).toEqual([]);
    kit.story();
    await kit.answer(completed(a!));
    expect(kit.story()).toEqual(["a in_doubt->completed late_result", "task blocked->completed"]);
    expect(kit.executor.acknowledged).toEqual([a!.leaseId]);
  });

  it("does not depend on the wall clock", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    await kit.submit();
    kit.story();
    kit.clock.jumpWall(24 * 3600_000);
    await kit.clock.advance(1_000);
    expect(kit.story()).toEqual([]);
  });
});

describe("a result", () => {
  it("that comes twice is applied once and acknowledged twice", async () => {
    const kit = await startEngine({ steps: chain(2) });
    await kit.submit();
    const [a] = kit.take();
    await kit.answer(completed(a!), completed(a!));
    await kit.answer(completed(a!));
    expect(kit.story().filter((line) => line === "s1 in_progress->completed")).toHaveLength(1);
    expect(kit.executor.acknowledged).toEqual([a!.leaseId, a!.leaseId, a!.leaseId]);
    expect(kit.engine.metrics.results).toMatchObject({ applied: 1, duplicate: 2, unknown: 0 });
  });

  it("of an older lease is kept in the history and changes nothing", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    await kit.submit();
    const [old] = kit.take();
    kit.engine.workerEvents.workerLost("w1-00000000", "silent");
    await kit.join();
    kit.take();
    kit.story();
    await kit.answer(completed(old!, '{"late":true}'));
    expect(kit.history).toHaveLength(1);
    expect(kit.history[0]).toMatchObject({
      step: "a",
      from: "in_progress",
      to: "in_progress",
      reason: "late_result",
      detail: '{"outcome":"completed","output":{"late":true}}',
    });
    expect(kit.executor.acknowledged).toEqual([old!.leaseId]);
  });

  it("counts while its step waits for the retry that would replace it", async () => {
    const kit = await startEngine({ steps: [{ name: "a", timeout_ms: 1_000 }] });
    await kit.submit();
    const [a] = kit.take();
    await kit.clock.advance(6_300);
    kit.story();
    await kit.answer(completed(a!));
    expect(kit.story()).toEqual(["a waiting_for_retry->completed late_result", "task in_progress->completed"]);
    await kit.clock.advance(60_000);
    expect(kit.take()).toEqual([]);
  });

  it("for a lease that was never given is ignored", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    await kit.submit();
    const [a] = kit.take();
    kit.story();
    await kit.answer({ ...completed(a!), leaseId: "batch_forged.1" }, completed({ stepId: 999, leaseId: "x.999" }));
    expect(kit.story()).toEqual([]);
    expect(kit.engine.metrics.results.unknown).toBe(2);
  });

  it("that is too large fails the attempt", async () => {
    const kit = await startEngine({ steps: [{ name: "a", retryable: false }] });
    await kit.submit();
    kit.story();
    await kit.answer(completed(kit.take()[0]!, `"${"x".repeat(5 * 1024 * 1024)}"`));
    expect(kit.story()).toEqual(["a in_progress->failed output_too_large", "task in_progress->failed step_failed"]);
  });
});

describe("a refusal by the worker", () => {
  it("sends the step elsewhere without using up an attempt", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    await kit.submit();
    const [a] = kit.take();
    await kit.join({ key: "w2-00000000", workerId: "w2" });
    kit.engine.workerEvents.leasesRejected("w1-00000000", [a!.leaseId], "draining");
    await kit.clock.settle();
    expect(kit.executor.batches.map(({ key }) => key)).toEqual(["w2-00000000"]);
    expect(kit.take()[0]).toMatchObject({ attempt: 1 });
  });

  it("for want of the handler is believed: it is not asked again", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    await kit.submit();
    const [a] = kit.take();
    kit.engine.workerEvents.leasesRejected("w1-00000000", [a!.leaseId], "unknown_handler");
    await kit.clock.settle();
    expect(kit.take()).toEqual([]);
    expect(kit.engine.servedHandlers()).toEqual([]);
  });
});

describe("cancelling", () => {
  it("ends the task, tells the worker, and keeps what comes late", async () => {
    const kit = await startEngine({ steps: chain(2) });
    const id = idOf(await kit.submit());
    const [a] = kit.take();
    kit.story();
    const cancelled = kit.engine.cancel({ id, cause: { actor: "operator", reason: "wrong order" } });
    await kit.clock.settle();
    await cancelled;
    expect(kit.story()).toEqual([
      "s1 in_progress->cancelled wrong order",
      "s2 pending->cancelled wrong order",
      "task in_progress->cancelled wrong order",
    ]);
    expect(kit.executor.cancelled).toEqual([a!.leaseId]);
    await kit.answer(completed(a!, "7"));
    expect(kit.history[0]).toMatchObject({ step: "s1", from: "cancelled", to: "cancelled", reason: "late_result" });
    await expect(cancelAgain(kit, id)).rejects.toMatchObject({ code: "task_not_found" });
  });

  it("keeps the slot of a step that still runs until its worker is done with it", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }], worker: { capacity: 1 } });
    const id = idOf(await kit.submit());
    const [a] = kit.take();
    const cancelled = kit.engine.cancel({ id, cause: { actor: "operator", reason: null } });
    await kit.submit();
    await cancelled;
    expect(kit.take()).toEqual([]);
    await kit.answer(failed(a!));
    expect(kit.take()).toHaveLength(1);
  });
});

async function cancelAgain(kit: Awaited<ReturnType<typeof startEngine>>, id: string): Promise<void> {
  const again = kit.engine.cancel({ id, cause: { actor: "operator", reason: null } });
  again.catch(() => {});
  await kit.clock.settle();
  await again;
}

describe("an idempotency key", () => {
  it("gives the same task for the same submission, and refuses another", async () => {
    const kit = await startEngine();
    const first = await kit.submit("{}", { idempotencyKey: "k", fingerprint: "f" });
    const again = await kit.submit("{}", { idempotencyKey: "k", fingerprint: "f" });
    expect(first).toMatchObject({ ok: true, created: true });
    expect(again).toMatchObject({ ok: true, created: false });
    expect(idOf(again)).toBe(idOf(first));
    expect(await kit.submit("{}", { idempotencyKey: "k", fingerprint: "g" })).toMatchObject({
      ok: false,
      error: { code: "idempotency_conflict" },
    });
  });

  it("is known within one call too", async () => {
    const kit = await startEngine();
    const key = { idempotencyKey: "k", fingerprint: "f" };
    const answer = kit.engine.submit([submission("{}", key), submission("{}", key)]);
    await kit.clock.settle();
    const [a, b] = await answer;
    expect(idOf(b!)).toBe(idOf(a!));
  });
});

describe("a restart", () => {
  it("goes on where the store left off, once workers have declared what they hold", async () => {
    const before = await startEngine({ steps: chain(3) });
    await before.submit();
    await before.answer(completed(before.take()[0]!, '{"one":1}'));
    const [held] = before.take();
    await before.stop();
    const after = await startEngine({ steps: chain(3), file: before.file, worker: { heldLeases: [held!.leaseId] } });
    await after.clock.advance(30_000);
    expect(after.take()).toEqual([]);
    await after.answer(completed(held!, '{"two":2}'));
    expect(after.take()[0]).toMatchObject({ stepName: "s3", previousResults: '{"s1":{"one":1},"s2":{"two":2}}' });
  });

  it("revokes leases that nobody declares within the grace", async () => {
    const before = await startEngine({ steps: [{ name: "a" }] });
    await before.submit();
    before.take();
    await before.stop();
    const after = await startEngine({ steps: [{ name: "a" }], file: before.file });
    await after.clock.advance(9_000);
    expect(after.take()).toEqual([]);
    await after.clock.advance(1_500);
    expect(after.take()[0]).toMatchObject({ stepName: "a", attempt: 2 });
  });

  it("remembers retries, failures and what is in doubt", async () => {
    const steps: StepSketch[] = [
      { name: "again" },
      { name: "dead", retryable: false },
      { name: "pay", on_lost: "hold" },
      { name: "after", depends_on: ["pay"] },
    ];
    const before = await startEngine({ steps });
    await before.submit();
    const [again, dead] = before.take();
    await before.answer(failed(again!, { retryAfterMs: 20_000 }), failed(dead!));
    before.engine.workerEvents.workerLost("w1-00000000", "killed");
    await before.clock.settle();
    await before.stop();
    const after = await startEngine({ steps, file: before.file });
    await after.clock.advance(19_000);
    expect(after.take()).toEqual([]);
    await after.clock.advance(2_000);
    const [retry] = after.take();
    expect(retry).toMatchObject({ stepName: "again", attempt: 2 });
    await after.answer(completed(retry!));
    expect(after.story().at(-1)).toBe("task in_progress->blocked in_doubt");
  });
});

/** A store whose commits (or calls of another method) fail while `state.fails` is set. */
function failingStore(state: { fails: boolean }, method: keyof Store = "commit"): (real: Store) => Store {
  return (real) =>
    new Proxy(real, {
      get: (target, name) => {
        if (name === method && state.fails) {
          return () => {
            throw new StoreError("full", "no space");
          };
        }
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}

describe("a clock that was set back", () => {
  it("delays a retry by no more than its backoff", async () => {
    const steps: StepSketch[] = [{ name: "a", retry: { base_ms: 2_000 } }];
    const before = await startEngine({ steps });
    await before.submit();
    await before.answer(failed(before.take()[0]!));
    await before.stop();
    const after = await startEngine({ steps, file: before.file, wallMs: Date.UTC(2029, 11, 31) });
    await after.clock.advance(1_900);
    expect(after.take()).toEqual([]);
    await after.clock.advance(200);
    expect(names(after.take())).toEqual(["a"]);
  });
});

describe("a failed commit", () => {
  it("stores nothing, answers with an error, and goes on from the store", async () => {
    const state = { fails: false };
    const kit = await startEngine({ steps: chain(2), store: failingStore(state) });
    await kit.submit();
    const [first] = kit.take();
    state.fails = true;
    const refused = kit.engine.submit([submission("{}", {})]);
    refused.catch(() => {});
    kit.engine.workerEvents.resultsArrived("w1-00000000", [completed(first!)]);
    await kit.clock.settle();
    await expect(refused).rejects.toMatchObject({ code: "storage_full" });
    await kit.clock.advance(1_000);
    expect(kit.executor.acknowledged).toEqual([]);
    state.fails = false;
    await kit.clock.advance(5_000);
    expect(kit.executor.acknowledged).toEqual([first!.leaseId]);
    expect(names(kit.take())).toEqual(["s2"]);
    expect(kit.story()).toContain("s1 in_progress->completed");
  });

  it("loses nothing that executors say only once", async () => {
    const state = { fails: false };
    const steps: StepSketch[] = [{ name: "lost" }, { name: "missing" }, { name: "rejected", on_lost: "hold" }];
    const kit = await startEngine({ steps, store: failingStore(state), worker: { capacity: 2 } });
    await kit.join({ key: "w2-00000000", workerId: "w2", capacity: 1 });
    await kit.submit();
    const [, missing, rejected] = kit.take();
    state.fails = true;
    kit.engine.workerEvents.leasesMissing("w1-00000000", [missing!.leaseId]);
    kit.engine.workerEvents.leasesRejected("w1-00000000", [rejected!.leaseId], "draining");
    kit.engine.workerEvents.workerLost("w2-00000000", "killed");
    await kit.clock.settle();
    kit.story();
    state.fails = false;
    await kit.clock.advance(100);
    expect(kit.story()).toEqual([
      "missing in_progress->ready batch_lost",
      "rejected in_progress->ready rejected: draining",
    ]);
    await kit.clock.advance(10_250);
    expect(kit.story()).toEqual(["lost in_progress->ready worker_lost"]);
    expect(kit.engine.workers().map(({ inFlight }) => inFlight)).toEqual([0]);
  });

  it("leaves no ready step waiting for somebody to come by", async () => {
    const state = { fails: false };
    const kit = await startEngine({ steps: [{ name: "a" }], store: failingStore(state), worker: null });
    await kit.submit();
    state.fails = true;
    await kit.join();
    state.fails = false;
    await kit.clock.advance(100);
    expect(names(kit.take())).toEqual(["a"]);
  });

  it("keeps each lease with the session that holds it", async () => {
    const state = { fails: false };
    const kit = await startEngine({ steps: [{ name: "a" }], store: failingStore(state) });
    await kit.submit();
    state.fails = true;
    kit.engine.workerEvents.workerJoined(buildWorker(kit.executor, { key: "w1-11111111" }));
    kit.engine.workerEvents.leasesRejected("w1-11111111", ["none"], "malformed");
    void kit.engine.submit([submission("{}", {})]).catch(() => {});
    await kit.clock.settle();
    const [before, after] = kit.engine.workers();
    expect([before!.info.key, before!.steps.size]).toEqual(["w1-00000000", 1]);
    expect([after!.info.key, after!.steps.size]).toEqual(["w1-11111111", 0]);
  });
});

describe("a checkpoint", () => {
  const cursor = '{"row": 9007199254740993}';
  const w2 = { key: "w2-00000000", workerId: "w2" };

  it("reaches the next attempt byte for byte, whatever ended the one that saved it", async () => {
    const kit = await startEngine({ steps: [{ name: "a", retry: { limit: 3, base_ms: 0 } }], worker: { capacity: 1 } });
    await kit.submit();
    const [first] = kit.take();
    expect(first!.checkpoint).toBeNull();
    await kit.checkpoint(first!, 1, cursor);
    expect(kit.executor.settledCheckpoints).toEqual([{ leaseId: first!.leaseId, seq: 1, refused: null }]);
    await kit.answer(failed(first!));
    await kit.clock.advance(1);
    const [second] = kit.take();
    expect(second).toMatchObject({ attempt: 2, checkpoint: cursor });
    await kit.join(w2);
    kit.engine.workerEvents.workerLost("w1-00000000", "killed");
    await kit.clock.settle();
    expect(kit.take()[0]).toMatchObject({ attempt: 3, checkpoint: cursor });
  });

  it("that was saved in the very turn in which its worker was lost is not left behind", async () => {
    const kit = await startEngine({ steps: [{ name: "a" }] });
    await kit.submit();
    const [first] = kit.take();
    await kit.join(w2);
    await kit.checkpoint(first!, 1, '"older"');
    const events = kit.engine.workerEvents;
    events.checkpointsArrived("w1-00000000", [{ leaseId: first!.leaseId, seq: 2, cursor }]);
    events.workerLost("w1-00000000", "killed");
    await kit.clock.settle();
    expect(kit.take()[0]).toMatchObject({ attempt: 2, checkpoint: cursor });
  });

  it("survives a restart of the orchestrator, and its lease goes on counting", async () => {
    const steps: StepSketch[] = [{ name: "a", retry: { limit: 3, base_ms: 0 } }];
    const before = await startEngine({ steps });
    await before.submit();
    const [first] = before.take();
    await before.checkpoint(first!, 5, cursor);
    await before.stop();
    const after = await startEngine({ steps, file: before.file, worker: { heldLeases: [first!.leaseId] } });
    await after.checkpoint(first!, 4, '"older"');
    await after.answer(failed(first!));
    await after.clock.advance(1);
    expect(after.take()[0]).toMatchObject({ attempt: 2, checkpoint: cursor });
  });

  it("replaces those with a smaller number under its lease; all are confirmed", async () => {
    const kit = await startEngine({ steps: [{ name: "a", retry: { limit: 3, base_ms: 0 } }] });
    await kit.submit();
    const [first] = kit.take();
    await kit.checkpoint(first!, 2, cursor);
    await kit.checkpoint(first!, 1, '"older"');
    await kit.checkpoint(first!, 2, '"the same number"');
    expect(kit.executor.settledCheckpoints.map(({ seq, refused }) => [seq, refused])).toEqual([
      [2, null],
      [1, null],
      [2, null],
    ]);
    await kit.answer(failed(first!));
    await kit.clock.advance(1);
    const [second] = kit.take();
    expect(second!.checkpoint).toBe(cursor);
    await kit.checkpoint(second!, 1, '"of the second attempt"');
    await kit.answer(failed(second!));
    await kit.clock.advance(1);
    expect(kit.take()[0]!.checkpoint).toBe('"of the second attempt"');
  });

  it("under a lease that is over is refused and changes nothing", async () => {
    const kit = await startEngine({ steps: [{ name: "a", retry: { limit: 3, base_ms: 0 } }], worker: { capacity: 1 } });
    await kit.join(w2);
    await kit.submit();
    const [first] = kit.take();
    await kit.answer(failed(first!));
    await kit.clock.advance(1);
    const [second] = kit.take();
    await kit.checkpoint(second!, 1, cursor);
    await kit.checkpoint(first!, 9, '"stale"');
    await kit.checkpoint({ leaseId: "batch_none.77" }, 1, '"unknown"');
    expect(kit.executor.settledCheckpoints.map(({ leaseId, refused }) => [leaseId, refused])).toEqual([
      [second!.leaseId, null],
      [first!.leaseId, "stale_lease"],
      ["batch_none.77", "stale_lease"],
    ]);
    await kit.answer(failed(second!));
    await kit.clock.advance(1);
    expect(kit.take()[0]!.checkpoint).toBe(cursor);
  });

  it("of null means that the next attempt begins anew", async () => {
    const kit = await startEngine({ steps: [{ name: "a", retry: { limit: 3, base_ms: 0 } }] });
    await kit.submit();
    const [first] = kit.take();
    await kit.checkpoint(first!, 1, cursor);
    await kit.checkpoint(first!, 2, "null");
    await kit.answer(failed(first!));
    await kit.clock.advance(1);
    expect(kit.take()[0]!.checkpoint).toBeNull();
  });

  it("is confirmed only once it is durable", async () => {
    const state = { fails: false };
    const kit = await startEngine({ steps: [{ name: "a" }], store: failingStore(state) });
    await kit.submit();
    const [first] = kit.take();
    state.fails = true;
    await kit.checkpoint(first!, 1, cursor);
    expect(kit.executor.settledCheckpoints).toEqual([]);
    state.fails = false;
    await kit.clock.advance(5_000);
    expect(kit.executor.settledCheckpoints).toEqual([{ leaseId: first!.leaseId, seq: 1, refused: null }]);
  });
});

describe("a plain 1.0 worker", () => {
  it("is given work again when its batch has lapsed: nobody else will say that it is done", async () => {
    const kit = await startEngine({
      steps: [{ name: "a", timeout_ms: 1_000 }],
      worker: { protocol: "1.0", oneBatchAtATime: true, capacity: 1, handlers: null },
    });
    const cancelled = idOf(await kit.submit());
    await kit.submit();
    await kit.submit();
    expect(kit.take()).toHaveLength(1);
    void kit.engine.cancel({ id: cancelled, cause: { actor: "client", reason: null } });
    await kit.clock.advance(5_900);
    expect(kit.take()).toEqual([]);
    await kit.clock.advance(600);
    expect(kit.take()).toHaveLength(1);
    await kit.clock.advance(6_500);
    expect(kit.take()).toHaveLength(1);
  });
});

describe("a context", () => {
  it("larger than the payload cache reaches its steps in the turn of its submission", async () => {
    const kit = await startEngine({ steps: chain(2), settings: { payloadCacheBytes: 0 } });
    await kit.submit('{"big":true}');
    const [first] = kit.take();
    expect(first!.context).toBe('{"big":true}');
    await kit.answer(completed(first!, "1"));
    expect(kit.take()[0]).toMatchObject({ context: '{"big":true}', previousResults: '{"s1":1}' });
  });
});

describe("a pause of the orchestrator", () => {
  it("lets no lease lapse: what workers said in the meantime is read first", async () => {
    const kit = await startEngine({ steps: [{ name: "pay", on_lost: "hold", timeout_ms: 10_000 }] });
    await kit.submit();
    const [pay] = kit.take();
    kit.clock.pause(60_000);
    await kit.clock.advance(1);
    await kit.answer(completed(pay!));
    expect(kit.story().slice(-2)).toEqual(["pay in_progress->completed", "task in_progress->completed"]);
  });
});

describe("fault 37: what waits for a turn is bounded", () => {
  const unknown = (output: string) => completed({ stepId: 99, leaseId: "nobody.99" }, output);

  it("submissions, by their number: the last that fits is taken, one more is overloaded, and taken after the turn", async () => {
    const { engine, clock, submit } = await startEngine({ settings: { maxPendingSubmissions: 3 } });
    const first = engine.submit([submission("{}", {}), submission("{}", {})]);
    const last = engine.submit([submission("{}", {})]);
    await expect(engine.submit([submission("{}", {})])).rejects.toMatchObject({ code: "overloaded" });
    await clock.settle();
    expect([...(await first), ...(await last)].every(({ ok }) => ok)).toBe(true);
    expect((await submit()).ok).toBe(true);
  });

  it("submissions, by the length of their contexts", async () => {
    const context = '{"text":"0123456789"}';
    const { engine, clock } = await startEngine({ settings: { maxPendingSubmissionBytes: 2 * context.length } });
    const taken = [engine.submit([submission(context, {})]), engine.submit([submission(context, {})])];
    await expect(engine.submit([submission("{}", {})])).rejects.toMatchObject({ code: "overloaded" });
    await clock.settle();
    expect((await Promise.all(taken)).flat().every(({ ok }) => ok)).toBe(true);
  });

  it.each([
    ["number", { maxPendingResults: 3 }, 1],
    ["length", { maxPendingResultBytes: 15 }, 5],
  ] as const)(
    "results, by their %s: nothing more is to be read until a turn has taken them",
    async (_, settings, size) => {
      const { engine, clock } = await startEngine({ settings });
      for (const isCongested of [false, false, true]) {
        engine.workerEvents.resultsArrived(null, [unknown("7".repeat(size))]);
        expect(engine.isCongested).toBe(isCongested);
      }
      await clock.settle();
      expect(engine.isCongested).toBe(false);
    },
  );

  it("results of a failed turn count again, and once", async () => {
    const state = { fails: true };
    const { engine, clock } = await startEngine({
      settings: { maxPendingResults: 3 },
      store: failingStore(state, "leases"),
    });
    engine.workerEvents.resultsArrived(null, [unknown("1"), unknown("2"), unknown("3")]);
    await clock.settle();
    expect(engine.isCongested).toBe(true);
    state.fails = false;
    await clock.advance(10_000);
    expect(engine.isCongested).toBe(false);
  });

  it("handlers that workers name leave nothing behind when nobody serves them any more", async () => {
    const { engine, join, submit, take, answer } = await startEngine({ steps: [{ name: "a" }] });
    const before = engine.memory.ready.size;
    for (let round = 0; round < 20; round++) {
      await join({ key: "w2-00000000", workerId: "w2", handlers: [`made-up-${round}`, "work"] });
    }
    expect(engine.memory.ready.size).toBe(before + 1);
    engine.workerEvents.workerLost("w2-00000000", "bye");
    await submit();
    expect(engine.memory.ready.size).toBe(before);
    await answer(completed(take()[0]!));
    expect(engine.activeTasks).toBe(0);
  });

  it("steps that wait for a handler nobody serves are there when somebody does", async () => {
    const { engine, join, submit, executor } = await startEngine({ steps: [{ name: "a", handler: "rare" }] });
    await join({ key: "w2-00000000", workerId: "w2", handlers: ["rare"], capacity: 0 });
    await submit();
    engine.workerEvents.workerLost("w2-00000000", "bye");
    await join({ key: "w3-00000000", workerId: "w3", handlers: ["rare"] });
    expect(executor.take().map(({ stepName }) => stepName)).toEqual(["a"]);
  });

  it("the log has ten lines about results of unknown leases in ten seconds, however many come", async () => {
    const { engine, clock, log } = await startEngine();
    const lines = () => log.lines.filter(({ event }) => event === "result.unknown_lease").length;
    for (let round = 0; round < 30; round++) {
      engine.workerEvents.resultsArrived(null, [unknown("1")]);
      await clock.settle();
    }
    expect(lines()).toBe(10);
    expect(engine.metrics.results.unknown).toBe(30);
    await clock.advance(10_000);
    engine.workerEvents.resultsArrived(null, [unknown("1")]);
    await clock.settle();
    expect(lines()).toBe(11);
    expect(log.lines).toContainEqual(
      expect.objectContaining({ event: "peers.more_complaints", fields: { silenced: 20 } }),
    );
  });
});
