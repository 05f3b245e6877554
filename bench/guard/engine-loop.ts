/** Engine and embedded store, with a worker that is a function call away: no sockets, no threads. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Batch, Engine, type StepResult, type SubmitTask } from "@tasker/engine";
import { eventLoopScheduler, machineClock, machineRandom, openLog } from "@tasker/server";
import { openStore } from "@tasker/store";
import { buildWorker, completed, RecordingExecutor } from "@tasker/testkit";
import { payload, type Scenario } from "../scenarios.ts";
import { requestOf } from "../tasker/request.ts";
import { benchTemplate } from "../tasker/templates.ts";

const workerKey = "guard-1";

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
