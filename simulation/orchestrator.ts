/**
 * The orchestrator's machine: the real engine, the real store on its file, the real sessions, joined as the server
 * joins them. It can die at any moment; the next incarnation has the file and nothing else.
 */
import { Engine, type Executor, type Store, type WorkerEvents, type WorkerInfo } from "@tasker/engine";
import { defaultZeromqConfig, Roster, type ZeromqConfig, ZeromqCounters } from "@tasker/executors";
import type { Frame } from "@tasker/protocol";
import { openStore } from "@tasker/store";
import { RecordingLog } from "@tasker/testkit";
import { FaultyStore, type StoreFaults } from "./faulty-store.ts";
import type { Judge } from "./judge.ts";
import { type Kernel, Process, type Timer } from "./kernel.ts";
import type { Network } from "./network.ts";
import { between, chance, stream } from "./random.ts";
import { badOutputMember } from "./random-template.ts";
import type { Scenario } from "./scenario.ts";
import type { Trace } from "./trace.ts";

/** 2030-01-01, where simulated time starts. */
const wallStartMs = Date.UTC(2030, 0, 1);

export interface OrchestratorPorts {
  readonly scenario: Scenario;
  readonly kernel: Kernel;
  readonly network: Network;
  readonly trace: Trace;
  readonly judge: Judge;
  readonly storeFaults: StoreFaults;
  /** Called before each frame that leaves: the process may die between two of them. */
  readonly beforeSend: (process: Process) => void;
  /** Path of the database file. */
  readonly database: string;
}

interface Incarnation {
  readonly process: Process;
  readonly bornAt: number;
  readonly freezes: { readonly from: number; readonly until: number }[];
  engine: Engine | null;
  roster: Roster | null;
}

export class Orchestrator {
  readonly #ports: OrchestratorPorts;
  readonly #random;
  #current: Incarnation | null = null;
  #births = 0;
  #over = false;
  /** The wall clock is this far off. */
  wallOffsetMs = 0;
  /** How long a dead one stays dead. */
  restartMs = () => 20 + this.#random.uniform() ** 3 * 3_000;

  constructor(ports: OrchestratorPorts) {
    this.#ports = ports;
    this.#random = stream(ports.scenario.seed, "orchestrator");
  }

  /** Null while it is dead or starting. */
  get engine(): Engine | null {
    return this.#current?.engine ?? null;
  }

  get process(): Process | null {
    return this.#current?.process ?? null;
  }

  get births(): number {
    return this.#births;
  }

