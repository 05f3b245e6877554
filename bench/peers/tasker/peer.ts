/** Tasker as its users run it: the `tasker server` command on the embedded store, a worker process, tasks over HTTP in bulk. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { stopProcess } from "../../services/service.ts";
import { bulkBody, TaskerServer } from "../../tasker/server.ts";
import { type Peer, type PeerKind, type PeerPlace, parts, payload, type Shape } from "../peer.ts";

export const tasker: PeerKind = {
  name: "Tasker",
  durability: "embedded SQLite, fsynced before it answers (default)",
  durable: true,
  open,
};

const tasksPerCall = 1_000;

async function open({ folder }: PeerPlace): Promise<Peer> {
  const server = await TaskerServer.start(join(folder, "tasker.db"));
  const worker = startWorker(server);
  const shapes = ["single", "chain", "fan-out"] as const;
  for (const shape of shapes) {
    await server.send("PUT", `/v1/templates/bench/${shape}/1.0.0`, JSON.stringify(template(shape)));
  }
  const client = new Client(server);
  return {
    shapes,
    latencyTasks: 200,
    run: (shape, tasks) => client.run(shape, tasks),
    runChain: () => client.runChain(),
    async close() {
      await stopProcess(worker, "SIGKILL");
      await server.stop();
    },
  };
}

function startWorker({ steps, results }: TaskerServer) {
  const env = {
    TASKER_STEPS_ENDPOINT: steps,
    TASKER_RESULTS_ENDPOINT: results,
    TASKER_CONCURRENCY: "1000",
    TASKER_LOG_LEVEL: "error",
    PAYLOAD_BYTES: "100",
    HANDLER_MS: "0",
  };
  const file = join(import.meta.dirname, "../../tasker/worker.ts");
  const worker = spawn(process.execPath, [file], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  process.once("exit", () => worker.kill("SIGKILL"));
  return worker;
}

function template(shape: Shape): object {
  const names = Array.from({ length: shape === "single" ? 1 : 10 }, (_, i) => `step_${i}`);
  const step = (name: string, dependencies: readonly string[]) => ({
    name,
    handler: "noop",
    depends_on: dependencies,
    previous_results: "direct",
  });
  const steps = names.map((name, i) => step(name, shape === "chain" && i > 0 ? [names[i - 1]!] : []));
  if (shape === "fan-out") steps.push(step("join", names));
  return { namespace: "bench", name: shape, version: "1.0.0", steps };
}

class Client {
  readonly #server: TaskerServer;
  readonly #waiting = new Map<string, () => void>();
  /** Ended before the submission's answer was read. */
  readonly #early = new Set<string>();
  #streaming: Promise<void> | null = null;

  constructor(server: TaskerServer) {
    this.#server = server;
  }

  /** Two calls at once; a refusal for overload is tried again, as it asks for. */
  async run(shape: Shape, tasks: number): Promise<void> {
    const target = (await this.#completed()) + tasks;
    const task = submission(shape);
    const calls = parts(tasks, tasksPerCall);
    const caller = async () => {
      for (let count = calls.pop(); count !== undefined; count = calls.pop()) {
        const body = bulkBody(task, count);
        while ((await this.#server.send("POST", "/v1/tasks/bulk", body, [200, 201, 429, 503])).status >= 400)
          await wait(20);
      }
    };
    await Promise.all([caller(), caller()]);
    while ((await this.#completed()) < target) await wait(20);
  }

  async runChain(): Promise<void> {
    this.#streaming ??= this.#server.listen((event) => this.#heard(event));
    await this.#streaming;
    const { id } = JSON.parse((await this.#server.send("POST", "/v1/tasks", submission("chain"))).text) as {
      id: string;
    };
    if (!this.#early.delete(id)) await new Promise<void>((resolve) => this.#waiting.set(id, resolve));
  }

  async #completed(): Promise<number> {
    const { text } = await this.#server.send("GET", "/metrics");
    return Number(/^tasker_tasks_total\{event="completed"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  #heard({ task_id, step, to }: { task_id: string; step: string | null; to: string }): void {
    if (step !== null || to !== "completed") return;
    const resolve = this.#waiting.get(task_id);
    this.#waiting.delete(task_id);
    if (resolve === undefined) this.#early.add(task_id);
    else resolve();
  }
}

function submission(name: Shape): string {
  return JSON.stringify({ namespace: "bench", name, context: payload });
}
