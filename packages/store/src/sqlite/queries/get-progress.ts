/** How far tasks are, and where a task stands. Only tasks that are not completed cost a look at their steps. */
import type { DatabaseSync } from "node:sqlite";
import type { TaskStatus } from "@tasker/engine";
import type { TaskProgress } from "../../queries.ts";

const progressSql = `
  select t.task_id, json_array_length(m.document, '$.steps') as total,
    case t.status when 'completed' then json_array_length(m.document, '$.steps') else c.completed end as completed,
    case t.status when 'completed' then 0 else c.failed end as failed,
    case t.status when 'completed' then 0 else c.in_progress end as in_progress
  from json_each(?) asked join tasks t on t.task_id = asked.value join templates m on m.template_id = t.template_id
    left join (
      select s.task_id, sum(s.state = 'completed') as completed, sum(s.state = 'failed') as failed,
        sum(s.state = 'in_progress') as in_progress
      from json_each(?) open join tasks t on t.task_id = open.value and t.status <> 'completed'
        join steps s on s.task_id = t.task_id
      group by s.task_id
    ) c on c.task_id = t.task_id`;

interface ProgressRecord {
  readonly task_id: number;
  readonly total: number;
  readonly completed: number | null;
  readonly failed: number | null;
  readonly in_progress: number | null;
}

export function prepareGetProgress(database: DatabaseSync): (taskIds: readonly number[]) => Map<number, TaskProgress> {
  const get = database.prepare(progressSql);
  return (taskIds) => {
    const asked = JSON.stringify(taskIds);
    const records = get.all(asked, asked) as unknown as ProgressRecord[];
    return new Map(records.map((record) => [record.task_id, toProgress(record)]));
  };
}

export function prepareGetStatus(database: DatabaseSync): (id: string) => TaskStatus | null {
  const get = database.prepare("select status from tasks where id = ?");
  return (id) => (get.get(id) as { status: TaskStatus } | undefined)?.status ?? null;
}

function toProgress({ total, completed, failed, in_progress }: ProgressRecord): TaskProgress {
  return { total, completed: completed ?? 0, failed: failed ?? 0, inProgress: in_progress ?? 0 };
}
