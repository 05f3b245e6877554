/** The scenarios as data: each runs on the bare pipeline and on Tasker, with the same numbers. */

export interface Scenario {
  readonly name: string;
  /** Steps of one task, one after the other. */
  readonly chainLength: number;
  /** Tasks of a measured round. */
  readonly tasks: number;
  /** Tasks under way at once; 1 measures latency. */
  readonly concurrency: number;
  readonly measures: "throughput" | "latency";
  /** Bytes of each task's context and each step's output. */
  readonly payloadBytes: number;
}

export const scenarios: readonly Scenario[] = [
  {
    name: "single-steps",
    chainLength: 1,
    tasks: 40_000,
    concurrency: 1_000,
    measures: "throughput",
    payloadBytes: 100,
  },
  { name: "chains-of-10", chainLength: 10, tasks: 6_000, concurrency: 500, measures: "throughput", payloadBytes: 100 },
  { name: "chain-latency", chainLength: 10, tasks: 400, concurrency: 1, measures: "latency", payloadBytes: 100 },
];

/** JSON text of an object with about this many bytes. */
export function payload(bytes: number): string {
  return `{"order_id":12345,"note":"${"x".repeat(Math.max(0, bytes - 29))}"}`;
}
