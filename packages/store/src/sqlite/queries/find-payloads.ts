/** Contexts of tasks, outputs and cursors of steps. */
import type { DatabaseSync } from "node:sqlite";
import type { PayloadRequest, Payloads } from "@tasker/engine";

const contextSql = "select context from task_contexts where task_id = ?";
const outputSql = "select output from steps where step_id = ? and output is not null";
const cursorSql = "select cursor from checkpoints where step_id = ?";

export function prepareFindPayloads(database: DatabaseSync): (request: PayloadRequest) => Payloads {
  const findContext = database.prepare(contextSql);
  const findOutput = database.prepare(outputSql);
  const findCursor = database.prepare(cursorSql);
  return ({ taskIds, stepIds, checkpointsOf }) => {
    const contexts = new Map<number, string>();
    const outputs = new Map<number, string>();
    const checkpoints = new Map<number, string>();
    for (const taskId of taskIds) {
      const record = findContext.get(taskId) as unknown as { context: string } | undefined;
      if (record !== undefined) contexts.set(taskId, record.context);
    }
    for (const stepId of stepIds) {
      const record = findOutput.get(stepId) as unknown as { output: string } | undefined;
      if (record !== undefined) outputs.set(stepId, record.output);
    }
    for (const stepId of checkpointsOf) {
      const record = findCursor.get(stepId) as unknown as { cursor: string } | undefined;
      if (record !== undefined) checkpoints.set(stepId, record.cursor);
    }
    return { contexts, outputs, checkpoints };
  };
}
