/** What the tables say to the guards of a turn, row by row. */
import type { DatabaseSync } from "node:sqlite";
import type { StepState, TaskStatus } from "@tasker/engine";
import { type CheckpointRecord, toCheckpoint } from "../row-mapping.ts";
import type { StoredGuards } from "../unpublished.ts";

export function prepareCheckGuards(database: DatabaseSync): {
  readonly guards: StoredGuards;
  readonly templateOfTask: (taskId: number) => number | undefined;
} {
  const step = database.prepare("select state, lease_id from steps where step_id = ?");
  const checkpoint = database.prepare("select checkpoint_lease, checkpoint_seq from checkpoints where step_id = ?");
  const task = database.prepare("select status, template_id from tasks where task_id = ?");
  const taskExists = database.prepare("select 1 from tasks where task_id = ?");
  const keyExists = database.prepare("select 1 from tasks where idempotency_key = ?");
  const template = database.prepare(
    "select 1 from templates where template_id = ? or (namespace = ? and name = ? and version = ?)",
  );
  const taskRow = (taskId: number) =>
    task.get(taskId) as unknown as { status: TaskStatus; template_id: number } | undefined;
  return {
    guards: {
      step(stepId) {
        const found = step.get(stepId) as unknown as { state: StepState; lease_id: string | null } | undefined;
        return found === undefined ? undefined : { state: found.state, leaseId: found.lease_id };
      },
      checkpoint(stepId) {
        const found = checkpoint.get(stepId) as unknown as CheckpointRecord | undefined;
        return (found === undefined ? null : toCheckpoint(found)) ?? undefined;
      },
      taskStatus: (taskId) => taskRow(taskId)?.status,
      hasTask: ({ taskId, idempotencyKey }) =>
        taskExists.get(taskId) !== undefined ||
        (idempotencyKey !== null && keyExists.get(idempotencyKey) !== undefined),
      hasTemplate: ({ templateId, namespace, name, version }) =>
        template.get(templateId, namespace, name, version) !== undefined,
    },
    templateOfTask: (taskId) => taskRow(taskId)?.template_id,
  };
}
