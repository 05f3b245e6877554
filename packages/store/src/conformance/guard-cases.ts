/** A write that no longer fits what is stored is refused, and the whole turn with it. */
import { StoreError, type TurnRecord } from "@tasker/engine";
import { beforeEach, describe, expect, test } from "vitest";
import { historyRow, stepRow, taskRow, templateRow, transition, turn, uuidOf } from "./rows.ts";
import type { Subject } from "./store-conformance.ts";

export function guardCases(subject: Subject): void {
  describe("guards", () => {
    const leased = stepRow(1, 1);
    const held = { state: leased.state, leaseId: leased.leaseId };

    beforeEach(() =>
      subject.store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [taskRow(1, { idempotencyKey: "key-1" })],
          stepWrites: [{ guard: null, row: leased }],
          history: [historyRow(1, 1, transition(null, null, "in_progress"))],
        }),
      ),
    );

    /** Refused, with a message that names what it was; and nothing of the turn is stored. */
    async function expectConflict(record: TurnRecord, named: RegExp): Promise<void> {
      const before = await everything(subject);
      const failure = await refusalOf(subject, { ...record, newTasks: [taskRow(2), ...record.newTasks] });
      expect(failure).toBeInstanceOf(StoreError);
      expect(failure).toMatchObject({ failure: "conflict", message: expect.stringMatching(named) });
      expect(await everything(subject)).toEqual(before);
      await subject.store.commit(turn({ newTasks: [taskRow(3)] }));
      expect(await subject.queries.task(uuidOf(3))).not.toBeNull();
    }

    const answered = stepRow(1, 1, { state: "completed", answered: true, output: "1" });

    test.each<[string, Partial<TurnRecord>, RegExp]>([
      [
        "refuses a step that is in another state",
        { stepWrites: [{ guard: { state: "ready", leaseId: held.leaseId }, row: answered }] },
        /step 1\b.*ready/,
      ],
      [
        "refuses a step that has another lease",
        { stepWrites: [{ guard: { state: "in_progress", leaseId: "lease-0-1" }, row: answered }] },
        /step 1\b.*lease-0-1/,
      ],
      [
        "refuses a step that should have no lease and has one",
        { stepWrites: [{ guard: { state: "in_progress", leaseId: null }, row: answered }] },
        /step 1\b.*without a lease/,
      ],
      [
        "refuses a step that should have a row and has none",
        { stepWrites: [{ guard: held, row: stepRow(9, 1, { leaseId: held.leaseId }) }] },
        /step 9\b/,
      ],
      [
        "refuses a step that should have no row and has one",
        { stepWrites: [{ guard: null, row: stepRow(1, 1, { stepIndex: 1 }) }] },
        /step 1\b/,
      ],
      [
        "refuses a task that has another status",
        { taskUpdates: [{ taskId: 1, from: "blocked", to: "failed", reason: null, finishedAt: 1 }] },
        /task 1 is not blocked/,
      ],
      [
        "refuses a task that does not exist",
        { taskUpdates: [{ taskId: 8, from: "in_progress", to: "failed", reason: null, finishedAt: 1 }] },
        /task 8 is not in_progress/,
      ],
      ["refuses the number of a task that exists", { newTasks: [taskRow(1, { id: uuidOf(8) })] }, /number 1\b/],
      [
        "refuses an idempotency key that a task has",
        { newTasks: [taskRow(8, { idempotencyKey: "key-1" })] },
        /idempotency key/,
      ],
      [
        "refuses a template version that exists",
        { newTemplates: [{ ...templateRow(1), templateId: 8 }] },
        /test\/chain@1\.0\.1/,
      ],
      ["refuses a sequence number that is taken", { history: [historyRow(1, 1)] }, /entry 1\b/],
    ])("%s", async (_, changes, named) => expectConflict(turn(changes), named));

    // A store may find out late what only a bug of the engine can ask for: then it stops, and nobody ever sees it.
    test.each<[string, Partial<TurnRecord>]>([
      ["a second row for the same position of a task", { stepWrites: [{ guard: null, row: stepRow(2, 1) }] }],
      ["the UUID of a task that exists", { newTasks: [taskRow(8, { id: uuidOf(1) })] }],
    ])("refuses %s, at the latest when it is published", async (_, changes) => {
      const { store, queries } = subject;
      await store.publish();
      const before = await queries.eventsAfter(0, 100);
      const history = [historyRow(2, 1, transition(null, "in_progress", "blocked"))];
      await expect(async () => {
        await store.commit(turn({ ...changes, history }));
        await store.publish();
      }).rejects.toMatchObject({ failure: "conflict" });
      expect(await subject.published.eventsAfter(0, 100)).toEqual(before);
    });

    test("lets exactly one of two answers to the same lease through", async () => {
      const write = { guard: held, row: answered };
      await subject.store.commit(turn({ stepWrites: [write] }));
      await expectConflict(turn({ stepWrites: [write] }), /step 1\b/);
    });

    test("accepts a step without a lease where none is expected", async () => {
      const ready = stepRow(2, 1, { stepIndex: 1, state: "cancelled", leaseId: null, attempt: 0 });
      await subject.store.commit(turn({ stepWrites: [{ guard: null, row: ready }] }));
      const guard = { state: ready.state, leaseId: null };
      await subject.store.commit(turn({ stepWrites: [{ guard, row: { ...ready, reason: "again" } }] }));
      expect((await subject.queries.task(uuidOf(1)))?.steps[1]?.reason).toBe("again");
    });
  });

  describe("leases", () => {
    test("remembers the leases of earlier attempts", async () => {
      const { store } = subject;
      await store.commit(turn({ newTemplates: [templateRow(1)], newTasks: [taskRow(1)] }));
      const rows = [1, 2, 3].map((attempt) => stepRow(1, 1, { attempt, leaseId: `lease-${attempt}` }));
      await store.commit(turn({ stepWrites: [{ guard: null, row: rows[0]! }] }));
      expect((await store.leases([1]))[0]).toMatchObject({ leaseId: "lease-1", earlierLeases: [] });
      await store.commit(turn({ stepWrites: [{ guard: guardOf("lease-1"), row: rows[1]! }] }));
      await store.commit(turn({ stepWrites: [{ guard: guardOf("lease-2"), row: rows[2]! }] }));
      await store.commit(turn({ stepWrites: [{ guard: guardOf("lease-3"), row: { ...rows[2]!, answered: true } }] }));
      expect(await store.leases([1, 99])).toEqual([
        {
          stepId: 1,
          taskId: 1,
          templateId: 1,
          stepIndex: 0,
          state: "in_progress",
          attempt: 3,
          leaseId: "lease-3",
          answered: true,
          earlierLeases: ["lease-1", "lease-2"],
        },
      ]);
    });

    test("are found after their task has ended", async () => {
      const { store } = subject;
      await store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [taskRow(1)],
          stepWrites: [{ guard: null, row: stepRow(1, 1) }],
        }),
      );
      await store.commit(
        turn({ taskUpdates: [{ taskId: 1, from: "in_progress", to: "cancelled", reason: null, finishedAt: 9 }] }),
      );
      expect((await store.leases([1]))[0]?.leaseId).toBe("lease-1-1");
    });
  });
}

function guardOf(leaseId: string) {
  return { state: "in_progress" as const, leaseId };
}

async function refusalOf(subject: Subject, record: TurnRecord): Promise<unknown> {
  try {
    await subject.store.commit(record);
  } catch (error) {
    return error;
  }
  return null;
}

async function everything({ store, queries }: Subject) {
  return {
    sequences: await store.sequences(),
    templates: await store.templates(),
    tasks: await queries.tasks({ limit: 100 }),
    steps: (await queries.task(uuidOf(1)))?.steps,
    events: await queries.eventsAfter(0, 100),
  };
}
