/** The worker under test as a process: its environment (protocol/conformance.md, C-1 to C-3), its end, and what it said. */
import { type ChildProcess, spawn } from "node:child_process";

export interface Ending {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const keptChars = 64_000;

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ending>;
  readonly #listeners = new Set<() => void>();
  #ending: Ending | null = null;
  #said = "";

  constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    const [program, ...args] = command;
    // A group of its own, so that nothing which it started outlives it.
    const child = spawn(program!, args, {
      env: { ...withoutTasker(process.env), ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    const hear = (text: Buffer) => {
      this.#said = (this.#said + text).slice(-keptChars);
      for (const listener of this.#listeners) listener();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    this.#ended = new Promise((resolve) => {
      const end = (ending: Ending) => {
        this.#ending ??= ending;
        resolve(this.#ending);
      };
      child.once("error", (error) => {
        this.#said += `${program}: ${error.message}\n`;
        end({ code: 127, signal: null });
      });
      child.once("close", (code, signal) => end({ code, signal }));
    });
  }

  /** Null while it runs. */
  get ending(): Ending | null {
    return this.#ending;
  }

  /** The last of what it wrote to stdout and stderr. */
  get said(): string {
    return this.#said;
  }

  /** Resolves once it has ended; undefined when it has not within `ms`. */
  async end(ms: number): Promise<Ending | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, ms, undefined);
    });
    const ending = await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    return ending;
  }

  /** Waits until what it has said since is as wanted. @returns whether it was, within `ms` */
  async says(wanted: (text: string) => boolean, ms: number): Promise<boolean> {
    if (wanted(this.#said)) return true;
    return await new Promise((resolve) => {
      const end = (value: boolean) => {
        this.#listeners.delete(look);
        clearTimeout(timer);
        resolve(value);
      };
      const look = () => {
        if (wanted(this.#said)) end(true);
      };
      const timer = setTimeout(() => end(false), ms);
      this.#listeners.add(look);
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it and everything that it started. */
  async destroy(): Promise<void> {
    if (this.#child.pid !== undefined) {
      try {
        process.kill(-this.#child.pid, "SIGKILL");
      } catch {
        // The whole group is gone already.
      }
    }
    await this.#ended;
  }
}

/** The kit's own environment, without what could reach an orchestrator of the person who runs it. */
export function withoutTasker(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(([name, value]) => !name.startsWith("TASKER_") && value !== undefined);
  return Object.fromEntries(kept) as Record<string, string>;
}
