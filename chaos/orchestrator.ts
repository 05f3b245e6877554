/** The orchestrator of a run: `tasker server` as a process of its own, on one database and one set of addresses. */
import { once } from "node:events";
import { join } from "node:path";
import type { Exit, Process, Processes } from "./processes.ts";

const tasker = join(import.meta.dirname, "../apps/cli/bin/tasker.js");

export interface OrchestratorOptions {
  readonly database: string;
  /** Endpoints to bind; port 0 or `*` is replaced by the one that was free at the first start. */
  readonly steps: string;
  readonly results: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs another, e.g. `ip netns exec NAME`. */
  readonly inside?: readonly string[];
}

export interface Addresses {
  readonly http: string;
  readonly steps: string;
  readonly results: string;
}

export interface TaskState {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly steps: readonly {
    readonly name: string;
    readonly status: string;
    readonly reason: string | null;
    readonly attempt: number;
    readonly worker_id: string | null;
    readonly error: { readonly code?: string } | null;
  }[];
}

export interface WorkerState {
  readonly id: string;
  readonly key: string;
  readonly status: string;
  readonly capacity: number;
  readonly in_flight: number;
}

/** Results as the orchestrator counts them; a restart begins at 0. */
export interface ResultCounts {
  readonly applied: number;
  readonly late_applied: number;
  readonly late_recorded: number;
  readonly duplicate: number;
  readonly unknown: number;
}

export class Orchestrator {
  readonly #processes: Processes;
  readonly #options: OrchestratorOptions;
  readonly #folder: string;
  process: Process | null = null;
  addresses: Addresses;

  constructor(processes: Processes, folder: string, options: OrchestratorOptions) {
    this.#processes = processes;
    this.#folder = folder;
    this.#options = options;
    this.addresses = { http: "http://127.0.0.1:0", steps: options.steps, results: options.results };
  }

  /** @returns milliseconds until it was ready @throws Error with its last words when it ends instead */
  async start(): Promise<number> {
    const began = performance.now();
    const started = this.launch();
    const first = await Promise.race([once(started.lines, "line"), started.exited]);
    if (!Array.isArray(first)) throw new Error(`the orchestrator ended before it was ready:\n${started.said}`);
    this.addresses = JSON.parse(first[0]) as Addresses;
    return performance.now() - began;
  }

  /** Starts the process and does not wait until it is ready. */
  launch(): Process {
    const { database, env = {}, inside = [] } = this.#options;
    const { http, steps, results } = this.addresses;
    const flags = ["--database", database, "--http", new URL(http).host, "--steps", steps, "--results", results];
    const command = [...inside, process.execPath, tasker, "server", ...flags, "--json"];
    this.process = this.#processes.start("orchestrator", command, this.#folder, env);
    return this.process;
  }

  get pid(): number {
    return this.process!.pid;
  }

  kill(): Promise<Exit> {
    return this.process!.kill();
  }

  terminate(): Promise<Exit> {
    return this.process!.terminate();
  }

  // ----------------------------------------------------------------------------------------------------- asking it

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.addresses.http + path, { signal: AbortSignal.timeout(60_000) });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async putTemplate(text: string): Promise<void> {
    const value = (key: string) => new RegExp(`^${key}: (.+)$`, "m").exec(text)![1]!;
    const path = `/v1/templates/${value("namespace")}/${value("name")}/${value("version")}`;
    const response = await fetch(this.addresses.http + path, {
      method: "PUT",
      headers: { "content-type": "application/yaml" },
      body: text,
    });
    if (!response.ok) throw new Error(`PUT ${path}: ${response.status} ${await response.text()}`);
  }

  task(id: string): Promise<TaskState> {
    return this.get(`/v1/tasks/${id}`);
  }

  async workers(): Promise<readonly WorkerState[]> {
    return (await this.get<{ items: WorkerState[] }>("/v1/workers")).items;
  }

  async resultCounts(): Promise<ResultCounts> {
    const response = await fetch(`${this.addresses.http}/metrics`, { signal: AbortSignal.timeout(10_000) });
    const text = await response.text();
    const count = (outcome: string) =>
      Number(new RegExp(`^tasker_results_total\\{outcome="${outcome}"\\} (\\d+)`, "m").exec(text)?.[1] ?? 0);
    return {
      applied: count("applied"),
      late_applied: count("late_applied"),
      late_recorded: count("late_recorded"),
      duplicate: count("duplicate"),
      unknown: count("unknown"),
    };
  }
}
