/**
 * What one seed means: the templates, the workers, what the client asks for, and which faults there are. Each seed has
 * its own mixture of faults, so that rare combinations, and the absence of most faults, get their share.
 */
import type { EngineSettings, Template } from "@tasker/engine";
import { type Codec, codecs } from "@tasker/protocol";
import { calmHighWaterMark, type NetworkWeather } from "./network.ts";
import { between, chance, pick, stream } from "./random.ts";
import { handlerNames, randomTemplate } from "./random-template.ts";

export const faultNames = [
  "loss",
  "doubling",
  "reordering",
  "partitions",
  "breaks",
  "orchestrator_crashes",
  "orchestrator_restarts",
  "crashes_at_store_calls",
  "crashes_at_sends",
  "orchestrator_freezes",
  "worker_crashes",
  "worker_freezes",
  "worker_restarts",
  "failing_commits",
  "full_disk",
  "io_errors",
  "wall_clock_jumps",
  "handler_failures",
  "handler_hangs",
  "cancellations",
  "congestion",
  "doubles",
] as const;
export type FaultName = (typeof faultNames)[number];

/** A worker that leaves waits this long for its handlers. */
export const drainMs = 5_000;

/** None of these takes a message, a connection or a process away; who leaves is waited for. */
const losingNothing = new Set<FaultName>([
  "doubling",
  "failing_commits",
  "full_disk",
  "wall_clock_jumps",
  "handler_failures",
  "handler_hangs",
  "cancellations",
  "congestion",
  "worker_restarts",
]);

/** These strike the orchestrator alone: workers go on with what they hold, and tell the next one of it. */
const sparingWorkers = new Set<FaultName>([
  ...losingNothing,
  "orchestrator_crashes",
  "orchestrator_restarts",
  "orchestrator_freezes",
  "crashes_at_store_calls",
  "crashes_at_sends",
  "io_errors",
]);

/** Which leases may be lost in such a run: none, those whose step never began, or any. */
export function canLose({
  faults,
  longestRunMs,
}: Pick<Scenario, "faults" | "longestRunMs">): "nothing" | "what never began" | "anything" {
  const outlast = faults.has("handler_hangs") || longestRunMs >= drainMs;
  if (faults.has("worker_restarts") && outlast) return "anything";
  if ([...faults].every((fault) => losingNothing.has(fault))) return "nothing";
  return [...faults].every((fault) => sparingWorkers.has(fault)) ? "what never began" : "anything";
}

export interface WorkerPlan {
  /** Of the process. */
  readonly name: string;
  readonly workerId: string;
  /** Another process goes by the same worker id. */
  readonly hasDouble: boolean;
  readonly protocol: "1.0" | "2.0";
  readonly capacity: number;
  readonly handlers: readonly string[];
  readonly codec: Codec;
}

export interface Scenario {
  readonly seed: number;
  readonly faults: ReadonlySet<FaultName>;
  /** Simulated milliseconds during which there are faults and submissions. */
  readonly chaosMs: number;
  readonly templates: readonly Template[];
  readonly workers: readonly WorkerPlan[];
  readonly submissions: number;
  /** Handlers take up to this long, when they do not hang. */
  readonly longestRunMs: number;
  readonly weather: NetworkWeather;
  readonly engine: Partial<EngineSettings>;
  /** Answers of the store take time, or come at once, as those of the embedded one do. */
  readonly storeDelayMs: number;
}

/** @param only when given, no other faults than these */
export function scenarioOf(seed: number, only: readonly FaultName[] | null = null): Scenario {
  const random = stream(seed, "scenario");
  const faults = new Set(randomFaults(seed).filter((fault) => only?.includes(fault) ?? true));
  const templates = Array.from({ length: between(random, 1, 3) }, (_, i) => randomTemplate(random, i + 1));
  return {
    seed,
    faults,
    chaosMs: between(random, 4_000, 25_000),
    templates,
    workers: randomWorkers(seed, faults),
    submissions: between(random, 1, 12),
    longestRunMs: pick(random, [20, 300, 2_000, 9_000]),
    weather: randomWeather(seed, faults),
    engine: randomSettings(seed),
    storeDelayMs: pick(random, [0, 0, 3, 40]),
  };
}

function randomFaults(seed: number): FaultName[] {
  const random = stream(seed, "faults");
  const likelihood = pick(random, [0, 0.1, 0.25, 0.4, 0.7]);
  // A stream each, so that a new kind of fault changes no seed that does without it.
  return faultNames.filter((name) => chance(stream(seed, name), likelihood));
}

function randomWorkers(seed: number, faults: ReadonlySet<FaultName>): WorkerPlan[] {
  const random = stream(seed, "workers");
  const plainOnes = chance(random, 0.15);
  const workers = Array.from({ length: between(random, 1, 4) }, (_, index): WorkerPlan => {
    const name = `worker_${index + 1}`;
    return {
      name,
      workerId: name,
      hasDouble: false,
      protocol: plainOnes && chance(random, 0.5) ? "1.0" : "2.0",
      capacity: between(random, 1, 8),
      // The first one has them all, so that everything can finish.
      handlers: handlerNames.filter(() => index === 0 || chance(random, 0.6)),
      codec: pick(stream(seed, `codec of ${name}`), codecs),
    };
  });
  return faults.has("doubles") ? withDouble(workers) : workers;
}

/** The first worker twice. */
function withDouble([first, ...others]: readonly WorkerPlan[]): WorkerPlan[] {
  const twin = { ...first!, hasDouble: true };
  return [twin, { ...twin, name: `${twin.name}_double` }, ...others];
}

function randomWeather(seed: number, faults: ReadonlySet<FaultName>): NetworkWeather {
  const random = stream(seed, "weather");
  return {
    minDelayMs: 0.05,
    maxDelayMs: pick(random, [0.5, 10, 200]),
    loss: faults.has("loss") ? pick(random, [0.01, 0.05, 0.2]) : 0,
    doubling: faults.has("doubling") ? pick(random, [0.02, 0.1, 0.3]) : 0,
    reordering: faults.has("reordering") ? pick(random, [0.02, 0.1, 0.3]) : 0,
    highWaterMark: faults.has("congestion") ? between(random, 1, 4) : calmHighWaterMark,
  };
}

function randomSettings(seed: number): Partial<EngineSettings> {
  const random = stream(seed, "settings");
  return {
    batchSize: between(random, 1, 10),
    batchBytes: pick(random, [300, 4_000, 1_000_000]),
    leaseGraceMs: 6_000,
    payloadCacheBytes: pick(random, [0, 500, 1_000_000]),
    turnWeight: pick(random, [1, 3, 2_000]),
    maxPendingSubmissions: pick(random, [4, 10_000]),
    maxOutputBytes: pick(random, [200, 1_000_000]),
  };
}
