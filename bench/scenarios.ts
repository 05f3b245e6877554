/**
 * The scenarios, as data. Each names the shape of its tasks, their payload, and how they are offered; every system under
 * test runs the same. The default set runs on the bare pipeline and on Tasker; the scaling set compares Tasker with itself.
 */
import type { Shape } from "./graph.ts";

/** How tasks are offered. */
export type Load =
  /** A new task when one has ended; `concurrency` 1 measures latency, more measures throughput. */
  | { readonly kind: "closed"; readonly tasks: number; readonly concurrency: number }
  /** Poisson arrivals, whatever the system does; latency counts from the intended start. */
  | { readonly kind: "open"; readonly tasksPerSecond: number; readonly seconds: number }
  /** Submitted, not run: no worker is there. `callers` calls at once of `tasksPerCall` tasks. */
  | { readonly kind: "submit"; readonly tasks: number; readonly tasksPerCall: number; readonly callers: number };

export interface Scenario {
  readonly name: string;
  readonly shape: Shape;
  readonly load: Load;
  /** Bytes of each task's context and of each step's output. */
  readonly payloadBytes: number;
  /** How long each handler waits. */
  readonly handlerMs: number;
  readonly workers: number;
  /** Steps that one worker runs at once. */
  readonly slots: number;
  /** Steps in one message at most. */
  readonly batchSize: number;
  /** What each step is given: the outputs of its dependencies, or of all its ancestors (the template's default). */
  readonly previousResults: "direct" | "all";
  /** Tasks that have finished before, and lie in the store. */
  readonly finishedTasks: number;
  /** Active tasks beside those of the load; nobody serves their handler. */
  readonly bystanders: number;
}

const basis: Omit<Scenario, "name" | "shape" | "load"> = {
  payloadBytes: 100,
  handlerMs: 0,
  workers: 1,
  slots: 1_000,
  batchSize: 10,
  previousResults: "direct",
  finishedTasks: 0,
  bystanders: 0,
};

const single: Shape = { kind: "chain", steps: 1 };
const chainOf10: Shape = { kind: "chain", steps: 10 };

function scenario(name: string, shape: Shape, load: Load, rest: Partial<typeof basis> = {}): Scenario {
  return { ...basis, ...rest, name, shape, load };
}

function closed(tasks: number, concurrency: number): Load {
  return { kind: "closed", tasks, concurrency };
}

function workflow(name: string, file: string, tasks: number, concurrency: number): Scenario {
  return scenario(`workflow-${name}`, { kind: "workflow", file }, closed(tasks, concurrency));
}

function openLoop(tasksPerSecond: number): Scenario {
  return scenario(`open-loop-${tasksPerSecond}`, chainOf10, { kind: "open", tasksPerSecond, seconds: 3 });
}

export const scenarios: readonly Scenario[] = [
  scenario("single-steps", single, closed(120_000, 1_000)),
  scenario("chains-of-10", chainOf10, closed(12_000, 500)),
  scenario("fan-out-of-10", { kind: "fan-out", width: 10 }, closed(10_000, 200)),
  scenario("layered-dag", { kind: "layered", layers: 8, width: 6, seed: 7 }, closed(2_400, 100)),
  workflow("montage", "montage-chameleon-2mass-03d-001.json", 120, 5),
  workflow("1000genome", "1000genome-chameleon-2ch-100k-001.json", 1_800, 50),
  workflow("epigenomics", "epigenomics-chameleon-hep-1seq-100k-001.json", 2_000, 50),
  workflow("srasearch", "srasearch-chameleon-10a-001.json", 4_000, 100),
  scenario("payload-1kb", single, closed(60_000, 1_000), { payloadBytes: 1_000 }),
  scenario("payload-10kb", single, closed(16_000, 500), { payloadBytes: 10_000 }),
  scenario("payload-100kb", single, closed(1_000, 100), { payloadBytes: 100_000 }),
  scenario("fan-out-of-5000", { kind: "fan-out", width: 5_000 }, closed(24, 1)),
  scenario("ten-fan-outs-of-500", { kind: "fan-out", width: 500 }, closed(240, 10)),
  scenario("submit-single", single, { kind: "submit", tasks: 20_000, tasksPerCall: 1, callers: 100 }),
  scenario("submit-bulk", single, { kind: "submit", tasks: 60_000, tasksPerCall: 1_000, callers: 2 }),
  openLoop(50),
  openLoop(200),
  openLoop(500),
  openLoop(1_000),
  scenario("chain-latency", chainOf10, closed(400, 1)),
];

