/**
 * One orchestrator with its workers, a client, a load and the network between them, in a folder of their own. Faults are
 * done to it; in the end it has to come to rest, and the auditor looks at what is left.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom } from "@tasker/testkit";
import { type Audit, type AuditFiles, audit } from "./auditor.ts";
import { Client } from "./client.ts";
import { Link } from "./link.ts";
import { Load, orderFolder, templateFolder } from "./load.ts";
import { Orchestrator, type ResultCounts, type TaskState } from "./orchestrator.ts";
import { type Process, Processes } from "./processes.ts";
import { until } from "./waiting.ts";
import { commandOf, type Language } from "./workers.ts";

export interface WorldOptions {
  readonly seed: number;
  /** `tcp` where a network is needed between the two; `ipc` otherwise. */
  readonly transport?: "ipc" | "tcp";
  /** Of this machine, for `tcp`: reached by workers that are not on the loopback. */
  readonly address?: string;
  /** Of the load; null: no load. */
  readonly everyMs?: number | null;
  readonly withoutTemplates?: readonly string[];
  /** Where the database is, if not in the world's folder. */
  readonly databaseFolder?: string;
  readonly serverEnv?: Readonly<Record<string, string>>;
}

export interface WorkerOptions {
  readonly language?: Language;
  readonly handlers?: readonly string[];
  readonly concurrency?: number;
  /** Through a proxy that can be disturbed. */
  readonly link?: Link;
  readonly inside?: readonly string[];
}

/** Within this time after the last fault everything has to be where it stays. */
export const restsWithinMs = 90_000;

export class World {
  readonly folder: string;
  readonly processes = new Processes();
  readonly random: SeededRandom;
  readonly database: string;
  readonly orchestrator: Orchestrator;
  readonly client: Client;
  readonly load: Load | null;
  readonly #links: Link[] = [];
  /** What earlier lives of the orchestrator have counted. */
  #counted: ResultCounts = { applied: 0, late_applied: 0, late_recorded: 0, duplicate: 0, unknown: 0 };
  /** Processes that a fault has killed. */
  kills = 0;
  /** How long its orchestrator took to start before there was any fault. */
  startedInMs = 0;

