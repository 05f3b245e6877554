/** The processes of a run: started, stopped, continued and killed by their pid. None is left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What is kept of a process's stderr, in characters. */
const keptText = 1_000_000;

export class Process {
  readonly name: string;
  readonly pid: number;
  /** Lines of its stdout. */
  readonly lines: Interface;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #said = "";
  #exit: Exit | null = null;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.pid = child.pid!;
    this.lines = createInterface({ input: child.stdout! });
    child.stderr!.setEncoding("utf8");
    child.stderr!.on("data", (text: string) => {
      this.#said = (this.#said + text).slice(-keptText);
    });
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
    this.exited.catch(() => {});
  }

  get isAlive(): boolean {
    return this.#exit === null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it wrote to stderr. */
  get said(): string {
    return this.#said;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<Exit> {
    this.signal("SIGKILL");
    return this.exited;
  }

  /** SIGTERM; a process that is stopped hears it. */
  async terminate(): Promise<Exit> {
    this.signal("SIGTERM");
    this.signal("SIGCONT");
    return this.exited;
  }
}

export class Processes {
  readonly #started = new Set<Process>();

  /** @param name for reports */
  start(name: string, command: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Process {
    const [program, ...args] = command;
    const options = { cwd, env: { ...process.env, NO_COLOR: "1", ...env }, stdio: ["ignore", "pipe", "pipe"] as const };
    const started = new Process(name, spawn(program!, args, { ...options, stdio: [...options.stdio] }));
    this.#started.add(started);
    void started.exited.catch(() => {}).then(() => this.#started.delete(started));
    return started;
  }

  /** Kills what still runs. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#started].map((started) => started.kill()));
  }
}
