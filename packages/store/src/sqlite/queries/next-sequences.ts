/** The next free number of each sequence. */
import type { DatabaseSync } from "node:sqlite";
import type { Sequences } from "@tasker/engine";

const nextSql = (table: string, column: string) => `select coalesce(max(${column}), 0) + 1 as next from ${table}`;

export function prepareNextSequences(database: DatabaseSync): () => Sequences {
  const template = database.prepare(nextSql("templates", "template_id"));
  const task = database.prepare(nextSql("tasks", "task_id"));
  const step = database.prepare(nextSql("steps", "step_id"));
  const event = database.prepare("select next_seq as next from published");
  return () => ({
    templateId: (template.get() as unknown as Next).next,
    taskId: (task.get() as unknown as Next).next,
    stepId: (step.get() as unknown as Next).next,
    seq: (event.get() as unknown as Next).next,
  });
}

interface Next {
  readonly next: number;
}
