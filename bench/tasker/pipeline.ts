/**
 * Tasker as it is: the engine on the embedded store and the ZeroMQ executor, one worker process with the TypeScript SDK.
 * Tasks are submitted to the engine in this process, in bulk where several start at once, as the bare pipeline does.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, type SubmitTask } from "@tasker/engine";
import { defaultZeromqConfig, startZeromqExecutor } from "@tasker/executors";
import { eventLoopScheduler, machineClock, machineRandom, openLog } from "@tasker/server";
import { openStore } from "@tasker/store";
import { loadTemplate } from "@tasker/templates";
import { type Measurement, percentiles, runTasks } from "../measurement.ts";
import { payload, type Scenario } from "../scenarios.ts";

export async function runTasker(scenario: Scenario): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), "tasker-bench-"));
  const system = await openSystem(folder, scenario);
  try {
    await runTasks(Math.max(20, scenario.tasks / 20), scenario.concurrency, system.start);
    const before = cpuMicros();
    const workerBefore = await system.workerCpu();
    const { taskMs, seconds } = await runTasks(scenario.tasks, scenario.concurrency, system.start);
    const steps = scenario.tasks * scenario.chainLength;
    const cpu = cpuMicros() - before + (await system.workerCpu()) - workerBefore;
    return { steps, seconds, taskMs: percentiles(taskMs), cpuMicrosPerStep: cpu / steps };
  } finally {
    await system.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openSystem(folder: string, scenario: Scenario) {
  const clock = machineClock;
  const random = machineRandom();
  const log = openLog("warn");
  const store = await openStore({ database: join(folder, "tasker.db") });
  const engine = new Engine({
    store,
    clock,
    random,
    log,
    scheduler: eventLoopScheduler(clock),
    compileSchema: () => () => [],
  });
  await engine.start();
  const endpoints = { steps: [`ipc://${folder}/steps.sock`], results: [`ipc://${folder}/results.sock`] };
  const ports = { clock, log, random, orchestratorId: "bench" };
  const executor = await startZeromqExecutor({ ...defaultZeromqConfig, ...endpoints }, engine.workerEvents, ports);
  await engine.applyTemplate(loadTemplate(template(scenario), {}), "");
  const worker = fork(join(import.meta.dirname, "worker.ts"), {
    env: {
      ...process.env,
      TASKER_STEPS_ENDPOINT: endpoints.steps[0],
      TASKER_RESULTS_ENDPOINT: endpoints.results[0],
      TASKER_CONCURRENCY: "1000",
      PAYLOAD_BYTES: String(scenario.payloadBytes),
    },
  });
  const { start, ended } = submitter(engine, scenario);
  engine.onHistory((rows) => {
    for (const { taskId, transitions } of rows) {
      const last = transitions[transitions.length - 1]!;
      if (last.step === null && last.to === "completed") ended(taskId);
    }
  });
  return {
    start,
    workerCpu: () => askCpu(worker),
    async close() {
      worker.kill("SIGKILL");
      executor.stop({ drainMs: 0 });
      await engine.stop();
      await store.close();
    },
  };
}

/** Starts tasks and knows them again when they have completed, which may be heard before the submission's answer. */
function submitter(engine: Engine, scenario: Scenario) {
  const waiting = new Map<number, { readonly startedAt: number; readonly ended: (startedAt: number) => void }>();
  const early = new Set<number>();
  const context = payload(scenario.payloadBytes);
  const request: SubmitTask = {
    namespace: "bench",
    name: "chain",
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
  const start = (count: number, ended: (startedAt: number) => void): void => {
    const startedAt = performance.now();
    void engine.submit(new Array<SubmitTask>(count).fill(request)).then((outcomes) => {
      for (const outcome of outcomes) {
        if (!outcome.ok) throw outcome.error;
        if (early.delete(outcome.task.taskId)) ended(startedAt);
        else waiting.set(outcome.task.taskId, { startedAt, ended });
      }
    });
  };
  const ended = (taskId: number): void => {
    const task = waiting.get(taskId);
    if (task === undefined) early.add(taskId);
    else {
      waiting.delete(taskId);
      task.ended(task.startedAt);
    }
  };
  return { start, ended };
}

function template({ chainLength }: Scenario): string {
  const steps = Array.from({ length: chainLength }, (_, i) => ({
    name: `step_${i + 1}`,
    handler: "noop",
    depends_on: i === 0 ? [] : [`step_${i}`],
    previous_results: "direct",
  }));
  return JSON.stringify({ namespace: "bench", name: "chain", version: "1.0.0", steps });
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function askCpu(worker: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    worker.once("message", (micros) => resolve(micros as number));
    worker.send("cpu");
  });
}
