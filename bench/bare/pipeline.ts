/**
 * The limit: what is left of Tasker without an engine. XPUB and SUB over ipc, one worker process, SQLite with one fsynced
 * commit a round, a row written when a step is sent and again when its result is in. No graph, no leases, no history.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Subscriber, XPublisher } from "zeromq";
import { type Measurement, percentiles, runTasks } from "../measurement.ts";
import { payload, type Scenario } from "../scenarios.ts";

const batchSize = 10;

interface Chain {
  readonly startedAt: number;
  readonly ended: (startedAt: number) => void;
  done: number;
}

interface Item {
  readonly step_id: number;
  readonly output: unknown;
}

export async function runBarePipeline(scenario: Scenario): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), "bare-"));
  const pipeline = await Pipeline.open(folder, scenario);
  try {
    await runTasks(Math.max(20, scenario.tasks / 20), scenario.concurrency, pipeline.start);
    const before = pipeline.cpuMicros();
    const workerBefore = await pipeline.workerCpu();
    const { taskMs, seconds } = await runTasks(scenario.tasks, scenario.concurrency, pipeline.start);
    const steps = scenario.tasks * scenario.chainLength;
    const cpu = (await pipeline.workerCpu()) - workerBefore + pipeline.cpuMicros() - before;
    return { steps, seconds, taskMs: percentiles(taskMs), cpuMicrosPerStep: cpu / steps };
  } finally {
    await pipeline.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Pipeline {
  readonly #scenario: Scenario;
  readonly #database: DatabaseSync;
  readonly #steps: XPublisher;
  readonly #results: Subscriber;
  readonly #worker: ChildProcess;
  readonly #chains = new Map<number, Chain>();
  readonly #context: string;
  readonly #lease: StatementSync;
  readonly #complete: StatementSync;
  #toSend: number[] = [];
  #answered: Item[] = [];
  #nextStep = 1;
  #scheduled = false;

  private constructor(
    scenario: Scenario,
    database: DatabaseSync,
    steps: XPublisher,
    results: Subscriber,
    worker: ChildProcess,
  ) {
    this.#scenario = scenario;
    this.#database = database;
    this.#steps = steps;
    this.#results = results;
    this.#worker = worker;
    this.#context = payload(scenario.payloadBytes);
    this.#lease = database.prepare("insert into steps values (?, 'in_progress', null)");
    this.#complete = database.prepare(
      "update steps set state = 'completed', output = ? where step_id = ? and state = 'in_progress'",
    );
  }

  static async open(folder: string, scenario: Scenario): Promise<Pipeline> {
    const database = new DatabaseSync(join(folder, "bare.db"));
    database.exec("pragma journal_mode = wal; pragma synchronous = full");
    database.exec("create table steps (step_id integer primary key, state text not null, output text) strict");
    const steps = new XPublisher({ linger: 0, sendTimeout: 0, sendHighWaterMark: 0 });
    const results = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
    results.subscribe("results ");
    await steps.bind(`ipc://${folder}/steps`);
    await results.bind(`ipc://${folder}/results`);
    const worker = fork(join(import.meta.dirname, "worker.ts"), [folder, String(scenario.payloadBytes)]);
    await steps.receive();
    const pipeline = new Pipeline(scenario, database, steps, results, worker);
    void pipeline.#receive();
    return pipeline;
  }

  /** Begins `count` chains; each calls back with its start when its last result is committed. */
  readonly start = (count: number, ended: (startedAt: number) => void): void => {
    for (let i = 0; i < count; i++) this.#send({ startedAt: performance.now(), ended, done: 0 });
  };

  cpuMicros(): number {
    const { user, system } = process.cpuUsage();
    return user + system;
  }

  workerCpu(): Promise<number> {
    return new Promise((resolve) => {
      this.#worker.once("message", (micros) => resolve(micros as number));
      this.#worker.send("cpu");
    });
  }

  async close(): Promise<void> {
    this.#worker.kill("SIGKILL");
    this.#steps.close();
    this.#results.close();
    this.#database.close();
  }

  #send(chain: Chain): void {
    const stepId = this.#nextStep++;
    this.#chains.set(stepId, chain);
    this.#toSend.push(stepId);
    this.#schedule();
  }

  async #receive(): Promise<void> {
    while (!this.#results.closed) {
      for (let taken = 0; taken === 0 || (taken < 256 && this.#results.readable); taken++) {
        const frames = await this.#results.receive().catch(() => []);
        if (frames.length > 0) this.#take(frames);
      }
      await nextTurn();
    }
  }

  #take(frames: Buffer[]): void {
    const message = JSON.parse(frames[0]!.toString("utf8", "results ".length)) as { results: Item[] };
    for (const item of message.results) this.#answered.push(item);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#round();
    });
  }

  /** One commit: the results that came in, and the steps that are about to be sent. */
  #round(): void {
    const answered = this.#answered;
    this.#answered = [];
    const ended: Chain[] = [];
    this.#database.exec("begin immediate");
    for (const { step_id, output } of answered) {
      this.#complete.run(JSON.stringify(output), step_id);
      const chain = this.#chains.get(step_id)!;
      this.#chains.delete(step_id);
      if (++chain.done === this.#scenario.chainLength) ended.push(chain);
      else this.#send(chain);
    }
    const sending = this.#toSend;
    this.#toSend = [];
    for (const stepId of sending) this.#lease.run(stepId);
    this.#database.exec("commit");
    for (let i = 0; i < sending.length; i += batchSize) this.#publish(sending.slice(i, i + batchSize));
    for (const chain of ended) chain.ended(chain.startedAt);
  }

  #publish(stepIds: readonly number[]): void {
    const steps = stepIds.map((id) => `{"step_id":${id},"handler_class":"noop","task_context":${this.#context}}`);
    void this.#steps.send(`@w1 {"batch_id":"b${stepIds[0]}","steps":[${steps.join(",")}]}`);
  }
}
