/** What each language's worker is given: single steps, whose handler answers at once or waits for 5 ms. */
import type { Scenario } from "../scenarios.ts";

/** The default of every SDK. */
const slots = 100;

const basis: Omit<Scenario, "name" | "load" | "handlerMs"> = {
  shape: { kind: "chain", steps: 1 },
  payloadBytes: 100,
  workers: 1,
  slots,
  batchSize: 10,
  previousResults: "direct",
  finishedTasks: 0,
  bystanders: 0,
};

export const languageScenarios: readonly Scenario[] = [
  { ...basis, name: "no-op", handlerMs: 0, load: { kind: "closed", tasks: 20_000, concurrency: 1_000 } },
  { ...basis, name: "5-ms", handlerMs: 5, load: { kind: "closed", tasks: 10_000, concurrency: 1_000 } },
];
