/** One task with everything: its context, its template, the rows of its steps. */
import type { DatabaseSync } from "node:sqlite";
import type { Template } from "@tasker/engine";
import type { TaskDetail } from "../../queries.ts";
import {
  type NamedTaskRecord,
  namedTaskColumns,
  type StepRecord,
  stepColumns,
  toStep,
  toTaskSummary,
} from "../row-mapping.ts";

const taskSql = `
  select ${namedTaskColumns}, c.context, m.document
  from tasks t join templates m on m.template_id = t.template_id join task_contexts c on c.task_id = t.task_id
  where t.id = ?`;

const stepsSql = `select ${stepColumns}, output from steps where task_id = ? order by step_id`;

const cursorsSql = `
  select step_id, cursor from steps cross join checkpoints using (step_id) where task_id = ? order by step_id`;

export function prepareGetTask(database: DatabaseSync): (id: string) => TaskDetail | null {
  const getTask = database.prepare(taskSql);
  const getSteps = database.prepare(stepsSql);
  const getCursors = database.prepare(cursorsSql);
  return (id) => {
    const task = getTask.get(id) as unknown as (NamedTaskRecord & { context: string; document: string }) | undefined;
    if (task === undefined) return null;
    const steps = getSteps.all(task.task_id) as unknown as (StepRecord & { output: string | null })[];
    const cursors = getCursors.all(task.task_id) as unknown as { step_id: number; cursor: string }[];
    return {
      ...toTaskSummary(task),
      context: task.context,
      template: JSON.parse(task.document) as Template,
      steps: steps.map((step) => ({ ...toStep(step), output: step.output })),
      cursors: new Map(cursors.map((record) => [record.step_id, record.cursor])),
    };
  };
}
