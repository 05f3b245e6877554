/** Tasker as its users run it: the `tasker server` command on the embedded store, a worker process, tasks over HTTP in bulk. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { stopProcess } from "../../services/service.ts";
import { type Peer, type PeerKind, type PeerPlace, parts, payload, type Shape } from "../peer.ts";

export const tasker: PeerKind = {
  name: "Tasker",
  durability: "embedded SQLite, fsynced before it answers (default)",
  durable: true,
  open,
};

const root = join(import.meta.dirname, "../../..");
const tasksPerCall = 1_000;

async function open({ folder }: PeerPlace): Promise<Peer> {
  const flags = ["--database", join(folder, "tasker.db"), "--http", "127.0.0.1:0", "--json"];
  const server = start([join(root, "apps/cli/bin/tasker.js"), "server", ...flags], { TASKER_LOG_LEVEL: "error" });
  const [line] = (await once(createInterface({ input: server.stdout! }), "line")) as [string];
  const { http, steps, results } = JSON.parse(line) as { http: string; steps: string; results: string };
  const worker = start([join(import.meta.dirname, "../../tasker/worker.ts")], {
    TASKER_STEPS_ENDPOINT: steps,
    TASKER_RESULTS_ENDPOINT: results,
    TASKER_CONCURRENCY: "1000",
    TASKER_LOG_LEVEL: "error",
    PAYLOAD_BYTES: "100",
    HANDLER_MS: "0",
  });
  const client = new Client(http);
  for (const shape of ["single", "chain", "fan-out"] as const) await client.applyTemplate(shape);
  return {
    shapes: ["single", "chain", "fan-out"],
    latencyTasks: 200,
    run: (shape, tasks) => client.run(shape, tasks),
    runChain: () => client.runChain(),
    async close() {
      client.close();
      await stopProcess(worker, "SIGKILL");
      await stopProcess(server);
    },
  };
}

function start(args: readonly string[], env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.once("exit", () => child.kill("SIGKILL"));
  return child;
}

class Client {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #waiting = new Map<string, () => void>();
  readonly #early = new Set<string>();
  #streaming: Promise<void> | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  async applyTemplate(shape: Shape): Promise<void> {
    const names = Array.from({ length: shape === "single" ? 1 : 10 }, (_, i) => `step_${i}`);
    const steps = names.map((name, i) => ({
      name,
      handler: "noop",
      depends_on: shape === "chain" && i > 0 ? [names[i - 1]!] : [],
      previous_results: "direct",
    }));
    if (shape === "fan-out")
      steps.push({ name: "join", handler: "noop", depends_on: names, previous_results: "direct" });
    const template = { namespace: "bench", name: shape, version: "1.0.0", steps };
    await this.#send("PUT", `/v1/templates/bench/${shape}/1.0.0`, JSON.stringify(template));
  }

  async run(shape: Shape, tasks: number): Promise<void> {
    const target = (await this.#completed()) + tasks;
    const task = JSON.stringify({ namespace: "bench", name: shape, context: payload });
    const calls = parts(tasks, tasksPerCall);
    const caller = async () => {
      for (let count = calls.pop(); count !== undefined; count = calls.pop()) {
        const body = `{"tasks":[${new Array<string>(count).fill(task).join(",")}]}`;
        while ((await this.#send("POST", "/v1/tasks/bulk", body, [200, 201, 429, 503])).status >= 400) await wait(20);
      }
    };
    await Promise.all([caller(), caller()]);
    while ((await this.#completed()) < target) await wait(20);
  }

  async runChain(): Promise<void> {
    this.#streaming ??= this.#listen();
    await this.#streaming;
    const body = JSON.stringify({ namespace: "bench", name: "chain", context: payload });
    const { id } = JSON.parse((await this.#send("POST", "/v1/tasks", body)).text) as { id: string };
    if (!this.#early.delete(id)) await new Promise<void>((resolve) => this.#waiting.set(id, resolve));
  }

  close(): void {
    this.#agent.destroy();
  }

  async #completed(): Promise<number> {
    const { text } = await this.#send("GET", "/metrics");
    return Number(/^tasker_tasks_total\{event="completed"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** One stream of all events tells which tasks have ended. */
  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = request(`${this.#url}/v1/stream`, { agent: false }, (answer) => {
        const lines = createInterface({ input: answer });
        lines.on("line", (line) => {
          if (line.startsWith("data: ")) this.#heard(JSON.parse(line.slice(6)));
        });
        lines.on("error", () => {});
        answer.on("error", () => {});
        resolve();
      });
      stream.on("error", reject);
      stream.end();
      this.#agent.destroy = () => stream.destroy() as never;
    });
  }

  #heard({ task_id, step, to }: { task_id: string; step: string | null; to: string }): void {
    if (step !== null || to !== "completed") return;
    const resolve = this.#waiting.get(task_id);
    this.#waiting.delete(task_id);
    if (resolve === undefined) this.#early.add(task_id);
    else resolve();
  }

  #send(method: string, path: string, body?: string, accept: readonly number[] = [200, 201]) {
    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers =
        body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const call = request(`${this.#url}${path}`, { method, headers, agent: this.#agent }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part) => {
          text += part;
        });
        answer.on("end", () => {
          const status = answer.statusCode!;
          if (accept.includes(status)) resolve({ status, text });
          else reject(new Error(`${method} ${path}: ${status} ${text.slice(0, 500)}`));
        });
      });
      call.on("error", reject);
      call.end(body);
    });
  }
}
