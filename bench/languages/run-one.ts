/** One language, one scenario, one measurement, in a process of its own: the real engine, store and executor, and one worker. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "../../scripts/languages/language.ts";
import { run, warmUp } from "../load.ts";
import { percentiles } from "../measurement.ts";
import type { Scenario } from "../scenarios.ts";
import { openTasker } from "../tasker/pipeline.ts";
import { ownUsage, usageOfProcess } from "../usage.ts";

export interface LanguageOrder {
  readonly command: Command;
  readonly scenario: Scenario;
}

export interface LanguageMeasurement {
  readonly steps: number;
  readonly seconds: number;
  readonly taskP50Ms: number;
  readonly workerCpuMicrosPerStep: number;
  readonly orchestratorCpuMicrosPerStep: number;
  readonly workerPeakRssBytes: number;
}

process.on("disconnect", () => process.exit(1));
process.once("message", async (order: LanguageOrder) => {
  const folder = mkdtempSync(join(tmpdir(), "tasker-bench-"));
  try {
    const measurement = await measure(order, folder);
    process.send!(measurement, () => process.exit(0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function measure({ command, scenario }: LanguageOrder, folder: string): Promise<LanguageMeasurement> {
  let worker: ChildProcess | undefined;
  const system = await openTasker(scenario, { folder, store: "sqlite" }, (_, steps, results) => {
    worker = startWorker(command, scenario, steps, results);
    return [worker];
  });
  await warmUp(system, scenario);
  const before = { own: ownUsage(), worker: usageOfProcess(worker!.pid!) };
  const { taskMs, tasks: steps, seconds } = await run(system, scenario);
  const after = { own: ownUsage(), worker: usageOfProcess(worker!.pid!) };
  await system.close();
  return {
    steps,
    seconds,
    taskP50Ms: percentiles(taskMs).p50,
    workerCpuMicrosPerStep: (after.worker.cpuMicros - before.worker.cpuMicros) / steps,
    orchestratorCpuMicrosPerStep: (after.own.cpuMicros - before.own.cpuMicros) / steps,
    workerPeakRssBytes: after.worker.peakRssBytes,
  };
}

/** @throws (later, and so ending this process) when the worker ends by itself */
function startWorker({ command, args }: Command, scenario: Scenario, steps: string, results: string): ChildProcess {
  const worker = spawn(command, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      TASKER_STEPS_ENDPOINT: steps,
      TASKER_RESULTS_ENDPOINT: results,
      TASKER_CONCURRENCY: String(scenario.slots),
      TASKER_LOG_LEVEL: "warn",
      HANDLER_MS: String(scenario.handlerMs),
    },
  });
  worker.on("error", (error) => {
    throw error;
  });
  worker.on("exit", (code, signal) => {
    if (signal !== "SIGKILL") throw new Error(`the worker ended with ${code ?? signal}`);
  });
  process.on("exit", () => worker.kill("SIGKILL"));
  return worker;
}
