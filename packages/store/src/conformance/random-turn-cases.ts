/** Any sequence of valid turns leaves exactly what a plain model in memory holds, also after reopening. */

import { array, asyncProperty, assert as check, integer } from "fast-check";
import { describe, expect, test } from "vitest";
import { type OpenDatabase, publishedFirst } from "./store-conformance.ts";
import { StoreModel } from "./store-model.ts";

export function randomTurnCases(open: () => Promise<OpenDatabase>): void {
  describe("random turns", () => {
    test("leave what a model of the store holds", async () => {
      const oneSeedPerTurn = array(integer(), { minLength: 1, maxLength: 15 });
      await check(
        asyncProperty(oneSeedPerTurn, async (seeds) => {
          let database = await open();
          try {
            const model = new StoreModel();
            for (const seed of seeds) {
              const record = model.randomTurn(uniformOf(seed));
              await database.store.commit(record);
              model.apply(record);
            }
            await expectSame(database, model);
            database = await database.reopen();
            await expectSame(database, model);
          } finally {
            await database.dispose();
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}

async function expectSame(database: OpenDatabase, model: StoreModel): Promise<void> {
  const { store } = database;
  const queries = publishedFirst(database);
  const tasks = model.tasks();
  const steps = model.steps();
  expect(await store.sequences()).toEqual(model.sequences());
  expect(await store.activeTasks(0, 1_000)).toEqual(model.activeTasks());
  expect(await store.leases(steps.map((step) => step.stepId))).toEqual(model.leases());
  expect(await queries.eventsAfter(0, 10_000)).toEqual(model.events());
  const payloads = await store.payloads({
    taskIds: tasks.map((task) => task.taskId),
    stepIds: steps.map((step) => step.stepId),
    checkpointsOf: steps.map((step) => step.stepId),
  });
  expect(payloads.contexts).toEqual(new Map(tasks.map((task) => [task.taskId, task.context])));
  const outputs = steps.filter((step) => step.output !== null);
  expect(payloads.checkpoints).toEqual(model.cursors());
  expect(payloads.outputs).toEqual(new Map(outputs.map((step) => [step.stepId, step.output])));
  const listed = await queries.tasks({ limit: 1_000 });
  expect(listed.items.map(({ taskId, status, reason }) => [taskId, status, reason])).toEqual(
    tasks.map(({ taskId, status, reason }) => [taskId, status, reason]).reverse(),
  );
  for (const task of tasks) {
    const own = steps.filter((step) => step.taskId === task.taskId).sort((a, b) => a.stepId - b.stepId);
    const detail = await queries.task(task.id);
    expect(detail?.steps).toEqual(own);
    expect(detail?.cursors).toEqual(
      new Map([...model.cursors()].filter(([stepId]) => own.some((step) => step.stepId === stepId))),
    );
  }
}

/** A small seeded generator (mulberry32), so that a failing sequence can be replayed. */
function uniformOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
