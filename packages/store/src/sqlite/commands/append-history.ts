/** Appends to the history: one row for all that happened to a task since the last time. */
import type { DatabaseSync } from "node:sqlite";
import type { PackedHistoryRow } from "../../packed-history.ts";
import { guarded } from "../guarded.ts";

const sql = "insert into history (seq, task_id, at, transitions, publication) values (?, ?, ?, ?, ?)";

/**
 * The prepared function takes the rows of one publication, and the first sequence number of all of it.
 * @throws StoreError `conflict` when the sequence number is taken
 */
export function prepareAppendHistory(
  database: DatabaseSync,
): (rows: Iterable<PackedHistoryRow>, publication: number) => void {
  const insert = database.prepare(sql);
  return (rows, publication) => {
    for (const { seq, taskId, at, transitions } of rows) {
      guarded(
        () => insert.run(seq, taskId, at, transitions, publication),
        () => `history entry ${seq} of task ${taskId} exists`,
      );
    }
  };
}
