/**
 * One run: the world is built from the seed, faults do their worst, then they stop, and everything must finish. The same
 * seed gives the same run, to the last message.
 */
import { Client } from "./client.ts";
import { DatabaseFile } from "./database-file.ts";
import { Faults } from "./faults.ts";
import { judgeTheEnd } from "./final-judgement.ts";
import { simulateGlobals } from "./globals.ts";
import { Judge } from "./judge.ts";
import { Kernel } from "./kernel.ts";
import { Network } from "./network.ts";
import { Orchestrator } from "./orchestrator.ts";
import { stream } from "./random.ts";
import { canLose, type FaultName, type Scenario, scenarioOf } from "./scenario.ts";
import { Trace } from "./trace.ts";
import { must, type Violation } from "./violation.ts";
import { Worker } from "./worker.ts";

export interface Outcome {
  readonly seed: number;
  readonly violation: Violation | null;
  /** Of everything that happened. */
  readonly hash: string;
  readonly scenario: Scenario;
  /** The last lines of the trace. */
  readonly tail: readonly string[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly commits: number;
  readonly tasks: number;
  readonly executions: number;
}

export interface Options {
  readonly only?: readonly FaultName[] | null;
  /** Receives each line of the trace as it comes. */
  readonly print?: (line: string) => void;
}

/** How long, in simulated time, everything may take to finish once faults have stopped. */
const finishWithinMs = 300_000;
/** After the last task: time for the last acks, and for slots that nobody gives back to show. */
const quietMs = 25_000;
const tailLines = 60;
/** A hundred times what a run needs. */
const mostEvents = 500_000;

export async function simulate(seed: number, { only = null, print }: Options = {}): Promise<Outcome> {
  const scenario = scenarioOf(seed, only);
  const database = await DatabaseFile.create();
  const run = new Run(scenario, database, print ?? null);
  const restore = simulateGlobals(run.kernel, seed);
  const crashed = (reason: unknown) => run.crashed(reason);
  process.on("unhandledRejection", crashed);
  try {
    return await run.run();
  } finally {
    process.off("unhandledRejection", crashed);
    restore();
    database.remove();
  }
}

class Run {
  readonly #scenario: Scenario;
  readonly #database: DatabaseFile;
  readonly kernel = new Kernel();
  readonly #trace: Trace;
  readonly #judge: Judge;
  readonly #faults: Faults;
  readonly #network: Network;
  readonly #orchestrator: Orchestrator;
  readonly #workers: readonly Worker[];
  readonly #client: Client;
  readonly #conditions;

  constructor(scenario: Scenario, database: DatabaseFile, print: ((line: string) => void) | null) {
    const { seed, faults, longestRunMs } = scenario;
    const kernel = this.kernel;
    const trace = new Trace(tailLines, print);
    const judge = new Judge(
      trace,
      canLose(scenario),
      () => kernel.now,
      (at) => this.#orchestrator.awakeSince(at),
    );
    const network = new Network(kernel, stream(seed, "network"), trace, { ...scenario.weather });
    const conditions = { faults, longestRunMs, calm: false };
    this.#scenario = scenario;
    this.#database = database;
    this.#trace = trace;
    this.#judge = judge;
    this.#network = network;
    this.#conditions = conditions;
    this.#faults = new Faults({ scenario, kernel, network, trace });
    this.#orchestrator = new Orchestrator({
      scenario,
      kernel,
      network,
      trace,
      judge,
      storeFaults: this.#faults,
      beforeSend: (process) => this.#faults.beforeSend(process),
      database: database.path,
    });
    this.#workers = scenario.workers.map(
      (plan) => new Worker(plan, { seed, kernel, network, trace, judge, conditions }),
    );
    this.#client = new Client({ scenario, kernel, orchestrator: this.#orchestrator, judge, trace });
  }

  /** A promise that nobody waits for was rejected. */
  crashed(reason: unknown): void {
    this.#judge.crashed(reason instanceof Error ? reason : new Error(String(reason)));
  }

  async run(): Promise<Outcome> {
    this.#orchestrator.start();
    for (const worker of this.#workers) worker.start();
    this.#client.plan();
    this.#faults.plan(this.#orchestrator, this.#workers);
    await this.#until(this.#scenario.chaosMs, () => false);
    this.#calm();
    const finished = await this.#until(finishWithinMs, () => this.#isFinished());
    if (!finished) this.#judge.check(() => this.#judge.mustBeFinished(this.#client.pending));
    await this.#until(quietMs, () => false);
    this.#judge.check(() => judgeRest(this.#orchestrator, this.#workers));
    this.#orchestrator.shutDown();
    if (this.#judge.violation === null) await judgeTheEnd(this.#judge, this.#database.path);
    return this.#outcome();
  }

  #calm(): void {
    this.#trace.add(this.kernel.now, "faults", "stop");
    this.#conditions.calm = true;
    this.#faults.end();
    this.#network.heal();
  }

  #isFinished(): boolean {
    return this.#client.pending === 0 && !this.#judge.ledger.activeTasks.some(({ status }) => status === "in_progress");
  }

  /** @returns whether it was so before the time was over */
  async #until(forMs: number, isSo: () => boolean): Promise<boolean> {
    const end = this.kernel.now + forMs;
    while (this.#judge.violation === null && this.kernel.now < end) {
      if (isSo()) return true;
      await this.#step();
    }
    return false;
  }

  async #step(): Promise<void> {
    try {
      await this.kernel.step();
    } catch (error) {
      this.#judge.crashed(error as Error);
    }
    const { events } = this.kernel;
    this.#judge.check(() => must("comes-to-rest", events < mostEvents, () => `${events} events and no end`));
  }

  #outcome(): Outcome {
    const { violation, ledger, executions } = this.#judge;
    return {
      seed: this.#scenario.seed,
      violation,
      hash: this.#trace.hash,
      scenario: this.#scenario,
      tail: this.#trace.tail(),
      simulatedMs: this.kernel.now,
      events: this.kernel.events,
      commits: ledger.commits,
      tasks: ledger.tasks.size,
      executions: executions.started,
    };
  }
}

/** Everything is done: no slot is taken, no result waits, and memory has only what is blocked. */
function judgeRest(orchestrator: Orchestrator, workers: readonly Worker[]): void {
  for (const worker of orchestrator.engine?.workers() ?? []) {
    const { steps, revokedLeases, info } = worker;
    const taken = [...revokedLeases.keys(), ...[...steps].map(({ leaseId }) => leaseId)];
    must("slots-come-back", taken.length === 0, () => `slots of ${info.key} are still taken by ${taken.join(" and ")}`);
  }
  // One of two that go by the same name is refused again and again.
  for (const { plan, rests } of workers)
    must("workers-rest", rests || plan.hasDouble, () => `${plan.name} still has something to do or to say`);
}
