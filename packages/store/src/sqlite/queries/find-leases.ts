/** What the rows of steps say about their leases, earlier ones included. */
import type { DatabaseSync } from "node:sqlite";
import type { StoredLease } from "@tasker/engine";
import { type LeaseRecord, toLease } from "../row-mapping.ts";

const sql = `
  select step_id, task_id, template_id, step_index, state, attempt, lease_id, answered, earlier_leases
  from steps join tasks using (task_id)
  where step_id = ?`;

export function prepareFindLeases(database: DatabaseSync): (stepIds: readonly number[]) => StoredLease[] {
  const find = database.prepare(sql);
  return (stepIds) => {
    const found: StoredLease[] = [];
    for (const stepId of stepIds) {
      const record = find.get(stepId) as unknown as LeaseRecord | undefined;
      if (record !== undefined) found.push(toLease(record));
    }
    return found;
  };
}
