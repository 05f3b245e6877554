/** What a start or a failed commit reads to build memory anew. */
import { describe, expect, test } from "vitest";
import { historyRow, stepRow, taskRow, templateRow, transition, turn } from "./rows.ts";
import type { Subject } from "./store-conformance.ts";

export function recoveryCases(subject: Subject): void {
  describe("sequences", () => {
    test("begin at 1", async () => {
      expect(await subject.store.sequences()).toEqual({ templateId: 1, taskId: 1, stepId: 1, seq: 1 });
    });

    test("go on after the highest number, over every transition of the last history row", async () => {
      const { store } = subject;
      await store.commit(
        turn({
          newTemplates: [templateRow(4)],
          newTasks: [taskRow(7, { templateId: 4 })],
          stepWrites: [{ guard: null, row: stepRow(30, 7) }],
          history: [
            historyRow(10, 7, transition("s0", null, "ready")),
            historyRow(11, 7, ...["a", "b", "c"].map((to) => transition("s0", "ready", to))),
          ],
        }),
      );
      expect(await store.sequences()).toEqual({ templateId: 5, taskId: 8, stepId: 31, seq: 14 });
    });
  });

  describe("active tasks", () => {
    test("are those that are in progress or blocked, with their steps", async () => {
      const { store } = subject;
      const statuses = ["in_progress", "blocked", "completed", "failed", "cancelled"] as const;
      await store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: statuses.map((status, index) => taskRow(index + 1, { status })),
          stepWrites: [1, 2, 3, 4, 5].map((taskId) => ({ guard: null, row: stepRow(taskId, taskId) })),
        }),
      );
      const active = await store.activeTasks(0, 10);
      expect(active.map(({ task }) => task.taskId)).toEqual([1, 2]);
      expect(active.map(({ steps }) => steps.map((step) => step.stepId))).toEqual([[1], [2]]);
    });

    test("follow the changes of status", async () => {
      const { store } = subject;
      const active = async () => (await store.activeTasks(0, 10)).map(({ task }) => [task.taskId, task.status]);
      await store.commit(turn({ newTemplates: [templateRow(1)], newTasks: [taskRow(1), taskRow(2)] }));
      const update = { taskId: 1, reason: null, finishedAt: null };
      await store.commit(turn({ taskUpdates: [{ ...update, from: "in_progress", to: "blocked" }] }));
      expect(await active()).toEqual([
        [1, "blocked"],
        [2, "in_progress"],
      ]);
      await store.commit(turn({ taskUpdates: [{ ...update, from: "blocked", to: "completed", finishedAt: 5 }] }));
      expect(await active()).toEqual([[2, "in_progress"]]);
    });

    test("come in pages, in the order of their numbers, whatever their status", async () => {
      const { store } = subject;
      const numbers = Array.from({ length: 25 }, (_, index) => index + 1);
      await store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: numbers.map((taskId) => taskRow(taskId, { status: taskId % 3 === 0 ? "blocked" : "in_progress" })),
          stepWrites: numbers.map((taskId) => ({ guard: null, row: stepRow(100 - taskId, taskId) })),
        }),
      );
      const seen: number[] = [];
      for (let after = 0; ; after = seen[seen.length - 1]!) {
        const page = await store.activeTasks(after, 4);
        for (const { task, steps } of page) {
          seen.push(task.taskId);
          expect(steps.map((step) => step.taskId)).toEqual([task.taskId]);
        }
        if (page.length < 4) break;
      }
      expect(seen).toEqual(numbers);
    });
  });

  describe("idempotency keys", () => {
    test("find their task, final or not, and nothing for an unknown one", async () => {
      const { store } = subject;
      await store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [
            taskRow(1, { idempotencyKey: "a", status: "completed" }),
            taskRow(2, { idempotencyKey: "b" }),
            taskRow(3),
            taskRow(4),
          ],
        }),
      );
      const found = await store.tasksByIdempotencyKey(["b", "unknown", "a", "a"]);
      expect(found.map((task) => task.taskId).sort()).toEqual([1, 2]);
      expect(await store.tasksByIdempotencyKey([])).toEqual([]);
    });
  });
}
