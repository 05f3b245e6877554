/** Keeps new tasks with their contexts and tags. */
import type { DatabaseSync } from "node:sqlite";
import type { TaskRow } from "@tasker/engine";
import { guarded } from "../guarded.ts";
import { fromList, taskColumns } from "../row-mapping.ts";

const insertTaskSql = `insert into tasks (${taskColumns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const insertContextSql = "insert into task_contexts (task_id, context) values (?, ?)";
const insertTagSql = "insert or ignore into task_tags (tag, task_id) values (?, ?)";

/** @throws StoreError `conflict` when its number, UUID or idempotency key exists */
export function prepareInsertTasks(database: DatabaseSync): (tasks: readonly TaskRow[]) => void {
  const insertTask = database.prepare(insertTaskSql);
  const insertContext = database.prepare(insertContextSql);
  const insertTag = database.prepare(insertTagSql);
  const insert = (task: TaskRow): void => {
    insertTask.run(
      task.taskId,
      task.id,
      task.templateId,
      task.status,
      task.reason,
      task.priority,
      fromList(task.tags),
      task.idempotencyKey,
      task.fingerprint,
      task.correlationId,
      task.initiator,
      task.createdAt,
      task.startedAt,
      task.finishedAt,
    );
    insertContext.run(task.taskId, task.context);
    for (const tag of task.tags) insertTag.run(tag, task.taskId);
  };
  return (tasks) => {
    for (const task of tasks) {
      guarded(
        () => insert(task),
        () => `task ${task.id} (number ${task.taskId}) or its idempotency key exists`,
      );
    }
  };
}
