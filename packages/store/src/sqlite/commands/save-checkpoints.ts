/** Keeps the cursors that handlers saved, one for each step: only under its live lease, and never over a newer one. */
import type { DatabaseSync } from "node:sqlite";
import { type CheckpointWrite, StoreError } from "@tasker/engine";

const saveSql = `
  insert into checkpoints (step_id, checkpoint_lease, checkpoint_seq, cursor, saved_at)
  select step_id, lease_id, ?, ?, ? from steps where step_id = ? and state = 'in_progress' and lease_id = ?
  on conflict (step_id) do update
  set checkpoint_lease = excluded.checkpoint_lease, checkpoint_seq = excluded.checkpoint_seq,
    cursor = excluded.cursor, saved_at = excluded.saved_at
  where checkpoint_lease <> excluded.checkpoint_lease or checkpoint_seq < excluded.checkpoint_seq`;

/** @throws StoreError `conflict` when the step is not in progress under the lease, or has a newer cursor of it */
export function prepareSaveCheckpoints(database: DatabaseSync): (checkpoints: readonly CheckpointWrite[]) => void {
  const save = database.prepare(saveSql);
  return (checkpoints) => {
    for (const { stepId, leaseId, seq, cursor, savedAt } of checkpoints) {
      if (save.run(seq, cursor, savedAt, stepId, leaseId).changes === 1) continue;
      const message = `step ${stepId} is not in progress under lease ${leaseId}, or has a newer checkpoint than ${seq}`;
      throw new StoreError("conflict", message);
    }
  };
}
