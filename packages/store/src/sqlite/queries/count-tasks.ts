/** Tasks by status. Only the completed ones, which are most, have no index: they are what is left. */
import type { DatabaseSync } from "node:sqlite";
import type { TaskStatus } from "@tasker/engine";
import { hasStatus } from "../status-condition.ts";

const count = (status: TaskStatus) => `(select count(*) from tasks where ${hasStatus(status)}) as ${status}`;

const sql = `select ${count("in_progress")}, ${count("blocked")}, ${count("failed")}, ${count("cancelled")},
  (select count(*) from tasks) as tasks`;

export function prepareCountTasks(database: DatabaseSync): () => Record<TaskStatus, number> {
  const countTasks = database.prepare(sql);
  return () => {
    const counted = countTasks.get() as unknown as Record<Exclude<TaskStatus, "completed"> | "tasks", number>;
    const { in_progress, blocked, failed, cancelled, tasks } = counted;
    const completed = tasks - in_progress - blocked - failed - cancelled;
    return { in_progress, blocked, completed, failed, cancelled };
  };
}
