/**
 * Tasker as it is: the engine on a store and the ZeroMQ executor, worker processes with the TypeScript SDK. Tasks are
 * submitted to the engine in this process, in bulk where several start at once, as the bare pipeline does.
 */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { Engine, type SubmitTask } from "@tasker/engine";
import { defaultZeromqConfig, startZeromqExecutor } from "@tasker/executors";
import { eventLoopScheduler, machineClock, machineRandom, openLog } from "@tasker/server";
import { openStore } from "@tasker/store";
import type { Scenario } from "../scenarios.ts";
import { openBenchStore } from "../stores.ts";
import type { Place, System } from "../system.ts";
import { ownUsage, type Usage, usageOf } from "../usage.ts";
import { fillStore } from "./fill-store.ts";
import { requestOf } from "./request.ts";
import { benchTemplate, bystanderTemplate } from "./templates.ts";

/** Starts the workers of a run, told where steps and results go. */
export type StartWorkers = (scenario: Scenario, steps: string, results: string) => ChildProcess[];

export async function openTasker(
  scenario: Scenario,
  { folder, store: storeName }: Place,
  startWorkers: StartWorkers = forkWorkers,
): Promise<System> {
  const clock = machineClock;
  const random = machineRandom();
  const log = openLog("error");
  const { database, close: closeDatabase } = await openBenchStore(storeName, folder);
  const store = await openStore({ database, publishing: "thread" });
  if (scenario.finishedTasks > 0) await fillStore(store, scenario);
  const scheduler = eventLoopScheduler(clock);
  const ports = { store, clock, random, log, scheduler, compileSchema: () => () => [] };
  const engine = new Engine(ports, { batchSize: scenario.batchSize, maxPendingSubmissions: 1_000_000 });
  await engine.start();
  const endpoints = { steps: [`ipc://${folder}/steps.sock`], results: [`ipc://${folder}/results.sock`] };
  const limits = { ...defaultZeromqConfig.limits, maxStepsPerBatch: scenario.batchSize };
  const zeromq = { ...defaultZeromqConfig, ...endpoints, batchSize: scenario.batchSize, limits };
  const executor = await startZeromqExecutor(zeromq, engine.workerEvents, {
    clock,
    log,
    random,
    orchestratorId: "bench",
  });
  await engine.applyTemplate(benchTemplate(scenario), "");
  await submitBystanders(engine, scenario);
  const workers =
    scenario.load.kind === "submit" ? [] : startWorkers(scenario, endpoints.steps[0]!, endpoints.results[0]!);
  return new TaskerUnderTest(engine, scenario, workers, async () => {
    executor.stop({ drainMs: 0 });
    await engine.stop();
    await store.close();
    await closeDatabase();
  });
}

const tasksPerCall = 1_000;

class TaskerUnderTest implements System {
  readonly #engine: Engine;
  readonly #workers: readonly ChildProcess[];
  readonly #stop: () => Promise<void>;
  readonly #request: SubmitTask;
  readonly #waiting = new Map<number, () => void>();
  /** Ended before the submission's answer was heard. */
  readonly #early = new Set<number>();
  onStep: (() => void) | null = null;

  constructor(engine: Engine, scenario: Scenario, workers: readonly ChildProcess[], stop: () => Promise<void>) {
    this.#engine = engine;
    this.#workers = workers;
    this.#stop = stop;
    this.#request = requestOf("bench", scenario);
    if (scenario.load.kind !== "submit") this.#listen();
  }

  get commits(): number {
    return this.#engine.metrics.commits;
  }

  /** At most as many in one call as clients may submit. */
  start(count: number, ended: () => void): void {
    for (let left = count; left > 0; left -= tasksPerCall) this.#startSome(Math.min(left, tasksPerCall), ended);
  }

  #startSome(count: number, ended: () => void): void {
    void this.#engine.submit(new Array<SubmitTask>(count).fill(this.#request)).then((outcomes) => {
      for (const outcome of outcomes) {
        if (!outcome.ok) throw outcome.error;
        if (this.#early.delete(outcome.task.taskId)) ended();
        else this.#waiting.set(outcome.task.taskId, ended);
      }
    });
  }

  async submit(count: number): Promise<void> {
    await this.#engine.submit(new Array<SubmitTask>(count).fill(this.#request));
  }

  usage(): Usage {
    return ownUsage();
  }

  workerUsage(): Promise<Usage> {
    return usageOf(this.#workers);
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.kill("SIGKILL");
    await this.#stop();
  }

  #listen(): void {
    this.#engine.onHistory((rows) => {
      for (const { taskId, transitions } of rows) {
        if (this.onStep !== null)
          for (const { step, to } of transitions) if (step !== null && to === "completed") this.onStep();
        const last = transitions[transitions.length - 1]!;
        if (last.step === null && last.to === "completed") this.#ended(taskId);
      }
    });
  }

  #ended(taskId: number): void {
    const ended = this.#waiting.get(taskId);
    if (ended === undefined) this.#early.add(taskId);
    else {
      this.#waiting.delete(taskId);
      ended();
    }
  }
}

async function submitBystanders(engine: Engine, scenario: Scenario): Promise<void> {
  if (scenario.bystanders === 0) return;
  await engine.applyTemplate(bystanderTemplate(), "");
  const request = requestOf("bystander", scenario);
  for (let left = scenario.bystanders; left > 0; left -= tasksPerCall)
    await engine.submit(new Array<SubmitTask>(Math.min(left, tasksPerCall)).fill(request));
}

function forkWorkers(scenario: Scenario, steps: string, results: string): ChildProcess[] {
  return Array.from({ length: scenario.workers }, (_, index) =>
    fork(join(import.meta.dirname, "worker.ts"), {
      env: {
        ...process.env,
        TASKER_STEPS_ENDPOINT: steps,
        TASKER_RESULTS_ENDPOINT: results,
        TASKER_CONCURRENCY: String(scenario.slots),
        TASKER_WORKER_ID: `bench-${index + 1}`,
        TASKER_LOG_LEVEL: "warn",
        PAYLOAD_BYTES: String(scenario.payloadBytes),
        HANDLER_MS: String(scenario.handlerMs),
      },
    }),
  );
}
