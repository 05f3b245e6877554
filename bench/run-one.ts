/**
 * One system, one scenario, one measurement, in a process of its own: what an earlier run left in the heap is not measured,
 * and the peak of memory is this run's. Told by its parent what to run; tells it what it measured.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBarePipeline } from "./bare/pipeline.ts";
import { graphOf } from "./graph.ts";
import { run, warmUp } from "./load.ts";
import { type Measurement, percentiles } from "./measurement.ts";
import type { Scenario } from "./scenarios.ts";
import type { OpenSystem, System } from "./system.ts";
import { openOverHttp } from "./tasker/over-http.ts";
import { openTasker } from "./tasker/pipeline.ts";
import type { Usage } from "./usage.ts";

export interface Order {
  readonly system: SystemName;
  readonly scenario: Scenario;
  readonly store: string;
}

export type SystemName = keyof typeof systems;

/** `http`: submissions only. */
const systems = { bare: openBarePipeline, tasker: openTasker, http: openOverHttp } satisfies Record<string, OpenSystem>;

process.on("disconnect", () => process.exit(1));
process.once("message", async (order: Order) => {
  const folder = mkdtempSync(join(tmpdir(), "tasker-bench-"));
  try {
    const system = await systems[order.system](order.scenario, { folder, store: order.store });
    const measurement = await measure(system, order.scenario);
    await system.close();
    process.send!(measurement, () => process.exit(0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function measure(system: System, scenario: Scenario): Promise<Measurement> {
  await warmUp(system, scenario);
  const before = { own: system.usage(), worker: await system.workerUsage(), commits: system.commits };
  const { taskMs, stepMs, tasks, seconds } = await run(system, scenario);
  const after = { own: system.usage(), worker: await system.workerUsage(), commits: system.commits };
  const steps = scenario.load.kind === "submit" ? tasks : tasks * graphOf(scenario.shape).length;
  const cost = (from: Usage, to: Usage) => ({
    cpuMicrosPerStep: (to.cpuMicros - from.cpuMicros) / steps,
    bytesWrittenPerStep: to.bytesWritten === null ? null : (to.bytesWritten - (from.bytesWritten ?? 0)) / steps,
    peakRssBytes: to.peakRssBytes,
  });
  return {
    tasks,
    steps,
    seconds,
    taskMs: percentiles(taskMs),
    stepMs: stepMs === null || scenario.shape.kind !== "chain" ? null : percentiles(stepMs),
    orchestrator: cost(before.own, after.own),
    worker: cost(before.worker, after.worker),
    commitsPerStep: (after.commits - before.commits) / steps,
  };
}
