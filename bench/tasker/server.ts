/** Tasker as its users run it: the `tasker server` command in a process of its own, spoken to over HTTP. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stopProcess } from "../services/service.ts";

const command = join(import.meta.dirname, "../../apps/cli/bin/tasker.js");

export class TaskerServer {
  readonly http: string;
  readonly steps: string;
  readonly results: string;
  readonly process: ChildProcess;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(process: ChildProcess, endpoints: { http: string; steps: string; results: string }) {
    this.process = process;
    this.http = endpoints.http;
    this.steps = endpoints.steps;
    this.results = endpoints.results;
  }

  /** Resolves when it is ready. @param database what `--database` is given */
  static async start(database: string): Promise<TaskerServer> {
    const flags = ["--database", database, "--http", "127.0.0.1:0", "--json"];
    const child = spawn(process.execPath, [command, "server", ...flags], {
      env: { ...process.env, TASKER_LOG_LEVEL: "error" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    process.once("exit", () => child.kill("SIGKILL"));
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`tasker server ended with ${code} before it was ready`);
    });
    ended.catch(() => {});
    const [line] = (await Promise.race([once(createInterface({ input: child.stdout! }), "line"), ended])) as [string];
    return new TaskerServer(child, JSON.parse(line) as { http: string; steps: string; results: string });
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await stopProcess(this.process);
  }

  /** @throws Error when the status is not one of `accept` */
  send(method: string, path: string, body?: string, accept: readonly number[] = [200, 201]) {
    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const type = { "content-type": "application/json", "content-length": Buffer.byteLength(body ?? "") };
      const headers = body === undefined ? {} : type;
      const call = request(`${this.http}${path}`, { method, headers, agent: this.#agent }, (answer) => {
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

  /** Calls back with every event, as long as the server runs. Resolves when the stream has begun. */
  listen(heard: (event: { task_id: string; step: string | null; to: string }) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = request(`${this.http}/v1/stream`, { agent: false }, (answer) => {
        createInterface({ input: answer })
          .on("line", (line) => {
            if (line.startsWith("data: ")) heard(JSON.parse(line.slice("data: ".length)));
          })
          .on("error", () => {});
        answer.on("error", () => {});
        resolve();
      });
      stream.on("error", reject);
      stream.end();
    });
  }
}

/** The body of `POST /v1/tasks/bulk` with `count` times the same task. */
export function bulkBody(task: string, count: number): string {
  return `{"tasks":[${new Array<string>(count).fill(task).join(",")}]}`;
}