  start(): void {
    const { kernel, trace, scenario } = this.#ports;
    const process = new Process(`orchestrator#${++this.#births}`);
    const incarnation: Incarnation = { process, bornAt: kernel.now, freezes: [], engine: null, roster: null };
    this.#current = incarnation;
    trace.add(kernel.now, process.name, "starts");
    process.onDeath(() => {
      trace.add(kernel.now, process.name, "is dead");
      this.#current = null;
      if (!this.#over) kernel.after(this.restartMs(), null, () => this.start());
    });
    kernel.after(scenario.storeDelayMs, process, () => {
      this.#boot(incarnation).catch((error: Error) => {
        trace.add(kernel.now, process.name, `cannot start: ${error.message}`);
        process.kill();
      });
    });
  }

  kill(): void {
    this.#current?.process.kill();
  }

  /** SIGTERM: the turn that runs is finished, what it has to say is said, and the next incarnation starts. */
  restart(): void {
    const { kernel, trace } = this.#ports;
    const { process, engine, roster } = this.#current ?? {};
    if (process === undefined || engine == null) return;
    kernel.after(0, process, () => {
      trace.add(kernel.now, process.name, "stops");
      void engine.stop().then(() => {
        roster?.flush();
        process.kill();
      });
    });
  }

  /** The run is over. */
  shutDown(): void {
    this.#over = true;
    this.kill();
  }

  freeze(forMs: number): void {
    const { kernel, trace } = this.#ports;
    if (this.#current === null) return;
    const { process, freezes } = this.#current;
    if (process.frozenUntil > kernel.now) return;
    trace.add(kernel.now, process.name, `is frozen for ${forMs} ms`);
    process.frozenUntil = kernel.now + forMs;
    process.timersFirst = chance(this.#random, 0.5);
    freezes.push({ from: kernel.now, until: process.frozenUntil });
  }

  /** How long the present incarnation has been awake since then. */
  awakeSince(at: number): number {
    const { now } = this.#ports.kernel;
    const { bornAt, freezes } = this.#current!;
    const from = Math.max(at, bornAt);
    let awakeMs = now - from;
    for (const freeze of freezes) awakeMs -= Math.max(0, Math.min(now, freeze.until) - Math.max(from, freeze.from));
    return awakeMs;
  }

  async #boot(incarnation: Incarnation): Promise<void> {
    const { scenario, judge, trace, kernel, network } = this.#ports;
    const { process } = incarnation;
    const store = this.#faultyStore(await openStore({ database: this.#ports.database }), process);
    const { clock, scheduler } = this.#time(process);
    const log = new RecordingLog();
    const engine = new Engine(
      { store, clock, scheduler, log, random: this.#random, compileSchema: () => problemsOfOutput },
      scenario.engine,
    );
    void engine.failed.then((error) => {
      if (!process.alive) return;
      trace.add(kernel.now, process.name, `gives up: ${error.message}`);
      if (error.name !== "StoreError") judge.crashed(error);
      process.kill();
    });
    await engine.start();
    if (!process.alive) return;
    this.#publishNowAndThen(store, process);
    incarnation.engine = engine;
    engine.onHistory(() => judge.remembers(engine));
    const roster = this.#roster(engine, process, log, clock.wallMs);
    incarnation.roster = roster;
    const tick = () => {
      roster.tick(clock.monotonicMs());
      kernel.timer(zeromqConfig.tickMs, process, tick);
    };
    tick();
    network.bind(process, roster);
    trace.add(kernel.now, process.name, `is ready with ${engine.activeTasks} active tasks`);
  }

  /** Readers want to see what is committed; in most runs they ask rarely, so that a crash finds turns in the log. */
  #publishNowAndThen(store: Store, process: Process): void {
    const { kernel } = this.#ports;
    const pauseMs = between(this.#random, 1, 100) ** 2;
    const publish = () => {
      // The engine hears of a failure with its next commit.
      Promise.resolve(store.publish()).catch(() => {});
      kernel.timer(pauseMs, process, publish);
    };
    kernel.timer(pauseMs, process, publish);
  }

  #faultyStore(store: Store, process: Process): Store {
    const { kernel, trace, judge, scenario, storeFaults } = this.#ports;
    process.onDeath(() => void store.close());
    return new FaultyStore({
      store,
      process,
      kernel,
      trace,
      random: this.#random,
      faults: storeFaults,
      longestDelayMs: scenario.storeDelayMs,
      committed: (record) => judge.committed(record),
      refused: (error) => judge.crashed(error),
    });
  }

  #time(process: Process) {
    const { kernel } = this.#ports;
    // Monotonic time of different incarnations has nothing in common.
    const base = between(this.#random, 0, 1_000_000) - kernel.now;
    const clock = {
      wallMs: () => Math.floor(wallStartMs + kernel.now + this.wallOffsetMs),
      monotonicMs: () => base + kernel.now,
    };
    let wake: Timer | null = null;
    const scheduler = {
      soon: (run: () => void) => void kernel.after(0.01, process, run),
      wakeAt: (at: number | null, run: () => void) => {
        if (wake !== null) wake.cancelled = true;
        // Timers of real machines come up to a millisecond early, or late.
        const early = this.#random.uniform() * 3 - 1;
        wake = at === null ? null : kernel.timer(at - clock.monotonicMs() + early, process, run);
      },
    };
    return { clock, scheduler };
  }

  #roster(engine: Engine, process: Process, log: RecordingLog, wallMs: () => number): Roster {
    const { network, beforeSend } = this.#ports;
    const events: WorkerEvents = {
      ...engine.workerEvents,
      workerJoined: (worker) => engine.workerEvents.workerJoined(this.#watched(worker, engine)),
    };
    const wire = {
      send: (frame: Frame, refused: () => void) => {
        beforeSend(process);
        if (process.alive) network.send(frame, refused);
      },
    };
    return new Roster({
      config: zeromqConfig,
      events,
      wire,
      log,
      random: this.#random,
      orchestratorId: "orchestrator",
      counters: new ZeromqCounters(),
      firstSeq: () => Math.floor(wallMs() * 1_000),
    });
  }

  /** The same worker, with the judge at the door of its executor. */
  #watched(worker: WorkerInfo, engine: Engine): WorkerInfo {
    const { judge } = this.#ports;
    const { executor } = worker;
    const inRoster = (key: string) => engine.workers().find(({ info }) => info.key === key);
    const watched: Executor = {
      kind: executor.kind,
      dispatch: (key, batch) => {
        judge.dispatched(inRoster(key), batch);
        executor.dispatch(key, batch);
      },
      acknowledge: (key, leaseIds) => {
        judge.acknowledged(inRoster(key), leaseIds);
        executor.acknowledge(key, leaseIds);
      },
      acknowledgeTimeouts: (key, leaseIds) => executor.acknowledgeTimeouts(key, leaseIds),
      settleCheckpoints: (key, checkpoints) => {
        judge.check(() => judge.checkpoints.settled(checkpoints));
        executor.settleCheckpoints(key, checkpoints);
      },
      cancel: (key, leaseIds, reason) => executor.cancel(key, leaseIds, reason),
      drain: (key, reason) => executor.drain(key, reason),
    };
    return { ...worker, executor: watched };
  }
}

export const zeromqConfig: ZeromqConfig = { ...defaultZeromqConfig, steps: ["simulated"], results: ["simulated"] };

/** What `result_schema` means here: an output that says it is bad is bad. */
function problemsOfOutput(value: unknown): readonly { path: string; message: string }[] {
  return Object.hasOwn(Object(value), badOutputMember) ? [{ path: badOutputMember, message: "must not be there" }] : [];
}
