/** The real orchestrator, as a process of its own on a database of its own: can be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stringifyLossless } from "@tasker/json";
import { withoutTasker } from "./worker-process.ts";

export interface StepView {
  readonly name: string;
  readonly status: string;
  readonly reason: string | null;
  readonly attempt: number;
  readonly output: unknown;
  readonly error: { readonly code?: string; readonly message?: string } | null;
}

export interface TaskView {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly steps: readonly StepView[];
}

/** A step of a template, with the names of docs/reference/templates.md. */
export interface TemplateStep {
  readonly name: string;
  readonly handler: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly depends_on?: readonly string[];
  readonly timeout?: string;
  readonly on_lost?: "retry" | "hold" | "fail";
  readonly retry?: { readonly limit: number; readonly base?: string; readonly backoff?: string };
}

const askAgainMs = 50;
/** Longer than by default (10 s), so that a slow machine is not taken for a worker that does not declare its leases. */
const leaseGraceMs = "30000";

export class Orchestrator {
  readonly #command: readonly string[];
  readonly #folder: string;
  #process: ChildProcess | null = null;
  #http = "http://127.0.0.1:0";
  #endpoints = { steps: "", results: "" };
  #log = "";
  #templates = 0;

  /**
   * @param command what starts `tasker`
   * @param folder where its database and sockets are
   */
  constructor(command: readonly string[], folder: string) {
    this.#command = command;
    this.#folder = folder;
  }

  get endpoints(): { readonly steps: string; readonly results: string } {
    return this.#endpoints;
  }

  /** Starts it; after `kill` on the same database, endpoints and address. @throws Error when it does not get ready */
  async start(): Promise<void> {
    const [program, ...args] = this.#command;
    const flags = [
      "server",
      "--json",
      "--database",
      join(this.#folder, "tasker.db"),
      "--http",
      new URL(this.#http).host,
    ];
    const child = spawn(program!, [...args, ...flags, "--log-level", "warn"], {
      cwd: this.#folder,
      env: { ...withoutTasker(process.env), TASKER_LEASE_GRACE_MS: leaseGraceMs },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    child.stderr.on("data", (text) => {
      this.#log = (this.#log + text).slice(-8_000);
    });
    const ended = once(child, "exit").then(() => Promise.reject(new Error(`the orchestrator ended\n${this.#log}`)));
    ended.catch(() => {});
    const [line] = (await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended])) as [string];
    const ready = JSON.parse(line) as { http: string; steps: string; results: string };
    this.#http = ready.http;
    this.#endpoints = ready;
  }

  /** As `kill -9` does: nothing is stored, nobody is told. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** Applies a template with these steps and submits one task of it. @returns the task's id */
  async submit(steps: readonly TemplateStep[], context: unknown): Promise<string> {
    return await this.submitText(steps, stringifyLossless(context)!);
  }

  /** The same with a context as JSON text, which arrives unchanged. */
  async submitText(steps: readonly TemplateStep[], context: string): Promise<string> {
    const name = `case_${++this.#templates}`;
    const template = { namespace: "conformance", name, version: "1.0.0", steps };
    await this.#ask("PUT", `/v1/templates/conformance/${name}/1.0.0`, JSON.stringify(template));
    const body = `{"namespace":"conformance","name":"${name}","context":${context}}`;
    return (JSON.parse(await this.#ask("POST", "/v1/tasks", body)) as TaskView).id;
  }

  async task(id: string): Promise<TaskView> {
    return JSON.parse(await this.taskText(id)) as TaskView;
  }

  /** The task as the orchestrator prints it, integers of any size. */
  async taskText(id: string): Promise<string> {
    return await this.#ask("GET", `/v1/tasks/${id}`);
  }

  async cancel(id: string): Promise<void> {
    await this.#ask("POST", `/v1/tasks/${id}/cancel`, "{}");
  }

  /** Asks until the task is as wanted. @returns it as it was last seen, and whether it is */
  async until(
    id: string,
    wanted: (task: TaskView) => boolean,
    ms: number,
  ): Promise<{ readonly task: TaskView; readonly isThere: boolean }> {
    const end = performance.now() + ms;
    for (;;) {
      const task = await this.task(id);
      const isThere = wanted(task);
      if (isThere || performance.now() > end) return { task, isThere };
      await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
  }

  async #ask(method: string, path: string, body: string | null = null): Promise<string> {
    const response = await fetch(this.#http + path, {
      method,
      headers: body === null ? {} : { "content-type": "application/json" },
      body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the orchestrator answered ${method} ${path} with ${response.status}: ${text}`);
    return text;
  }
}
