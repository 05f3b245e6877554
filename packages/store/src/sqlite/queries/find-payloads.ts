/** Contexts of tasks and outputs of steps. */
import type { DatabaseSync } from "node:sqlite";
import type { PayloadRequest, Payloads } from "@tasker/engine";

const contextSql = "select context from task_contexts where task_id = ?";
const outputSql = "select output from steps where step_id = ? and output is not null";

export function prepareFindPayloads(database: DatabaseSync): (request: PayloadRequest) => Payloads {
  const findContext = database.prepare(contextSql);
  const findOutput = database.prepare(outputSql);
  return ({ taskIds, stepIds }) => {
    const contexts = new Map<number, string>();
    const outputs = new Map<number, string>();
    for (const taskId of taskIds) {
      const record = findContext.get(taskId) as unknown as { context: string } | undefined;
      if (record !== undefined) contexts.set(taskId, record.context);
    }
    for (const stepId of stepIds) {
      const record = findOutput.get(stepId) as unknown as { output: string } | undefined;
      if (record !== undefined) outputs.set(stepId, record.output);
    }
    return { contexts, outputs };
  };
}
