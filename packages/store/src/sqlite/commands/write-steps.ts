/**
 * Writes the rows of steps: inserts where there is none yet, guarded updates where there is one. Leases that were replaced
 * are kept among the earlier ones, so that a result that comes under one is still known.
 *
 * Binding is a large part of what a step costs (0.15 us a number, 0.25 us a text), so the writes that nearly every step
 * has, its first lease and its completion, have statements of their own with everything ordinary in their text.
 */
import type { DatabaseSync } from "node:sqlite";
import { type StepRow, type StepWrite, StoreError } from "@tasker/engine";
import { failureOf } from "../sqlite-errors.ts";

/** All that some turns changed in a step's row: the first one's guard, the last one's row. */
export interface MergedStepWrite {
  readonly guard: StepWrite["guard"];
  row: StepRow;
  /** Leases that were the step's last one before or during these turns and are not any more, the oldest first. */
  replacedLeases: readonly string[];
}

const leaseFirstSql = `
  insert into steps (step_id, task_id, step_index, lease_id, worker_id, lease_ms, ready_at, started_at,
    state, attempt, answered)
  values (?, ?, ?, ?, ?, ?, ?, ?, 'in_progress', 1, 0)`;

const completedFirstSql = `
  insert into steps (step_id, task_id, step_index, lease_id, worker_id, ready_at, started_at, finished_at, output,
    state, attempt, answered)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'completed', 1, 1)`;

const insertSql = `
  insert into steps (step_id, task_id, step_index, state, attempt, lease_id, answered, worker_id, lease_ms, ready_at,
    started_at, finished_at, wake_at, reason, error, output, earlier_leases)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const completeSql = `
  update steps
  set attempt = ?, worker_id = ?, ready_at = ?, started_at = ?, finished_at = ?, output = ?,
    state = 'completed', answered = 1, lease_ms = null, wake_at = null, reason = null, error = null
  where step_id = ? and state = 'in_progress' and lease_id = ?`;

const updateSql = `
  update steps
  set state = ?, attempt = ?, lease_id = ?, answered = ?, worker_id = ?, lease_ms = ?, ready_at = ?, started_at = ?,
    finished_at = ?, wake_at = ?, reason = ?, error = ?, output = ?
  where step_id = ? and state = ? and lease_id is ?`;

const keepLeasesSql = `
  update steps
  set earlier_leases = (
    select json_group_array(value) from (
      select value from json_each(coalesce(earlier_leases, '[]')) union all select value from json_each(?)
    )
  )
  where step_id = ?`;

/** What a row must still hold. */
type Guard = NonNullable<StepWrite["guard"]>;

/** @throws StoreError `conflict` when a row exists already, or does not hold what its guard says */
export function prepareWriteSteps(database: DatabaseSync): (writes: Iterable<MergedStepWrite>) => void {
  const insertRow = prepareInserts(database);
  const updateRow = prepareUpdates(database);
  return (writes) => {
    for (const write of writes) {
      if (write.guard === null) insertRow(write);
      else if (!updateRow(write, write.guard)) throw guardFailed(write.row, write.guard);
    }
  };
}

function prepareInserts(database: DatabaseSync): (write: MergedStepWrite) => void {
  const leaseFirst = database.prepare(leaseFirstSql);
  const completedFirst = database.prepare(completedFirstSql);
  const insert = database.prepare(insertSql);
  const run = ({ row, replacedLeases }: MergedStepWrite) => {
    const { stepId, taskId, stepIndex, leaseId, workerId, leaseMs, readyAt, startedAt, finishedAt, output } = row;
    if (!isFirstAttempt(row)) {
      const { state, attempt, answered, wakeAt, reason, error } = row;
      const rest = [leaseMs, readyAt, startedAt, finishedAt, wakeAt, reason, error, output, listOrNull(replacedLeases)];
      insert.run(stepId, taskId, stepIndex, state, attempt, leaseId, Number(answered), workerId, ...rest);
    } else if (row.state === "completed") {
      completedFirst.run(stepId, taskId, stepIndex, leaseId, workerId, readyAt, startedAt, finishedAt, output);
    } else leaseFirst.run(stepId, taskId, stepIndex, leaseId, workerId, leaseMs, readyAt, startedAt);
  };
  return (write) => {
    try {
      run(write);
    } catch (error) {
      if (failureOf(error) !== "conflict") throw error;
      const { stepId, stepIndex, taskId } = write.row;
      const message = `step ${stepId} (position ${stepIndex} of task ${taskId}) has a row already`;
      throw new StoreError("conflict", message, { cause: error });
    }
  };
}

/** The prepared function answers whether the guard held. */
function prepareUpdates(database: DatabaseSync): (write: MergedStepWrite, guard: Guard) => boolean {
  const complete = database.prepare(completeSql);
  const update = database.prepare(updateSql);
  const keepLeases = database.prepare(keepLeasesSql);
  return ({ row, replacedLeases }, guard) => {
    const { stepId, attempt, leaseId, workerId, leaseMs, readyAt, startedAt, finishedAt, output } = row;
    if (isCompletion(row, guard)) {
      return complete.run(attempt, workerId, readyAt, startedAt, finishedAt, output, stepId, leaseId).changes === 1;
    }
    const { state, answered, wakeAt, reason, error } = row;
    const times = [leaseMs, readyAt, startedAt, finishedAt, wakeAt];
    const values = [state, attempt, leaseId, Number(answered), workerId, ...times, reason, error, output];
    if (update.run(...values, stepId, guard.state, guard.leaseId).changes !== 1) return false;
    if (replacedLeases.length > 0) keepLeases.run(JSON.stringify(replacedLeases), stepId);
    return true;
  };
}

function listOrNull(leases: readonly string[]): string | null {
  return leases.length === 0 ? null : JSON.stringify(leases);
}

/** All that the statements for its lease and its completion have in their text holds for this row. */
function isFirstAttempt(row: StepRow): boolean {
  if (row.attempt !== 1 || row.wakeAt !== null || row.reason !== null || row.error !== null) return false;
  if (row.state === "completed") return row.answered && row.leaseMs === null;
  return row.state === "in_progress" && !row.answered && row.finishedAt === null && row.output === null;
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
