/** Tasks that are not final with their steps, for recovery: without contexts and outputs, a page at a time. */
import type { DatabaseSync } from "node:sqlite";
import type { StoredStep, StoredTask, TaskStatus } from "@tasker/engine";
import {
  type CheckpointRecord,
  type StepRecord,
  stepColumns,
  type TaskRecord,
  taskColumns,
  toCheckpoint,
  toStep,
  toTask,
} from "../row-mapping.ts";
import { hasStatus } from "../status-condition.ts";

/** Each status is a range of the index `active_tasks`, in the order of `task_id`. */
const pageOf = (status: TaskStatus) => `
  select task_id from (
    select task_id from tasks where ${hasStatus(status)} and task_id > :after order by task_id limit :limit
  )`;

const pageSql = `${pageOf("in_progress")} union all ${pageOf("blocked")} order by task_id limit :limit`;

const tasksSql = `select ${taskColumns} from (${pageSql}) join tasks using (task_id) order by task_id`;

const stepsSql = `
  select ${stepColumns}, checkpoint_lease, checkpoint_seq
  from (${pageSql}) cross join steps using (task_id) left join checkpoints using (step_id)
  order by task_id, step_index`;

export function prepareFindActiveTasks(database: DatabaseSync): (after: number, limit: number) => StoredTask[] {
  const findTasks = database.prepare(tasksSql);
  const findSteps = database.prepare(stepsSql);
  return (after, limit) => {
    const tasks = (findTasks.all({ after, limit }) as unknown as TaskRecord[]).map(toTask);
    const stepsOf = new Map<number, StoredStep[]>(tasks.map(({ taskId }) => [taskId, []]));
    const steps = findSteps.all({ after, limit }) as unknown as (StepRecord & CheckpointRecord)[];
    for (const record of steps) {
      stepsOf.get(record.task_id)!.push({ ...toStep(record), checkpoint: toCheckpoint(record) });
    }
    return tasks.map((task) => ({ task, steps: stepsOf.get(task.taskId)! }));
  };
}
