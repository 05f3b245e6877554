/** Appends to the history: one row for what happened to a task in a turn. */
import type { DatabaseSync } from "node:sqlite";
import { guarded } from "../guarded.ts";
import type { PackedHistoryRow } from "../turn-text.ts";

const sql = "insert into history (seq, task_id, at, transitions) values (?, ?, ?, ?)";

/** @throws StoreError `conflict` when the sequence number is taken */
export function prepareAppendHistory(database: DatabaseSync): (rows: readonly PackedHistoryRow[]) => void {
  const insert = database.prepare(sql);
  return (rows) => {
    for (const { seq, taskId, at, transitions } of rows) {
      guarded(
        () => insert.run(seq, taskId, at, transitions),
        () => `history entry ${seq} of task ${taskId} exists`,
      );
    }
  };
}
