/** What a commit keeps, whole or not at all. */
import type { StepRow } from "@tasker/engine";
import { describe, expect, test } from "vitest";
import { historyRow, stepRow, taskRow, templateRow, transition, turn, uuidOf } from "./rows.ts";
import type { Subject } from "./store-conformance.ts";

export function commitCases(subject: Subject): void {
  describe("commit", () => {
    test("keeps everything of a turn", async () => {
      const { store, queries } = subject;
      await store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [taskRow(1)],
          stepWrites: [{ guard: null, row: stepRow(1, 1) }],
          history: [historyRow(1, 1, transition(null, null, "in_progress"), transition("s0", "pending", "ready"))],
        }),
      );
      expect(await store.templates()).toEqual([templateRow(1)]);
      const { context: _, ...task } = taskRow(1);
      const { output: __, ...step } = stepRow(1, 1);
      expect(await store.activeTasks(0, 10)).toEqual([{ task, steps: [{ ...step, checkpoint: null }] }]);
      expect((await queries.task(uuidOf(1)))?.steps).toEqual([stepRow(1, 1)]);
      expect(await queries.events(uuidOf(1), 0, 10)).toHaveLength(2);
    });

    test("keeps every column of a task", async () => {
      const { store } = subject;
      const task = taskRow(1, {
        status: "blocked",
        reason: "step_failed",
        priority: -3,
        tags: ["blue", 'with "quotes"', "ünïcode"],
        idempotencyKey: "key-1",
        fingerprint: "abc",
        correlationId: "order-7",
        initiator: "shop",
        startedAt: 1_002,
        finishedAt: 1_003,
      });
      await store.commit(turn({ newTemplates: [templateRow(1)], newTasks: [task] }));
      expect(await store.tasksByIdempotencyKey(["key-1"])).toEqual([task]);
    });

    test("keeps every column of a step, also when it is written again", async () => {
      const { store, queries } = subject;
      const first = stepRow(7, 1, { stepIndex: 2, leaseMs: 500, wakeAt: 9, error: '{"message":"x"}', reason: "why" });
      const second = stepRow(7, 1, {
        stepIndex: 2,
        state: "waiting_for_retry",
        answered: true,
        workerId: "worker-2",
        readyAt: 3_000,
        startedAt: 3_001,
        finishedAt: 3_002,
        wakeAt: 3_003,
        output: "[1, 2]",
        error: null,
        reason: "worker_lost",
      });
      await store.commit(
        turn({ newTemplates: [templateRow(1)], newTasks: [taskRow(1)], stepWrites: [{ guard: null, row: first }] }),
      );
      expect((await queries.task(uuidOf(1)))?.steps).toEqual([first]);
      const guard = { state: first.state, leaseId: first.leaseId };
      await store.commit(turn({ stepWrites: [{ guard, row: second }] }));
      expect((await queries.task(uuidOf(1)))?.steps).toEqual([second]);
    });

    test.each<Partial<StepRow>>([
      {},
      { attempt: 2 },
      { answered: true },
      { leaseMs: 500 },
      { leaseId: null },
      { readyAt: 7, startedAt: 8, finishedAt: 9 },
      { wakeAt: 10 },
      { reason: "late_result" },
      { error: "{}" },
      { output: "1" },
      { workerId: null },
    ])("keeps what is unusual about a first lease and about a completion: %o", async (unusual) => {
      const { store, queries } = subject;
      const leased = stepRow(1, 1);
      const unusuallyLeased = stepRow(2, 1, { stepIndex: 1, ...unusual });
      await store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [taskRow(1)],
          stepWrites: [leased, unusuallyLeased].map((row) => ({ guard: null, row })),
        }),
      );
      const completed = stepRow(1, 1, { state: "completed", answered: true, output: "2", finishedAt: 5, ...unusual });
      const guard = { state: leased.state, leaseId: leased.leaseId };
      await store.commit(turn({ stepWrites: [{ guard, row: completed }] }));
      expect((await queries.task(uuidOf(1)))?.steps).toEqual([completed, unusuallyLeased]);
    });

    test("writes a step that was leased, lost and leased again in one turn", async () => {
      const { store, queries } = subject;
      const row = stepRow(1, 1, { attempt: 2, leaseId: "lease-b" });
      await store.commit(
        turn({ newTemplates: [templateRow(1)], newTasks: [taskRow(1)], stepWrites: [{ guard: null, row }] }),
      );
      expect((await queries.task(uuidOf(1)))?.steps).toEqual([row]);
    });

    test("accepts a turn with nothing in it", async () => {
      await subject.store.commit(turn({}));
      expect(await subject.store.sequences()).toEqual({ templateId: 1, taskId: 1, stepId: 1, seq: 1 });
    });

    test("is there for readers at once", async () => {
      const { store, queries } = subject;
      await store.commit(turn({ newTemplates: [templateRow(1)] }));
      for (let taskId = 1; taskId <= 20; taskId++) {
        await store.commit(turn({ newTasks: [taskRow(taskId)] }));
        expect((await queries.task(uuidOf(taskId)))?.taskId).toBe(taskId);
      }
    });

    test("survives reopening", async () => {
      await subject.store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [taskRow(1)],
          stepWrites: [{ guard: null, row: stepRow(1, 1) }],
          history: [historyRow(1, 1, transition(null, null, "in_progress"))],
        }),
      );
      const before = await subject.store.activeTasks(0, 10);
      await subject.reopen();
      expect(await subject.store.activeTasks(0, 10)).toEqual(before);
      expect(await subject.store.templates()).toEqual([templateRow(1)]);
      expect(await subject.queries.events(uuidOf(1), 0, 10)).toHaveLength(1);
    });
  });
}
