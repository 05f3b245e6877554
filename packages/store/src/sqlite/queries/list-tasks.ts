/**
 * Pages of tasks, newest first. Each filter has a way in that costs by the page, not by the table: tags and templates
 * have an index, as have the statuses that few tasks are in; all others walk back from the newest task.
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { TaskerError, type TaskStatus, taskStatuses } from "@tasker/engine";
import type { Page, TaskFilter, TaskSummary } from "../../queries.ts";
import { type NamedTaskRecord, namedTaskColumns, toTaskSummary } from "../row-mapping.ts";
import { hasStatus, isIndexed } from "../status-condition.ts";

/** More templates than this are not looked up one by one: a walk from the newest task soon fills the page. */
const maxTemplateLookups = 50;

export function listTasks(database: DatabaseSync, filter: TaskFilter): Page<TaskSummary> {
  const templateIds = matchingTemplates(database, filter);
  if (templateIds?.length === 0) return { items: [], nextCursor: null };
  const parameters: Record<string, SQLInputValue> = { limit: filter.limit + 1 };
  const sql = `
    select ${namedTaskColumns}
    from (${pageSql(filter, templateIds, parameters)}) page
      join tasks t on t.task_id = page.task_id join templates m on m.template_id = t.template_id
    order by t.task_id desc limit :limit`;
  const records = database.prepare(sql).all(parameters) as unknown as NamedTaskRecord[];
  const items = records.slice(0, filter.limit).map(toTaskSummary);
  const last = items[items.length - 1];
  return { items, nextCursor: records.length > filter.limit ? toCursor(last!.taskId) : null };
}

/** The numbers of the tasks on the page: at least as many as fit, the newest of all that match. */
function pageSql(
  filter: TaskFilter,
  templateIds: readonly number[] | null,
  parameters: Record<string, SQLInputValue>,
): string {
  const conditions = conditionsOf(filter, parameters);
  if (templateIds === null) return newestSql(filter, conditions);
  if (
    filter.tag != null ||
    (filter.status != null && isIndexed(filter.status)) ||
    templateIds.length > maxTemplateLookups
  ) {
    // The + keeps SQLite from the index on template_id, which is not in the order of the page over several templates.
    return newestSql(filter, [...conditions, `+t.template_id in (${templateIds.join(", ")})`]);
  }
  return templateIds
    .map((templateId) => `select * from (${newestSql(filter, [...conditions, `t.template_id = ${templateId}`])})`)
    .join(" union all ");
}

function newestSql(filter: TaskFilter, conditions: readonly string[]): string {
  const where = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  return filter.tag == null
    ? `select t.task_id from tasks t ${where} order by t.task_id desc limit :limit`
    : `select t.task_id from task_tags g cross join tasks t on t.task_id = g.task_id ${where}
       order by g.task_id desc limit :limit`;
}

function conditionsOf(filter: TaskFilter, parameters: Record<string, SQLInputValue>): string[] {
  const conditions: string[] = [];
  if (filter.cursor != null) {
    parameters.before = fromCursor(filter.cursor);
    conditions.push(filter.tag == null ? "t.task_id < :before" : "g.task_id < :before");
  }
  if (filter.status != null) conditions.push(hasStatus(knownStatus(filter.status)));
  if (filter.tag != null) {
    parameters.tag = filter.tag;
    conditions.push("g.tag = :tag");
  }
  if (filter.q != null && filter.q !== "") {
    parameters.q = `%${filter.q.replace(/[%_\\]/g, "\\$&")}%`;
    conditions.push(searchSql);
  }
  return conditions;
}

const searchSql = `(t.id like :q escape '\\' or t.idempotency_key like :q escape '\\'
  or t.correlation_id like :q escape '\\' or t.initiator like :q escape '\\' or t.tags like :q escape '\\'
  or t.template_id in (select template_id from templates where namespace || '/' || name like :q escape '\\'))`;

function knownStatus(status: TaskStatus): TaskStatus {
  if (taskStatuses.includes(status)) return status;
  throw new TaskerError("request_invalid", `no task has the status ${JSON.stringify(status)}`, {
    hint: `Use one of ${taskStatuses.join(", ")}.`,
  });
}

/** Null: every template matches. */
function matchingTemplates(database: DatabaseSync, { namespace, name }: TaskFilter): number[] | null {
  if (namespace == null && name == null) return null;
  const find = database.prepare(`select template_id from templates
    where (:namespace is null or namespace = :namespace) and (:name is null or name = :name)`);
  const records = find.all({ namespace: namespace ?? null, name: name ?? null });
  return (records as unknown as { template_id: number }[]).map((record) => record.template_id);
}

function toCursor(taskId: number): string {
  return Buffer.from(`before:${taskId}`).toString("base64url");
}

function fromCursor(cursor: string): number {
  const [, taskId] = /^before:(\d{1,15})$/.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  if (taskId !== undefined) return Number(taskId);
  throw new TaskerError("request_invalid", "the cursor is not one that a page gave out", {
    hint: "Pass the next_cursor of the page before, unchanged, or none for the first page.",
  });
}
