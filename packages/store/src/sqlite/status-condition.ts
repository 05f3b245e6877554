/**
 * Conditions on a task's status that find the partial indexes `active_tasks` and `unsuccessful_tasks`: SQLite uses one
 * only where the query repeats its condition word for word (sqlite.org/partialindex.html), so a parameter would not do.
 */
import type { TaskStatus } from "@tasker/engine";

const indexConditions: Partial<Record<TaskStatus, string>> = {
  in_progress: "status in ('in_progress', 'blocked')",
  blocked: "status in ('in_progress', 'blocked')",
  failed: "status in ('failed', 'cancelled')",
  cancelled: "status in ('failed', 'cancelled')",
};

/** SQL that holds for tasks with this status. */
export function hasStatus(status: TaskStatus): string {
  const indexed = indexConditions[status];
  return indexed === undefined ? `status = '${status}'` : `${indexed} and status = '${status}'`;
}

/** Tasks with this status have an index of their own, in the order of their numbers. */
export function isIndexed(status: TaskStatus): boolean {
  return status in indexConditions;
}
