/** Tasks under idempotency keys. */
import type { DatabaseSync } from "node:sqlite";
import type { TaskRow } from "@tasker/engine";
import { type TaskRecord, taskColumns, toTask } from "../row-mapping.ts";

const sql = `select ${taskColumns}, context from tasks join task_contexts using (task_id) where idempotency_key = ?`;

export function prepareFindTasksByKey(database: DatabaseSync): (keys: readonly string[]) => TaskRow[] {
  const find = database.prepare(sql);
  return (keys) => {
    const found: TaskRow[] = [];
    for (const key of new Set(keys)) {
      const record = find.get(key) as unknown as (TaskRecord & { context: string }) | undefined;
      if (record !== undefined) found.push({ ...toTask(record), context: record.context });
    }
    return found;
  };
}
