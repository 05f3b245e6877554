/** A peer's worker in a process of its own, which counts the tasks that it has ended. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { stopProcess } from "../services/service.ts";

export class WorkerProcess {
  readonly #child: ChildProcess;
  #ended = 0;
  #expected = 0;
  #resolve: () => void = () => {};

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message) => {
      this.#ended += (message as { ended: number }).ended;
      if (this.#ended >= this.#expected) this.#resolve();
    });
  }

  /** Resolves when the worker takes jobs. */
  static async start(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<WorkerProcess> {
    const child = fork(file, args, { execArgv: [], env: { ...process.env, ...env } });
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`${file} ended with ${code}`);
    });
    ended.catch(() => {});
    await Promise.race([once(child, "message"), ended]);
    process.once("exit", () => child.kill("SIGKILL"));
    return new WorkerProcess(child);
  }

  /** Resolves when `count` more tasks have ended than when it was called. */
  ended(count: number): Promise<void> {
    this.#expected = this.#ended + count;
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  stop(): Promise<void> {
    return stopProcess(this.#child, "SIGKILL");
  }
}

/** In the worker: it takes jobs now. Ends with its parent. */
export function announceReady(): void {
  process.on("disconnect", () => process.exit(0));
  process.send!({ ended: 0 });
}

let unreported = 0;

/** In the worker: a task has ended. Told in groups, as they come. */
export function reportEnded(count = 1): void {
  if (count === 0) return;
  if (unreported === 0) {
    setImmediate(() => {
      process.send!({ ended: unreported });
      unreported = 0;
    });
  }
  unreported += count;
}
