/** Starts the programs of this folder as processes of their own. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

export interface RunningProgram {
  readonly pid: number;
  /** Lines of its output, as they come; ends with the process. */
  readonly lines: AsyncIterator<string>;
  /** Kills it (SIGKILL) and waits for its end. Answers with the lines not read yet. */
  kill(): Promise<string[]>;
  /** The signal or exit code that it ended with. */
  readonly ended: Promise<string | number>;
}

export function runProgram(program: URL, ...args: string[]): RunningProgram {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(process.execPath, [fileURLToPath(program), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  }) as never;
  const ended = once(child, "exit").then(([code, signal]) => (signal ?? code) as string | number);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const kill = async () => {
    child.kill("SIGKILL");
    const rest: string[] = [];
    for (let line = await lines.next(); !line.done; line = await lines.next()) rest.push(line.value);
    await ended;
    return rest;
  };
  return { pid: child.pid!, lines, kill, ended };
}
