/** Moves tasks to another status, if they still have the one that was expected. */
import type { DatabaseSync } from "node:sqlite";
import { StoreError, type TaskUpdate } from "@tasker/engine";

const sql = "update tasks set status = ?, reason = ?, finished_at = ? where task_id = ? and status = ?";

/** @throws StoreError `conflict` when a task has another status */
export function prepareUpdateTasks(database: DatabaseSync): (updates: readonly TaskUpdate[]) => void {
  const update = database.prepare(sql);
  return (updates) => {
    for (const { taskId, from, to, reason, finishedAt } of updates) {
      const { changes } = update.run(to, reason, finishedAt, taskId, from);
      if (changes !== 1) throw new StoreError("conflict", `task ${taskId} is not ${from}`);
    }
  };
}
