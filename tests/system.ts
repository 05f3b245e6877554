/**
 * The whole system for tests: real processes of the `tasker` command and of workers, on a database in a folder of their
 * own. Everything that was started is ended with the test.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const root = join(import.meta.dirname, "..");
const tasker = join(root, "apps/cli/bin/tasker.js");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Endpoints {
  readonly http: string;
  readonly steps: string;
  readonly results: string;
}

export interface HistoryEvent {
  readonly seq: number;
  readonly step: string | null;
  readonly from: string | null;
  readonly to: string;
  readonly attempt: number | null;
  readonly lease_id: string | null;
  readonly reason: string | null;
}

export interface TaskView {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly steps: readonly {
    readonly name: string;
    readonly status: string;
    readonly reason: string | null;
    readonly attempt: number;
    readonly depends_on: readonly string[];
    readonly output: unknown;
    readonly error: { readonly code?: string; readonly message: string } | null;
  }[];
}

export class System {
  readonly folder = mkdtempSync(join(tmpdir(), "tasker-system-"));
  readonly #children = new Set<ChildProcess>();
  readonly #log: string[] = [];
  server: ChildProcess | undefined;
  endpoints: Endpoints = { http: "http://127.0.0.1:0", steps: "", results: "" };

  /** Starts the orchestrator on this system's database; a second time on the same address. */
  async startServer(...flags: string[]): Promise<void> {
    const address = new URL(this.endpoints.http).host;
    const args = ["server", "--database", join(this.folder, "tasker.db"), "--http", address, "--json", ...flags];
    const server = this.spawn(process.execPath, [tasker, ...args]);
    this.server = server;
    const lines = createInterface({ input: server.stdout! });
    const [first] = (await Promise.race([once(lines, "line"), exited(server, () => this.said())])) as [string];
    this.endpoints = JSON.parse(first) as Endpoints;
  }

  /** Starts a worker process: a TypeScript file of this repository. */
  startWorker(file: string, env: Record<string, string> = {}): ChildProcess {
    return this.spawn(process.execPath, [join(root, file)], {
      TASKER_STEPS_ENDPOINT: this.endpoints.steps,
      TASKER_RESULTS_ENDPOINT: this.endpoints.results,
      ...env,
    });
  }

  spawn(command: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const child = spawn(command, args, { cwd: this.folder, env: { ...process.env, NO_COLOR: "1", ...env } });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    child.stderr.on("data", (text) => this.#log.push(String(text)));
    return child;
  }

  /** Runs `tasker ...` against this system to its end. */
  async tasker(...args: string[]): Promise<Outcome> {
    const child = this.spawn(process.execPath, [tasker, ...args], { TASKER_URL: this.endpoints.http });
    const texts = { stdout: "", stderr: "" };
    child.stdout!.on("data", (text) => {
      texts.stdout += text;
    });
    child.stderr!.on("data", (text) => {
      texts.stderr += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, ...texts };
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.endpoints.http + path);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const headers = { "content-type": "application/json" };
    const response = await fetch(this.endpoints.http + path, { method: "POST", headers, body: text });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** The whole history of a task. */
  async events(id: string): Promise<HistoryEvent[]> {
    const events: HistoryEvent[] = [];
    for (let path: string | null = `/v1/tasks/${id}/events?limit=1000`; path !== null; ) {
      const page: { items: HistoryEvent[]; next_cursor: string | null } = await this.get(path);
      events.push(...page.items);
      path = page.next_cursor === null ? null : `/v1/tasks/${id}/events?limit=1000&after=${page.next_cursor}`;
    }
    return events;
  }

  /** Waits until every one of these tasks is where it stays, asking the server; bounded. */
  async settled(ids: readonly string[], withinMs: number): Promise<TaskView[]> {
    const end = performance.now() + withinMs;
    const views: TaskView[] = [];
    for (const id of ids) {
      for (;;) {
        const view = await this.get<TaskView>(`/v1/tasks/${id}`);
        if (view.status !== "in_progress") {
          views.push(view);
          break;
        }
        if (performance.now() > end) throw new Error(`task ${id} is still in_progress\n${this.said()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    return views;
  }

  said(): string {
    return this.#log.join("").slice(-8_000);
  }

  async kill(child: ChildProcess): Promise<void> {
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async close(): Promise<void> {
    const children = [...this.#children];
    const gone = children.map((child) => once(child, "exit"));
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(gone);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function exited(child: ChildProcess, said: () => string): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`the server ended with ${code} before it was ready\n${said()}`);
}

/** Every dependency was respected: no step started before all its parents had completed. */
export function startedTooEarly(view: TaskView, events: readonly HistoryEvent[]): string[] {
  const completed = new Set<string>();
  const parents = new Map(view.steps.map((step) => [step.name, step.depends_on]));
  const wrong: string[] = [];
  for (const { step, to, from } of events) {
    if (step === null || from === to) continue;
    if (to === "in_progress")
      wrong.push(
        ...parents
          .get(step)!
          .filter((name) => !completed.has(name))
          .map((name) => `${step} before ${name}`),
      );
    if (to === "completed") completed.add(step);
  }
  return wrong;
}
