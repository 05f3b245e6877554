/** The submission that every task of a scenario is. */
import type { SubmitTask } from "@tasker/engine";
import { payload, type Scenario } from "../scenarios.ts";

export function requestOf(name: string, { payloadBytes }: Scenario): SubmitTask {
  const context = payload(payloadBytes);
  return {
    namespace: "bench",
    name,
    version: null,
    context,
    contextValue: JSON.parse(context),
    idempotencyKey: null,
    fingerprint: null,
    priority: 0,
    tags: [],
    correlationId: null,
    initiator: null,
    reason: null,
  };
}
