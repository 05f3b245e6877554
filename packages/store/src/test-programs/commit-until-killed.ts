/**
 * Commits turns until it is killed, and says the number of each task once it is committed. A turn makes one task with
 * one step and two events; a reader can tell whether it is there as a whole.
 */
import { historyRow, stepRow, taskRow, templateRow, transition, turn } from "../conformance/rows.ts";
import { openStore } from "../open-store.ts";

const store = await openStore({ database: process.argv[2]! });
if ((await store.templates()).length === 0) await store.commit(turn({ newTemplates: [templateRow(1)] }));
for (;;) {
  const { taskId, stepId, seq } = await store.sequences();
  const events = [transition(null, null, "in_progress"), transition("s0", "pending", "ready")];
  await store.commit(
    turn({
      newTasks: [taskRow(taskId)],
      stepWrites: [{ guard: null, row: stepRow(stepId, taskId) }],
      history: [historyRow(seq, taskId, ...events)],
    }),
  );
  process.stdout.write(`${taskId}\n`);
}
