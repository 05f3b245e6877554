/** The history: packed by turn when it is written, events when it is read. */
import { beforeEach, describe, expect, test } from "vitest";
import { historyRow, taskRow, templateRow, transition, turn, uuidOf } from "./rows.ts";
import type { Subject } from "./store-conformance.ts";

export function historyCases(subject: Subject): void {
  describe("history", () => {
    beforeEach(() =>
      subject.store.commit(turn({ newTemplates: [templateRow(1)], newTasks: [taskRow(1), taskRow(2)] })),
    );

    const steps = (names: string) => [...names].map((name) => transition(name, "pending", "ready"));

    /** Tasks 1 and 2 take turns: 1 has events 1-3, 6 and 8-9, 2 has 4-5 and 7. */
    async function writeTwoHistories(): Promise<void> {
      const { store } = subject;
      await store.commit(turn({ history: [historyRow(1, 1, ...steps("abc")), historyRow(4, 2, ...steps("de"))] }));
      await store.commit(turn({ history: [historyRow(6, 1, ...steps("f")), historyRow(7, 2, ...steps("g"))] }));
      await store.commit(turn({ history: [historyRow(8, 1, ...steps("hi"))] }));
    }

    test("gives back every field of a transition", async () => {
      const { store, queries } = subject;
      const full = transition("charge", "in_progress", "completed", {
        attempt: 3,
        leaseId: "b1.7",
        workerId: "worker-1",
        actor: "worker",
        reason: "late_result",
        detail: '{"output": 9007199254740993}',
      });
      const reasoned = transition(null, "in_progress", "cancelled", { actor: "client", reason: 'said "stop"\n\u0000' });
      const detailed = transition("charge", "failed", "failed", { detail: "null" });
      await store.commit(turn({ history: [historyRow(5, 1, full, reasoned, detailed)] }));
      expect(await queries.events(uuidOf(1), 0, 10)).toEqual([
        {
          seq: 5,
          at: 5_005,
          task_id: uuidOf(1),
          step: "charge",
          from: "in_progress",
          to: "completed",
          attempt: 3,
          lease_id: "b1.7",
          worker_id: "worker-1",
          actor: "worker",
          reason: "late_result",
          detail: '{"output": 9007199254740993}',
        },
        expect.objectContaining({ seq: 6, step: null, actor: "client", reason: 'said "stop"\n\u0000', detail: null }),
        expect.objectContaining({ seq: 7, reason: null, detail: "null", attempt: null, lease_id: null }),
      ]);
    });

    test("numbers the transitions of a turn one by one", async () => {
      await writeTwoHistories();
      const events = await subject.queries.events(uuidOf(1), 0, 100);
      expect(events.map(({ seq, step }) => `${seq}${step}`)).toEqual(["1a", "2b", "3c", "6f", "8h", "9i"]);
      expect(new Set(events.map((event) => event.task_id))).toEqual(new Set([uuidOf(1)]));
    });

    test("goes on after any event, and stops at the limit, of one task", async () => {
      await writeTwoHistories();
      const numbers = [1, 2, 3, 6, 8, 9];
      for (let after = 0; after <= 10; after++) {
        for (const limit of [1, 2, 4, 100]) {
          const events = await subject.queries.events(uuidOf(1), after, limit);
          expect(events.map((event) => event.seq)).toEqual(numbers.filter((seq) => seq > after).slice(0, limit));
        }
      }
    });

    test("goes on after any event, and stops at the limit, over all tasks", async () => {
      await writeTwoHistories();
      const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9];
      for (let after = 0; after <= 10; after++) {
        for (const limit of [1, 3, 100]) {
          const events = await subject.queries.eventsAfter(after, limit);
          expect(events.map((event) => event.seq)).toEqual(numbers.filter((seq) => seq > after).slice(0, limit));
        }
      }
      const owners = (await subject.queries.eventsAfter(0, 5)).map((event) => event.task_id);
      expect(owners).toEqual([uuidOf(1), uuidOf(1), uuidOf(1), uuidOf(2), uuidOf(2)]);
    });

    test("of an unknown task is empty", async () => {
      expect(await subject.queries.events(uuidOf(99), 0, 10)).toEqual([]);
    });
  });
}
