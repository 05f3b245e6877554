/**
 * Writes the rows of steps: inserts at the first lease, guarded updates after it. A lease that is replaced is kept among
 * the earlier ones, so that a result that comes under it is still known.
 *
 * Binding is a large part of what a step costs (0.15 us a number, 0.25 us a text), so the two writes that nearly every
 * step has, its first lease and its completion, have statements of their own with everything ordinary in their text.
 */
import type { DatabaseSync } from "node:sqlite";
import { type StepRow, type StepWrite, StoreError } from "@tasker/engine";
import { failureOf } from "../sqlite-errors.ts";

const leaseFirstSql = `
  insert into steps (step_id, task_id, step_index, lease_id, worker_id, lease_ms, ready_at, started_at,
    state, attempt, answered)
  values (?, ?, ?, ?, ?, ?, ?, ?, 'in_progress', 1, 0)`;

const insertSql = `
  insert into steps (step_id, task_id, step_index, state, attempt, lease_id, answered, worker_id, lease_ms, ready_at,
    started_at, finished_at, wake_at, reason, error, output)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const completeSql = `
  update steps
  set attempt = ?, worker_id = ?, ready_at = ?, started_at = ?, finished_at = ?, output = ?,
    state = 'completed', answered = 1, lease_ms = null, wake_at = null, reason = null, error = null
  where step_id = ? and state = 'in_progress' and lease_id = ?`;

const updateSql = (earlierLeases: string) => `
  update steps
  set ${earlierLeases} state = ?, attempt = ?, lease_id = ?, answered = ?, worker_id = ?, lease_ms = ?, ready_at = ?,
    started_at = ?, finished_at = ?, wake_at = ?, reason = ?, error = ?, output = ?
  where step_id = ? and state = ? and lease_id is ?`;

const keepLease = "earlier_leases = json_insert(coalesce(earlier_leases, '[]'), '$[#]', lease_id),";

/** What a row must still hold. */
type Guard = NonNullable<StepWrite["guard"]>;

/** @throws StoreError `conflict` when a row exists already, or does not hold what its guard says */
export function prepareWriteSteps(database: DatabaseSync): (writes: readonly StepWrite[]) => void {
  const insertRow = prepareInserts(database);
  const updateRow = prepareUpdates(database);
  return (writes) => {
    for (const { guard, row } of writes) {
      if (guard === null) insertRow(row);
      else if (!updateRow(row, guard)) throw guardFailed(row, guard);
    }
  };
}

function prepareInserts(database: DatabaseSync): (row: StepRow) => void {
  const leaseFirst = database.prepare(leaseFirstSql);
  const insert = database.prepare(insertSql);
  return (row) => {
    const { stepId, taskId, stepIndex, leaseId, workerId, leaseMs, readyAt, startedAt } = row;
    try {
      if (isFirstLease(row)) {
        leaseFirst.run(stepId, taskId, stepIndex, leaseId, workerId, leaseMs, readyAt, startedAt);
      } else {
        const { state, attempt, answered, finishedAt, wakeAt, reason, error, output } = row;
        const rest = [leaseMs, readyAt, startedAt, finishedAt, wakeAt, reason, error, output];
        insert.run(stepId, taskId, stepIndex, state, attempt, leaseId, Number(answered), workerId, ...rest);
      }
    } catch (error) {
      if (failureOf(error) !== "conflict") throw error;
      const message = `step ${stepId} (position ${stepIndex} of task ${taskId}) has a row already`;
      throw new StoreError("conflict", message, { cause: error });
    }
  };
}

/** The prepared function answers whether the guard held. */
function prepareUpdates(database: DatabaseSync): (row: StepRow, guard: Guard) => boolean {
  const complete = database.prepare(completeSql);
  const update = database.prepare(updateSql(""));
  const replaceLease = database.prepare(updateSql(keepLease));
  return (row, guard) => {
    const { stepId, attempt, leaseId, workerId, leaseMs, readyAt, startedAt, finishedAt, output } = row;
    if (isCompletion(row, guard)) {
      return complete.run(attempt, workerId, readyAt, startedAt, finishedAt, output, stepId, leaseId).changes === 1;
    }
    const { state, answered, wakeAt, reason, error } = row;
    const times = [leaseMs, readyAt, startedAt, finishedAt, wakeAt];
    const where = [stepId, guard.state, guard.leaseId];
    const statement = guard.leaseId === null || guard.leaseId === leaseId ? update : replaceLease;
    const values = [state, attempt, leaseId, Number(answered), workerId, ...times, reason, error, output];
    return statement.run(...values, ...where).changes === 1;
  };
}

/** All that the statement for it has in its text holds for this row. */
function isFirstLease(row: StepRow): boolean {
  return (
    row.state === "in_progress" &&
    row.attempt === 1 &&
    !row.answered &&
    row.finishedAt === null &&
    row.wakeAt === null &&
    row.reason === null &&
    row.error === null &&
    row.output === null
  );
}

/** All that the statement for it has in its text holds for this row. */
function isCompletion(row: StepRow, guard: Guard): boolean {
  return (
    row.state === "completed" &&
    guard.state === "in_progress" &&
    row.leaseId === guard.leaseId &&
    row.leaseId !== null &&
    row.answered &&
    row.leaseMs === null &&
    row.wakeAt === null &&
    row.reason === null &&
    row.error === null
  );
}

function guardFailed(row: StepRow, guard: Guard): StoreError {
  const expected = `${guard.state}${guard.leaseId === null ? " without a lease" : ` under lease ${guard.leaseId}`}`;
  return new StoreError("conflict", `step ${row.stepId} of task ${row.taskId} is not ${expected}`);
}
