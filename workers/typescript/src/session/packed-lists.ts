/** Lists of steps and of outcomes as the two threads hand them over. */
import { type PackedList, PackedListReader, PackedListWriter } from "@tasker/json";
import type { Outcome } from "../handler/outcome.ts";
import type { StepRequest } from "../handler/step.ts";

const numbersPerStep = 16;

export function packSteps(steps: readonly StepRequest[]): PackedList {
  const list = new PackedListWriter(steps.length * numbersPerStep);
  for (const step of steps) {
    list.number(step.origin);
    list.text(step.batchId);
    list.text(step.leaseId);
    list.text(step.stepName);
    list.text(step.handler);
    list.text(step.config);
    list.text(step.context);
    list.text(step.previousResults);
    list.number(step.attempt);
    list.number(step.retryLimit);
    list.number(step.timeoutMs);
    list.text(step.idempotencyKey);
    list.text(step.taskId);
    list.number(step.maxOutputBytes);
    list.text(step.cursor);
    list.number(step.maxCheckpointBytes);
  }
  return list.end();
}

export function unpackSteps(packed: PackedList): StepRequest[] {
  const list = new PackedListReader(packed);
  const steps: StepRequest[] = [];
  while (list.hasMore) {
    steps.push({
      origin: list.number(),
      batchId: list.text(),
      leaseId: list.text(),
      stepName: list.text(),
      handler: list.text(),
      config: list.text(),
      context: list.text(),
      previousResults: list.text(),
      attempt: list.number(),
      retryLimit: list.number(),
      timeoutMs: list.number(),
      idempotencyKey: list.text(),
      taskId: list.text(),
      maxOutputBytes: list.number(),
      cursor: list.textOrNull(),
      maxCheckpointBytes: list.number(),
    });
  }
  return steps;
}

const numbersPerOutcome = 10;

export function packOutcomes(outcomes: readonly Outcome[]): PackedList {
  const list = new PackedListWriter(outcomes.length * numbersPerOutcome);
  for (const outcome of outcomes) {
    list.number(outcome.origin);
    list.text(outcome.leaseId);
    list.flag(outcome.status === "completed");
    list.text(outcome.output);
    list.text(outcome.error);
    list.text(outcome.errorCode);
    list.number(outcome.retryable === null ? null : Number(outcome.retryable));
    list.number(outcome.retryAfterMs);
    list.number(outcome.executionTimeMs);
    list.text(outcome.handlerVersion);
  }
  return list.end();
}

export function unpackOutcomes(packed: PackedList): Outcome[] {
  const list = new PackedListReader(packed);
  const outcomes: Outcome[] = [];
  while (list.hasMore) {
    outcomes.push({
      origin: list.number(),
      leaseId: list.text(),
      status: list.flag() ? "completed" : "failed",
      output: list.text(),
      error: list.text(),
      errorCode: list.textOrNull(),
      retryable: booleanOf(list.numberOrNull()),
      retryAfterMs: list.numberOrNull(),
      executionTimeMs: list.number(),
      handlerVersion: list.textOrNull(),
    });
  }
  return outcomes;
}

function booleanOf(value: number | null): boolean | null {
  return value === null ? null : value === 1;
}