const steady = closed(2_000, 500);

/** Each point of a scale is a scenario; its cost per step is compared with the first point's. */
export interface Scale {
  readonly name: string;
  readonly points: readonly { readonly label: string; readonly scenario: Scenario }[];
  /**
   * `flat`: cost per step at most 1.2x the first point's. `linear`: throughput per slot at least 0.9x the first point's.
   * Null: nothing, it shows what a setting changes.
   */
  readonly expects: "flat" | "linear" | null;
}

function scale(
  name: string,
  expects: Scale["expects"],
  values: readonly number[],
  at: (value: number) => Scenario,
  unit: string,
): Scale {
  const points = values.map((value) => ({ label: `${value.toLocaleString("en")} ${unit}`, scenario: at(value) }));
  return { name, expects, points };
}

const scalingSet: readonly Scale[] = [
  scale(
    "scaling-finished",
    "flat",
    [1_000, 100_000, 1_000_000],
    (finishedTasks) => scenario("scaling-finished", chainOf10, steady, { finishedTasks }),
    "finished tasks",
  ),
  scale(
    "scaling-active",
    "flat",
    [10, 1_000, 100_000],
    (bystanders) => scenario("scaling-active", chainOf10, steady, { bystanders }),
    "active tasks that wait",
  ),
  scale(
    "scaling-moving",
    "flat",
    [1_000, 10_000, 100_000],
    (concurrency) => scenario("scaling-moving", { kind: "chain", steps: 3 }, closed(100_000, concurrency)),
    "active tasks that move",
  ),
  {
    name: "scaling-width",
    expects: "flat",
    points: [
      {
        label: "ten fan-outs of 500",
        scenario: scenario("scaling-width", { kind: "fan-out", width: 500 }, closed(80, 10)),
      },
      {
        label: "a fan-out of 5,000",
        scenario: scenario("scaling-width", { kind: "fan-out", width: 5_000 }, closed(8, 1)),
      },
    ],
  },
  scale(
    "scaling-slots",
    "linear",
    [10, 20, 50, 100],
    (slots) => scenario("scaling-slots", single, closed(slots * 200, slots * 4), { slots, handlerMs: 10 }),
    "slots of one worker",
  ),
  scale(
    "scaling-workers",
    "linear",
    [1, 2, 4],
    (workers) =>
      scenario("scaling-workers", single, closed(workers * 5_000, workers * 100), {
        workers,
        slots: 25,
        handlerMs: 10,
      }),
    "workers with 25 slots",
  ),
];

/** For docs/guides/tuning.md: one setting at a time. */
const tuningSet: readonly Scale[] = [
  scale("tuning-batch-size", null, [1, 2, 5, 10, 20, 50, 100], (batchSize) => tuned({ batchSize }), "steps in a batch"),
  scale(
    "tuning-concurrency",
    null,
    [1, 10, 50, 100, 1_000],
    (slots) => tuned({ slots }),
    "steps at once in the worker",
  ),
  scale("tuning-workers", null, [1, 2, 3], (workers) => tuned({ workers }), "worker processes, steps that do nothing"),
  scale(
    "tuning-in-flight",
    null,
    [1, 10, 100, 1_000],
    (tasks) => scenario("tuning", chainOf10, closed(Math.min(6_000, tasks * 200), tasks)),
    "tasks at once",
  ),
  {
    name: "tuning-previous-results",
    expects: null,
    points: [
      { label: "previous_results: direct", scenario: tuned({}) },
      { label: "previous_results of all ancestors", scenario: tuned({ previousResults: "all" }) },
    ],
  },
  scale(
    "tuning-payload",
    null,
    [100, 1_000, 10_000],
    (payloadBytes) => tuned({ payloadBytes }),
    "bytes of context and output",
  ),
];

function tuned(setting: Partial<typeof basis>): Scenario {
  return scenario("tuning", chainOf10, closed(3_000, 300), setting);
}

export const scales: readonly Scale[] = [...scalingSet, ...tuningSet];

/** JSON text of an object with about this many bytes. */
export function payload(bytes: number): string {
  return `{"order_id":12345,"note":"${"x".repeat(Math.max(0, bytes - 29))}"}`;
}
