/** Many steps at once, on a real store: joins fire once, herds are let through in turns, and others are not kept waiting. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@tasker/store";
import {
  buildTemplate,
  buildWorker,
  completed,
  FakeClock,
  failed,
  RecordingExecutor,
  RecordingLog,
  SeededRandom,
  type StepSketch,
} from "@tasker/testkit";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Engine } from "./engine.ts";
import type { StepRequest, Store, Transition } from "./ports.ts";

let folder: string;
let store: Store;
let engine: Engine;
const clock = { current: new FakeClock() };
const executor = new RecordingExecutor();
const history: Transition[] = [];
let versions = 0;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tasker-load-"));
  store = await openStore({ database: join(folder, "tasker.db") });
  clock.current = new FakeClock();
  const ports = { store, clock: clock.current, scheduler: clock.current, log: new RecordingLog() };
  engine = new Engine({ ...ports, random: new SeededRandom(1), compileSchema: () => () => [] });
  engine.onHistory((rows) => {
    for (const { transitions } of rows) history.push(...transitions);
  });
  await engine.start();
  engine.workerEvents.workerJoined(buildWorker(executor, { capacity: 10_000 }));
});

afterEach(async () => {
  await engine.stop();
  await store.close();
  executor.take();
  history.length = 0;
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a task with these steps. @returns its id */
async function begin(steps: readonly StepSketch[]): Promise<string> {
  const version = `1.0.${++versions}`;
  const applied = engine.applyTemplate(buildTemplate(steps, { version }), "source");
  await clock.current.settle();
  await applied;
  const submitted = engine.submit([submission(version)]);
  await clock.current.settle();
  const [outcome] = await submitted;
  if (!outcome!.ok) throw outcome!.error;
  return outcome!.task.id;
}

function submission(version: string) {
  return {
    ...{ namespace: "test", name: "template", version, context: "{}", contextValue: {}, idempotencyKey: null },
    ...{ fingerprint: null, priority: 0, tags: [], correlationId: null, initiator: null, reason: null },
  };
}

async function answer(requests: readonly StepRequest[]): Promise<void> {
  engine.workerEvents.resultsArrived(
    "w1-00000000",
    requests.map((request) => completed(request)),
  );
  await clock.current.settle();
}

/** How often each step entered a state. */
function entered(state: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { step, from, to } of history)
    if (step !== null && to === state && from !== to) counts.set(step, (counts.get(step) ?? 0) + 1);
  return counts;
}

describe("fault 38", () => {
  it("fault 38: a fan-out of 5,000 steps joins once, after the last of them", { timeout: 120_000 }, async () => {
    const middle = Array.from({ length: 5_000 }, (_, i) => ({ name: `m${i}`, depends_on: ["first"] }));
    const names = middle.map(({ name }) => name);
    const join = { name: "join", depends_on: names, previous_results: "direct" as const };
    await begin([{ name: "first" }, ...middle, join]);
    const [first] = executor.take();
    await answer([first!]);
    const wide = executor.take();
    expect(new Set(wide.map(({ stepName }) => stepName))).toEqual(new Set(names));
    await answer(wide.slice(0, -1));
    expect(executor.take()).toEqual([]);
    await answer(wide.slice(-1));
    const joined = executor.take();
    expect(joined.map(({ stepName }) => stepName)).toEqual(["join"]);
    expect(Object.keys(JSON.parse(joined[0]!.previousResults))).toHaveLength(5_000);
    await answer(joined);
    expect(entered("in_progress").get("join")).toBe(1);
    expect([...entered("completed").values()].every((count) => count === 1)).toBe(true);
    expect(entered("completed").size).toBe(5_002);
    expect(engine.activeTasks).toBe(0);
  });

  /** Any graph: each step depends on some of those before it. */
  const graph = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 10 }).map((choices) =>
    choices.map((picks, i) => ({
      name: `s${i}`,
      depends_on: i === 0 ? [] : [...new Set(picks.map((n) => `s${n % i}`))],
    })),
  );

  it("fault 38: of every diamond each step runs once, after all that it depends on, in whatever order they end", {
    timeout: 120_000,
  }, async () => {
    const run = async (steps: readonly { name: string; depends_on: string[] }[], order: readonly number[]) => {
      history.length = 0;
      await begin(steps);
      const waiting: StepRequest[] = [];
      const done: string[] = [];
      for (let turn = 0; ; turn++) {
        for (const request of executor.take()) {
          const { depends_on } = steps.find(({ name }) => name === request.stepName)!;
          expect(depends_on.filter((name) => !done.includes(name))).toEqual([]);
          waiting.push(request);
        }
        if (waiting.length === 0) break;
        const [next] = waiting.splice(order[turn % order.length]! % waiting.length, 1);
        done.push(next!.stepName);
        await answer([next!]);
      }
      expect(done.length).toBe(steps.length);
      expect([...entered("in_progress").values()]).toEqual(steps.map(() => 1));
      expect(engine.activeTasks).toBe(0);
    };
    await fc.assert(fc.asyncProperty(graph, fc.array(fc.nat(), { minLength: 1, maxLength: 10 }), run), {
      numRuns: 100,
    });
  });
});

describe("fault 36", () => {
  const herd = 10_000;
  const retrying = (jitter: number): StepSketch[] =>
    Array.from({ length: herd }, (_, i) => ({ name: `r${i}`, retry: { limit: 1, base_ms: 10_000, jitter } }));

  /** All of them fail at once. */
  async function failAll(): Promise<void> {
    const requests = executor.take();
    expect(requests).toHaveLength(herd);
    engine.workerEvents.resultsArrived(
      "w1-00000000",
      requests.map((request) => failed(request)),
    );
    await clock.current.settle();
    expect(engine.metrics.steps.waiting_for_retry).toBe(herd);
  }

  it("fault 36: 10,000 retries due in the same instant come in turns, and what comes meanwhile does not wait for all of them", {
    timeout: 120_000,
  }, async () => {
    await begin(retrying(0));
    await failAll();
    const turns = engine.metrics.turns;
    let answeredAfter: number | null = null;
    engine.onHistory(() => {
      if (answeredAfter !== null || executor.batches.length === 0) return;
      answeredAfter = -1;
      void engine.cancel({ id: "nobody", cause: { actor: "client", reason: null } }).catch(() => {
        answeredAfter = executor.batches.reduce((sum, { batch }) => sum + batch.steps.length, 0);
      });
    });
    await clock.current.advance(10_000);
    const again = executor.take();
    expect(new Set(again.map(({ stepName }) => stepName)).size).toBe(herd);
    expect(again.every(({ attempt }) => attempt === 2)).toBe(true);
    expect(engine.metrics.turns - turns).toBeGreaterThanOrEqual(5);
    expect(answeredAfter).toBeGreaterThan(0);
    expect(answeredAfter).toBeLessThan(herd);
  });

  it("fault 36: with jitter they are spread", { timeout: 120_000 }, async () => {
    await begin(retrying(0.2));
    await failAll();
    await clock.current.advance(7_900);
    expect(executor.take()).toEqual([]);
    const waves: number[] = [];
    for (let ms = 7_900; ms < 12_100; ms += 420) {
      await clock.current.advance(420);
      waves.push(executor.take().length);
    }
    expect(waves.reduce((sum, count) => sum + count, 0)).toBe(herd);
    expect(Math.max(...waves)).toBeLessThan(herd / 5);
  });
});
