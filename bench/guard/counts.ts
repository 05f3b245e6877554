/**
 * What a step costs in things that can be counted: commits, messages, bytes written to the files, bytes allocated. The real
 * engine and the real embedded store, with an executor that answers everything at once: no sockets, no timing, so the
 * same work comes out the same on any machine, loaded or not.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Batch, Engine, type StepResult, type SubmitTask } from "@tasker/engine";
import { eventLoopScheduler, machineClock, machineRandom, openLog } from "@tasker/server";
import { openStore } from "@tasker/store";
import { buildWorker, completed, RecordingExecutor } from "@tasker/testkit";
import { graphOf } from "../graph.ts";
import { payload, type Scenario } from "../scenarios.ts";
import { requestOf } from "../tasker/request.ts";
import { benchTemplate } from "../tasker/templates.ts";
import { bytesWritten } from "../usage.ts";
import { allocatedBy } from "./allocated.ts";

export interface Counts {
  readonly commits_per_step: number;
  readonly messages_per_step: number;
  readonly file_bytes_per_step: number;
  readonly allocated_bytes_per_step: number;
}

const workerKey = "guard-1";

/** @param scenario with a closed load: `tasks` of them, `concurrency` at once */
export async function countSteps(scenario: Scenario, tasks: number, concurrency: number): Promise<Counts> {
  const loop = await EngineLoop.open(scenario, concurrency);
  await loop.run(tasks / 4);

  const before = { commits: loop.commits, messages: loop.messages, bytes: bytesWritten()! };
  const allocated = await allocatedBy(() => loop.run(tasks));
  // The tables have caught up with the log when it is closed.
  await loop.close();
  const bytes = bytesWritten()! - before.bytes;
  const steps = tasks * graphOf(scenario.shape).length;
  return {
    commits_per_step: (loop.commits - before.commits) / steps,
    messages_per_step: (loop.messages - before.messages) / steps,
    file_bytes_per_step: bytes / steps,
    allocated_bytes_per_step: allocated / steps,
  };
}

/** Engine and embedded store, with a worker that is a function call away. */
export class EngineLoop {
  readonly #engine: Engine;
  readonly #executor: AnsweringExecutor;
  readonly #request: SubmitTask;
  readonly #concurrency: number;
  readonly #close: () => Promise<void>;

  private constructor(engine: Engine, scenario: Scenario, concurrency: number, close: () => Promise<void>) {
    this.#engine = engine;
    this.#executor = new AnsweringExecutor(engine, payload(scenario.payloadBytes));
    this.#request = requestOf("bench", scenario);
    this.#concurrency = concurrency;
    this.#close = close;
  }

  static async open(scenario: Scenario, concurrency: number): Promise<EngineLoop> {
    const folder = mkdtempSync(join(tmpdir(), "tasker-guard-"));
    const store = await openStore({ database: join(folder, "tasker.db") });
    const scheduler = eventLoopScheduler(machineClock);
    const log = openLog("error");
    const ports = {
      store,
      log,
      scheduler,
      clock: machineClock,
      random: machineRandom(),
      compileSchema: () => () => [],
    };
    const engine = new Engine(ports, { batchSize: scenario.batchSize });
    await engine.start();
    await engine.applyTemplate(benchTemplate(scenario), "");
    const loop = new EngineLoop(engine, scenario, concurrency, async () => {
      await engine.stop();
      await store.close();
      rmSync(folder, { recursive: true });
    });
    engine.workerEvents.workerJoined(
      buildWorker(loop.#executor, { key: workerKey, handlers: ["noop"], capacity: scenario.slots }),
    );
    return loop;
  }

  get commits(): number {
    return this.#engine.metrics.commits;
  }

  get messages(): number {
    return this.#executor.messages;
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** As many tasks begin in a turn as ended in the one before. */
  run(tasks: number): Promise<void> {
    return new Promise((resolve) => {
      let started = 0;
      let ended = 0;
      const start = (wanted: number) => {
        const count = Math.min(wanted, tasks - started);
        started += count;
        if (count > 0) void this.#engine.submit(new Array<SubmitTask>(count).fill(this.#request));
      };
      const release = this.#engine.onHistory((rows) => {
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
      start(this.#concurrency);
    });
  }
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
