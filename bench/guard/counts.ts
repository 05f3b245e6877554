/**
 * What a step costs in things that can be counted: commits, messages, bytes written to the files, bytes allocated. The real
 * engine and the real embedded store, with an executor that answers everything at once: no sockets, no timing, so the
 * same work comes out the same on any machine, loaded or not.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GCProfiler, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Batch, Engine, type StepResult, type SubmitTask } from "@tasker/engine";
import { eventLoopScheduler, machineClock, machineRandom, openLog } from "@tasker/server";
import { openStore } from "@tasker/store";
import { buildWorker, completed, RecordingExecutor } from "@tasker/testkit";
import { graphOf } from "../graph.ts";
import { payload, type Scenario } from "../scenarios.ts";
import { requestOf } from "../tasker/request.ts";
import { benchTemplate } from "../tasker/templates.ts";
import { bytesWritten } from "../usage.ts";

export interface Counts {
  readonly commits_per_step: number;
  readonly messages_per_step: number;
  readonly file_bytes_per_step: number;
  readonly allocated_bytes_per_step: number;
}

const workerKey = "guard-1";

/** @param scenario with a closed load: `tasks` of them, `concurrency` at once */
export async function countSteps(scenario: Scenario, tasks: number, concurrency: number): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "tasker-guard-"));
  const store = await openStore({ database: join(folder, "tasker.db") });
  const scheduler = eventLoopScheduler(machineClock);
  const log = openLog("error");
  const ports = { store, log, scheduler, clock: machineClock, random: machineRandom(), compileSchema: () => () => [] };
  const engine = new Engine(ports, { batchSize: scenario.batchSize });
  await engine.start();
  await engine.applyTemplate(benchTemplate(scenario), "");
  const executor = new AnsweringExecutor(engine, payload(scenario.payloadBytes));
  engine.workerEvents.workerJoined(
    buildWorker(executor, { key: workerKey, handlers: ["noop"], capacity: scenario.slots }),
  );
  const request = requestOf("bench", scenario);
  await runTasks(engine, request, tasks / 4, concurrency);

  const before = { commits: engine.metrics.commits, messages: executor.messages, bytes: bytesWritten()! };
  const allocated = await allocatedBy(() => runTasks(engine, request, tasks, concurrency));
  await engine.stop();
  // The tables have caught up with the log when it is closed.
  await store.close();
  const bytes = bytesWritten()! - before.bytes;
  const steps = tasks * graphOf(scenario.shape).length;
  rmSync(folder, { recursive: true });
  return {
    commits_per_step: (engine.metrics.commits - before.commits) / steps,
    messages_per_step: (executor.messages - before.messages) / steps,
    file_bytes_per_step: bytes / steps,
    allocated_bytes_per_step: allocated / steps,
  };
}

/** Answers all that one turn sent in the next one. */
class AnsweringExecutor extends RecordingExecutor {
  readonly #engine: Engine;
  readonly #output: string;
  #answers: StepResult[] = [];
  /** Batches, and calls that acknowledge: each is a frame on the wire. */
  messages = 0;

  constructor(engine: Engine, output: string) {
    super();
    this.#engine = engine;
    this.#output = output;
  }

  override dispatch(_key: string, { steps }: Batch): void {
    this.messages++;
    if (this.#answers.length === 0) setImmediate(() => this.#answer());
    for (const request of steps) this.#answers.push(completed(request, this.#output));
  }

  override acknowledge(): void {
    this.messages++;
  }

  #answer(): void {
    const answers = this.#answers;
    this.#answers = [];
    this.#engine.workerEvents.resultsArrived(workerKey, answers);
  }
}

/** `concurrency` tasks at once; as many begin in a turn as ended in the one before. */
function runTasks(engine: Engine, request: SubmitTask, tasks: number, concurrency: number): Promise<void> {
  return new Promise((resolve) => {
    let started = 0;
    let ended = 0;
    const start = (wanted: number) => {
      const count = Math.min(wanted, tasks - started);
      started += count;
      if (count > 0) void engine.submit(new Array<SubmitTask>(count).fill(request));
    };
    const release = engine.onHistory((rows) => {
      let now = 0;
      for (const { transitions } of rows) {
        const last = transitions[transitions.length - 1]!;
        if (last.step === null && last.to === "completed") now++;
      }
      ended += now;
      start(now);
      if (ended < tasks) return;
      release();
      resolve();
    });
    start(concurrency);
  });
}

/** Bytes that this process allocated on its heap meanwhile: what each collection found above what the one before had left. */
async function allocatedBy(run: () => Promise<void>): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const profiler = new GCProfiler();
  profiler.start();
  collect();
  await run();
  collect();
  const { statistics } = profiler.stop();
  let allocated = 0;
  for (let i = 1; i < statistics.length; i++) {
    allocated +=
      statistics[i]!.beforeGC.heapStatistics.usedHeapSize - statistics[i - 1]!.afterGC.heapStatistics.usedHeapSize;
  }
  return allocated;
}
