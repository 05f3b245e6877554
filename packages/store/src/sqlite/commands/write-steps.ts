/**
 * Writes the rows of steps: inserts at the first lease, guarded updates after it. A lease that is replaced is kept among
 * the earlier ones, so that a result that comes under it is still known.
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { type StepRow, type StepWrite, StoreError } from "@tasker/engine";
import { guarded } from "../guarded.ts";

const insertSql = `insert into steps (step_id, task_id, step_index, state, attempt, lease_id, answered, worker_id,
    lease_ms, ready_at, started_at, finished_at, wake_at, reason, error, output)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const updateSql = (earlierLeases: string) => `update steps
  set ${earlierLeases} state = ?, attempt = ?, lease_id = ?, answered = ?, worker_id = ?, lease_ms = ?, ready_at = ?,
    started_at = ?, finished_at = ?, wake_at = ?, reason = ?, error = ?, output = ?
  where step_id = ? and state = ? and lease_id is ?`;

const keepLease = "earlier_leases = json_insert(coalesce(earlier_leases, '[]'), '$[#]', lease_id),";

/** @throws StoreError `conflict` when a row exists already, or does not hold what its guard says */
export function prepareWriteSteps(database: DatabaseSync): (writes: readonly StepWrite[]) => void {
  const insert = database.prepare(insertSql);
  const update = database.prepare(updateSql(""));
  const replaceLease = database.prepare(updateSql(keepLease));
  return (writes) => {
    for (const { guard, row } of writes) {
      if (guard === null) {
        guarded(
          () => insert.run(row.stepId, row.taskId, row.stepIndex, ...mutableValues(row)),
          () => `step ${row.stepId} (position ${row.stepIndex} of task ${row.taskId}) has a row already`,
        );
        continue;
      }
      const statement = guard.leaseId === null || guard.leaseId === row.leaseId ? update : replaceLease;
      const { changes } = statement.run(...mutableValues(row), row.stepId, guard.state, guard.leaseId);
      if (changes !== 1) throw guardFailed(row, guard);
    }
  };
}

/** In the order of the statements above. */
function mutableValues(row: StepRow): SQLInputValue[] {
  return [
    row.state,
    row.attempt,
    row.leaseId,
    row.answered ? 1 : 0,
    row.workerId,
    row.leaseMs,
    row.readyAt,
    row.startedAt,
    row.finishedAt,
    row.wakeAt,
    row.reason,
    row.error,
    row.output,
  ];
}

function guardFailed(row: StepRow, guard: NonNullable<StepWrite["guard"]>): StoreError {
  const expected = `${guard.state}${guard.leaseId === null ? " without a lease" : ` under lease ${guard.leaseId}`}`;
  return new StoreError("conflict", `step ${row.stepId} of task ${row.taskId} is not ${expected}`);
}
