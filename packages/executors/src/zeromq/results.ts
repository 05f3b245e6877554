/** Results of the wire as results for the engine. */
import { leaseIdOf, type StepResult } from "@tasker/engine";
import type { DecodedResults, ProtocolError, ResultItem } from "@tasker/protocol";

/**
 * One result per item. An item that could not be read, but whose step is known, becomes a failure of that attempt:
 * the worker has nothing better to send, and the step must not wait for its timeout.
 */
export function stepResultsOf(message: DecodedResults): StepResult[] {
  const results: StepResult[] = [];
  for (const item of message.results) results.push(stepResult(message.batch_id, item));
  for (const { error } of message.refused) {
    const { stepId, leaseId } = error.ids;
    if (stepId !== null) results.push(unreadable(stepId, leaseId ?? leaseIdOf(message.batch_id, stepId), error));
  }
  return results;
}

function stepResult(batchId: string, item: ResultItem): StepResult {
  const { metadata } = item;
  const completed = item.status === "completed";
  return {
    stepId: item.step_id,
    leaseId: metadata.lease_id ?? leaseIdOf(batchId, item.step_id),
    outcome: completed ? "completed" : "failed",
    output: completed ? item.output : null,
    error: completed || item.error === "null" ? null : item.error,
    errorCode: completed ? null : item.error_code,
    retryable: metadata.retryable ?? null,
    retryAfterMs: metadata.retry_after_ms ?? null,
    executionTimeMs: metadata.execution_time_ms ?? null,
  };
}

function unreadable(stepId: number, leaseId: string, error: ProtocolError): StepResult {
  const errorCode = error.code === "too_large" ? "output_too_large" : "result_malformed";
  return {
    stepId,
    leaseId,
    outcome: "failed",
    output: null,
    error: JSON.stringify({ code: errorCode, message: error.message }),
    errorCode,
    retryable: null,
    retryAfterMs: null,
    executionTimeMs: null,
  };
}
