/** Outcomes as results on the wire. */
import { defaultLimits, type ResultItem, type ResultMetadata } from "@tasker/protocol";
import type { Holding } from "./holdings.ts";
import type { Outcome } from "./ports.ts";

/** Room for ids and metadata of one result, and for the head of the message. */
const envelopeBytes = 1_024;

export function resultItem(outcome: Outcome, holding: Holding): ResultItem {
  const metadata: Writable<ResultMetadata> = {
    execution_time_ms: outcome.executionTimeMs,
    lease_id: outcome.leaseId,
    attempt: holding.attempt,
  };
  if (outcome.handlerVersion !== null) metadata.handler_version = outcome.handlerVersion;
  if (outcome.retryable !== null) metadata.retryable = outcome.retryable;
  if (outcome.retryAfterMs !== null) metadata.retry_after_ms = outcome.retryAfterMs;
  return {
    step_id: holding.stepId,
    status: outcome.status,
    output: outcome.output,
    error: outcome.error,
    error_code: outcome.errorCode,
    metadata,
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Cuts a batch's results into messages that the orchestrator takes; nearly always there is one. */
export function splitBySize(items: ResultItem[], maxMessageBytes: number): ResultItem[][] {
  let units = 0;
  for (const item of items) units += item.output.length + item.error.length;
  // A UTF-16 unit becomes at most three bytes, so short messages need not be measured.
  if (units * 3 + items.length * envelopeBytes <= maxMessageBytes && items.length <= defaultLimits.resultsPerMessage) {
    return [items];
  }
  const messages: ResultItem[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const size = Buffer.byteLength(item.output) + Buffer.byteLength(item.error) + envelopeBytes;
    const current = messages.at(-1);
    if (current === undefined || bytes + size > maxMessageBytes || current.length >= defaultLimits.resultsPerMessage) {
      messages.push([item]);
      bytes = envelopeBytes + size;
    } else {
      current.push(item);
      bytes += size;
    }
  }
  return messages;
}
