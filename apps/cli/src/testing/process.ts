/** The command as a process of its own, and what it says as it says it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const bin = join(import.meta.dirname, "../../bin/tasker.js");
/** Makes Node say that it is an older one. */
const oldNode = join(import.meta.dirname, "old-node.cjs");

export interface StartOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** Starts it as Node 20 would. */
  readonly oldNode?: boolean;
}

export class TaskerProcess {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly #closed: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], { cwd, env = {}, oldNode: old = false }: StartOptions) {
    const preload = old ? ["--require", oldNode] : [];
    this.child = spawn(process.execPath, [...preload, bin, ...args], {
      cwd,
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      for (const look of this.#waiting) look();
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      for (const look of this.#waiting) look();
    });
    this.#closed = once(this.child, "close").then(([code]) => code as number | null);
  }

  /** Settles once stdout or stderr holds the text. @throws Error when the process ends before */
  async says(text: string): Promise<void> {
    const said = () => this.stdout.includes(text) || this.stderr.includes(text);
    const ended = this.#closed.then((code) => {
      if (!said()) throw new Error(`ended with ${code} and never said ${text}\n${this.stdout}\n${this.stderr}`);
    });
    await Promise.race([
      ended,
      new Promise<void>((resolve) => {
        const look = () => {
          if (!said()) return;
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
        look();
      }),
    ]);
  }

  /** The exit code; null when a signal ended it. */
  ended(): Promise<number | null> {
    return this.#closed;
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.#closed;
  }
}
