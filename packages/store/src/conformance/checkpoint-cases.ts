/** Cursors are kept under the live lease of their step, newest first out; and come back byte for byte. */
import type { CheckpointWrite } from "@tasker/engine";
import { beforeEach, describe, expect, test } from "vitest";
import { texts } from "./payload-cases.ts";
import { stepRow, taskRow, templateRow, turn, uuidOf } from "./rows.ts";
import type { Subject } from "./store-conformance.ts";

export function checkpointCases(subject: Subject): void {
  describe("checkpoints", () => {
    const leased = stepRow(1, 1);
    const held = { state: leased.state, leaseId: leased.leaseId };
    const again = stepRow(1, 1, { attempt: 2, leaseId: "lease-1-2" });

    beforeEach(() =>
      subject.store.commit(
        turn({
          newTemplates: [templateRow(1)],
          newTasks: [taskRow(1)],
          stepWrites: [
            { guard: null, row: leased },
            { guard: null, row: stepRow(2, 1, { stepIndex: 1 }) },
          ],
        }),
      ),
    );

    function checkpoint(rest: Partial<CheckpointWrite> = {}): CheckpointWrite {
      return { stepId: 1, leaseId: "lease-1-1", seq: 1, cursor: '{"row":1}', savedAt: 3_000, ...rest };
    }

    async function cursors(): Promise<readonly (readonly [number, string])[]> {
      const { checkpoints } = await subject.store.payloads({ taskIds: [], stepIds: [], checkpointsOf: [1, 2, 3] });
      return [...checkpoints];
    }

    async function restored() {
      const [task] = await subject.store.activeTasks(0, 10);
      return task!.steps.map(({ checkpoint }) => checkpoint);
    }

    async function save(rest: Partial<CheckpointWrite>): Promise<void> {
      await subject.store.commit(turn({ checkpoints: [checkpoint(rest)] }));
    }

    async function expectConflict(rest: Partial<CheckpointWrite>): Promise<void> {
      const before = await cursors();
      await expect(save(rest)).rejects.toMatchObject({
        failure: "conflict",
        message: expect.stringMatching(/step \d/),
      });
      expect(await cursors()).toEqual(before);
    }

    test("are of the step that saved them, also after reopening", async () => {
      await save({});
      expect(await cursors()).toEqual([[1, '{"row":1}']]);
      await subject.reopen();
      expect(await cursors()).toEqual([[1, '{"row":1}']]);
      expect(await restored()).toEqual([{ leaseId: "lease-1-1", seq: 1 }, null]);
      const task = await subject.queries.task(uuidOf(1));
      expect(task?.cursors).toEqual(new Map([[1, '{"row":1}']]));
    });

    test.each(texts)("give back %s unchanged", async (_, cursor) => {
      await save({ cursor });
      expect(await cursors()).toEqual([[1, cursor]]);
    });

    test("replace older ones of their lease, and those of earlier leases", async () => {
      await save({ seq: 7, cursor: "7" });
      await save({ seq: 8, cursor: "8" });
      expect(await cursors()).toEqual([[1, "8"]]);
      await subject.store.commit(turn({ stepWrites: [{ guard: held, row: again }] }));
      expect(await cursors()).toEqual([[1, "8"]]);
      await save({ leaseId: "lease-1-2", seq: 1, cursor: "9" });
      expect(await cursors()).toEqual([[1, "9"]]);
      expect(await restored()).toEqual([{ leaseId: "lease-1-2", seq: 1 }, null]);
    });

    test("may end with their turn: what was saved and the end of its lease are stored together", async () => {
      await subject.store.commit(turn({ checkpoints: [checkpoint()], stepWrites: [{ guard: held, row: again }] }));
      expect(await cursors()).toEqual([[1, '{"row":1}']]);
      expect(await restored()).toEqual([{ leaseId: "lease-1-1", seq: 1 }, null]);
    });

    test("are refused when they are not newer", async () => {
      await save({ seq: 7 });
      await expectConflict({ seq: 7, cursor: "again" });
      await expectConflict({ seq: 6, cursor: "older" });
    });

    test("are refused under a lease that is not the step's last", async () => {
      await expectConflict({ leaseId: "lease-2-1" });
      await subject.store.commit(turn({ stepWrites: [{ guard: held, row: again }] }));
      await expectConflict({ leaseId: "lease-1-1" });
    });

    test("are refused for a step that is not in progress, or not there", async () => {
      const waiting = stepRow(1, 1, { state: "waiting_for_retry" });
      await subject.store.commit(turn({ stepWrites: [{ guard: held, row: waiting }] }));
      await expectConflict({});
      await expectConflict({ stepId: 3 });
    });
  });
}
