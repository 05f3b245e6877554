/**
 * The limit: what is left of Tasker without an engine. XPUB and SUB over ipc, one worker process, SQLite with one fsynced
 * commit a round, a row written when a step is sent and again when its result is in. The order of steps is kept by a counter
 * for each. No leases, no history, no retries, and no `previous_results`: these alone would cost it 13 to 24 % more CPU.
 */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Subscriber, XPublisher } from "zeromq";
import { dependentsOf, graphOf } from "../graph.ts";
import { payload, type Scenario } from "../scenarios.ts";
import type { Place, System } from "../system.ts";
import { ownUsage, type Usage, usageOf } from "../usage.ts";
import { resultsTopic, stepsTopic } from "./answer.ts";

interface Task {
  readonly ended: () => void;
  /** Dependencies that each step still waits for. */
  readonly open: Uint16Array;
  left: number;
}

interface Step {
  readonly stepId: number;
  readonly task: Task;
  readonly index: number;
}

interface Item {
  readonly step_id: number;
  readonly output: unknown;
}

export async function openBarePipeline(scenario: Scenario, { folder }: Place): Promise<System> {
  const database = openBareDatabase(folder);
  const steps = new XPublisher({ linger: 0, sendTimeout: 0, sendHighWaterMark: 0 });
  const results = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  results.subscribe(resultsTopic);
  await steps.bind(`ipc://${folder}/steps`);
  await results.bind(`ipc://${folder}/results`);
  const workers: ChildProcess[] = [];
  if (scenario.load.kind !== "submit") {
    workers.push(fork(join(import.meta.dirname, "worker.ts"), [folder, String(scenario.payloadBytes)]));
    await steps.receive();
  }
  const pipeline = new BarePipeline(
    scenario,
    database,
    (frame) => void steps.send(frame),
    workers,
    () => {
      steps.close();
      results.close();
    },
  );
  void receive(results, pipeline);
  return pipeline;
}

export function openBareDatabase(folder: string): DatabaseSync {
  const database = new DatabaseSync(join(folder, "bare.db"));
  database.exec("pragma journal_mode = wal; pragma synchronous = full");
  database.exec("create table steps (step_id integer primary key, state text not null, output text) strict");
  database.exec("create table tasks (task_id integer primary key, context text not null) strict");
  return database;
}

async function receive(results: Subscriber, pipeline: BarePipeline): Promise<void> {
  while (!results.closed) {
    for (let taken = 0; taken === 0 || (taken < 256 && results.readable); taken++) {
      const frames = await results.receive().catch(() => []);
      if (frames.length > 0) pipeline.take(frames[0]!);
    }
    await nextTurn();
  }
}

export class BarePipeline implements System {
  readonly #batchSize: number;
  readonly #dependents: readonly number[][];
  readonly #roots: readonly number[];
  readonly #dependencyCounts: Uint16Array;
  readonly #context: string;
  readonly #database: DatabaseSync;
  readonly #send: (frame: string) => void;
  readonly #workers: readonly ChildProcess[];
  readonly #closeSockets: () => void;
  readonly #submit: StatementSync;
  readonly #lease: StatementSync;
  readonly #complete: StatementSync;
  readonly #sent = new Map<number, Step>();
  #toSend: Step[] = [];
  #answered: Item[] = [];
  #submitted: { readonly count: number; readonly resolve: () => void }[] = [];
  #nextStep = 1;
  #nextTask = 1;
  #scheduled = false;
  commits = 0;
  onStep: (() => void) | null = null;

  /** @param send publishes a batch; what answers it is given to `take` */
  constructor(
    scenario: Scenario,
    database: DatabaseSync,
    send: (frame: string) => void,
    workers: readonly ChildProcess[],
    closeSockets: () => void,
  ) {
    this.#batchSize = scenario.batchSize;
    const graph = graphOf(scenario.shape);
    this.#dependents = dependentsOf(graph);
    this.#roots = [...graph.keys()].filter((index) => graph[index]!.length === 0);
    this.#dependencyCounts = Uint16Array.from(graph, (dependencies) => dependencies.length);
    this.#context = payload(scenario.payloadBytes);
    this.#database = database;
    this.#send = send;
    this.#workers = workers;
    this.#closeSockets = closeSockets;
    this.#submit = database.prepare("insert into tasks values (?, ?)");
    this.#lease = database.prepare("insert into steps values (?, 'in_progress', null)");
    this.#complete = database.prepare(
      "update steps set state = 'completed', output = ? where step_id = ? and state = 'in_progress'",
    );
  }

  start(count: number, ended: () => void): void {
    for (let i = 0; i < count; i++) {
      const open = this.#dependencyCounts.slice();
      const task: Task = { ended, open, left: open.length };
      for (const index of this.#roots) this.#makeReady(task, index);
    }
    this.#schedule();
  }

  submit(count: number): Promise<void> {
    this.#schedule();
    return new Promise((resolve) => this.#submitted.push({ count, resolve }));
  }

  usage(): Usage {
    return ownUsage();
  }

  workerUsage(): Promise<Usage> {
    return usageOf(this.#workers);
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.kill("SIGKILL");
    this.#closeSockets();
    this.#database.close();
  }

  #makeReady(task: Task, index: number): void {
    this.#toSend.push({ stepId: this.#nextStep++, task, index });
  }

  /** A message of results. */
  take(frame: Buffer): void {
    const message = JSON.parse(frame.toString("utf8", resultsTopic.length)) as { results: Item[] };
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

  /** One commit: the results that came in, the steps that are about to be sent, the tasks that were submitted. */
  #round(): void {
    const answered = this.#answered;
    const submitted = this.#submitted;
    const ended: Task[] = [];
    this.#answered = [];
    this.#submitted = [];
    this.#database.exec("begin immediate");
    for (const item of answered) this.#apply(item, ended);
    const sending = this.#toSend;
    this.#toSend = [];
    for (const { stepId } of sending) this.#lease.run(stepId);
    for (const { count } of submitted)
      for (let i = 0; i < count; i++) this.#submit.run(this.#nextTask++, this.#context);
    this.#database.exec("commit");
    this.commits++;
    for (let i = 0; i < sending.length; i += this.#batchSize) this.#publish(sending.slice(i, i + this.#batchSize));
    if (this.onStep !== null) for (const _ of answered) this.onStep();
    for (const task of ended) task.ended();
    for (const { resolve } of submitted) resolve();
  }

  #apply({ step_id, output }: Item, ended: Task[]): void {
    const { task, index } = this.#sent.get(step_id)!;
    this.#complete.run(JSON.stringify(output), step_id);
    this.#sent.delete(step_id);
    for (const dependent of this.#dependents[index]!)
      if (--task.open[dependent]! === 0) this.#makeReady(task, dependent);
    if (--task.left === 0) ended.push(task);
  }

  #publish(steps: readonly Step[]): void {
    for (const step of steps) this.#sent.set(step.stepId, step);
    const requests = steps.map(
      ({ stepId }) => `{"step_id":${stepId},"handler_class":"noop","task_context":${this.#context}}`,
    );
    this.#send(`${stepsTopic}{"batch_id":"b${steps[0]!.stepId}","steps":[${requests.join(",")}]}`);
  }
}
