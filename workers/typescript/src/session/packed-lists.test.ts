/** What one thread packs, the other unpacks unchanged. */
import { array, assert as check, constantFrom, integer, option, property, record, string } from "fast-check";
import { expect, test } from "vitest";
import { packOutcomes, packSteps, unpackOutcomes, unpackSteps } from "./packed-lists.ts";

const text = () => string({ unit: "grapheme", maxLength: 40 });
const count = () => integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test("steps come over as they were", () => {
  const step = record({
    origin: integer({ min: 0, max: 9 }),
    batchId: text(),
    leaseId: text(),
    stepName: text(),
    handler: text(),
    config: text(),
    context: text(),
    previousResults: text(),
    attempt: count(),
    retryLimit: count(),
    timeoutMs: count(),
    idempotencyKey: text(),
    taskId: text(),
    maxOutputBytes: count(),
    cursor: option(text()),
    maxCheckpointBytes: count(),
  });
  check(
    property(array(step), (steps) => {
      expect(unpackSteps(structuredClone(packSteps(steps)))).toEqual(steps);
    }),
  );
});

test("outcomes come over as they were", () => {
  const outcome = record({
    origin: integer({ min: 0, max: 9 }),
    leaseId: text(),
    status: constantFrom("completed", "failed"),
    output: text(),
    error: text(),
    errorCode: option(text()),
    retryable: option(constantFrom(true, false)),
    retryAfterMs: option(count()),
    executionTimeMs: count(),
    handlerVersion: option(text()),
  });
  check(
    property(array(outcome), (outcomes) => {
      expect(unpackOutcomes(structuredClone(packOutcomes(outcomes)))).toEqual(outcomes);
    }),
  );
});