  private constructor(options: WorldOptions) {
    this.folder = mkdtempSync(join(tmpdir(), "tasker-chaos-"));
    mkdirSync(this.#logs);
    this.random = new SeededRandom(options.seed);
    this.database = join(options.databaseFolder ?? this.folder, "tasker.db");
    const { transport = "ipc", address = "127.0.0.1", everyMs = 100 } = options;
    const endpoint = (name: string) =>
      transport === "ipc" ? `ipc://${join(this.folder, `${name}.sock`)}` : `tcp://${address}:*`;
    this.orchestrator = new Orchestrator(this.processes, this.folder, {
      database: this.database,
      steps: endpoint("steps"),
      results: endpoint("results"),
      env: options.serverEnv ?? {},
    });
    this.client = new Client("task", this.#clientLog, () => this.orchestrator.addresses.http);
    this.load = everyMs === null ? null : new Load(this.client, this.random, everyMs, options.withoutTemplates ?? []);
  }

  /** Starts the orchestrator and gives it the templates. Workers and load are for the caller to start. */
  static async open(options: WorldOptions): Promise<World> {
    const world = new World(options);
    try {
      world.startedInMs = await world.orchestrator.start();
      await world.#applyTemplates();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async #applyTemplates(): Promise<void> {
    for (const file of readdirSync(templateFolder)) {
      await this.orchestrator.putTemplate(readFileSync(join(templateFolder, file), "utf8"));
    }
    await this.orchestrator.putTemplate(readFileSync(join(orderFolder, "template.yaml"), "utf8"));
  }

  // ------------------------------------------------------------------------------------------------------- workers

  /** Starts a worker, and the next one once this one has joined if you await `joined`. */
  startWorker(id: string, options: WorkerOptions = {}): Process {
    const { language = "typescript", handlers, concurrency = 20, link, inside = [] } = options;
    const { steps, results } = link?.endpoints ?? this.orchestrator.addresses;
    return this.processes.start(id, [...inside, ...commandOf(language)], this.folder, {
      TASKER_STEPS_ENDPOINT: steps,
      TASKER_RESULTS_ENDPOINT: results,
      TASKER_WORKER_ID: id,
      TASKER_CONCURRENCY: String(concurrency),
      CHAOS_LOG: join(this.#logs, `${id}.log`),
      ...(handlers === undefined ? {} : { CHAOS_HANDLERS: handlers.join(",") }),
    });
  }

  /** Waits until the orchestrator counts these workers among those that it gives steps to. */
  async joined(...ids: string[]): Promise<void> {
    await until(`workers ${ids.join(", ")} are ready`, 60_000, async () => {
      const ready = (await this.orchestrator.workers()).filter(({ status }) => status === "ready");
      return ids.every((id) => ready.some((worker) => worker.id === id));
    });
  }

  /** A network to put between a worker and the orchestrator; needs the transport `tcp`. */
  async link(): Promise<Link> {
    const link = await Link.open(this.orchestrator.addresses);
    this.#links.push(link);
    return link;
  }

  /** A worker that is started again whenever it ends, until the function that is returned is called. */
  keepWorker(id: string, options: WorkerOptions = {}): { readonly current: () => Process; readonly stop: () => void } {
    let stopped = false;
    let current = this.startWorker(id, options);
    const watch = (): void => {
      void current.exited.then(() => {
        if (stopped) return;
        current = this.startWorker(id, options);
        watch();
      });
    };
    watch();
    return {
      current: () => current,
      stop: () => {
        stopped = true;
      },
    };
  }

  // ------------------------------------------------------------------------------------------------------ the faults

  /** SIGKILL. What it has counted so far is kept. */
  async killOrchestrator(): Promise<void> {
    await this.keepCounts();
    await this.orchestrator.kill();
    this.kills++;
  }

  async killWorker(worker: Process): Promise<void> {
    await worker.kill();
    this.kills++;
  }

  /** Before the orchestrator ends: its counters end with it. */
  async keepCounts(): Promise<void> {
    const counts = await this.orchestrator.resultCounts().catch(() => null);
    if (counts === null) return;
    const add = (name: keyof ResultCounts) => this.#counted[name] + counts[name];
    this.#counted = {
      applied: add("applied"),
      late_applied: add("late_applied"),
      late_recorded: add("late_recorded"),
      duplicate: add("duplicate"),
      unknown: add("unknown"),
    };
  }

  /** Results by what was done with them, over all lives of the orchestrator; those of a killed one's last moment are missing. */
  get counted(): ResultCounts {
    return this.#counted;
  }

  // ---------------------------------------------------------------------------------------------------------- the end

  /**
   * No new tasks; waits until all are acknowledged and each one is where it stays. @throws TooLate when the bound is
   * over
   */
  async rest(withinMs = restsWithinMs): Promise<void> {
    this.load?.stop();
    await until("every task is acknowledged", withinMs, () => this.client.pending === 0);
    await until("no task is in progress", withinMs, async () => {
      const page = await this.orchestrator.get<{ items: unknown[] }>("/v1/tasks?status=in_progress&limit=1");
      return page.items.length === 0;
    });
  }

  /** Waits until these tasks are where they stay. */
  async settled(ids: readonly string[], withinMs = restsWithinMs): Promise<TaskState[]> {
    const states: TaskState[] = [];
    for (const id of ids) {
      states.push(
        await until(`task ${id} is where it stays`, withinMs, async () => {
          const state = await this.orchestrator.task(id).catch(() => null);
          return state !== null && state.status !== "in_progress" ? state : null;
        }),
      );
    }
    return states;
  }

  /** What the auditor reads. */
  files(): AuditFiles {
    const workerLogs = readdirSync(this.#logs).map((name) => join(this.#logs, name));
    return { database: this.database, clientLogs: [this.#clientLog], workerLogs };
  }

  audit(): Promise<Audit> {
    return audit(this.files());
  }

  async close(): Promise<void> {
    this.load?.stop();
    this.client.stop();
    for (const link of this.#links) link.close();
    await this.processes.endAll();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #logs(): string {
    return join(this.folder, "executions");
  }

  get #clientLog(): string {
    return join(this.folder, "client.log");
  }
}
