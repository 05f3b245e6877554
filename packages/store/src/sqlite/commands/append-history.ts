/** Appends to the history: one row for what happened to a task in a turn. */
import type { DatabaseSync } from "node:sqlite";
import type { HistoryRow } from "@tasker/engine";
import { packTransitions } from "../../packed-history.ts";
import { guarded } from "../guarded.ts";

const sql = "insert into history (seq, task_id, at, transitions) values (?, ?, ?, ?)";

/** @throws StoreError `conflict` when the sequence number is taken */
export function prepareAppendHistory(database: DatabaseSync): (rows: readonly HistoryRow[]) => void {
  const insert = database.prepare(sql);
  return (rows) => {
    for (const { seq, taskId, at, transitions } of rows) {
      guarded(
        () => insert.run(seq, taskId, at, packTransitions(transitions)),
        () => `history entry ${seq} of task ${taskId} exists`,
      );
    }
  };
}
