/** An orchestrator in the foreground: it is started, waited for, and stopped in order by the first signal. */
import { TaskerError } from "@tasker/engine";
import { type RunningServer, type ServerConfig, startServer } from "@tasker/server";
import { CommandError } from "./command-error.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import type { Shell } from "./shell.ts";

/** @throws CommandError when it cannot start */
export async function openServer(config: ServerConfig): Promise<RunningServer> {
  try {
    return await startServer(config);
  } catch (error) {
    if (!(error instanceof TaskerError)) throw error;
    throw new CommandError(exitCodes.usage, error.message, error);
  }
}

/** For programs that start a server: where it is, on one line. */
export function readyLine({ http, steps, results }: RunningServer): string {
  return `${JSON.stringify({ event: "ready", http, steps, results, pid: process.pid })}\n`;
}

/** Waits for the end. The first signal stops the server in order, the second one at once. */
export async function serveUntilSignal(shell: Shell, server: RunningServer): Promise<ExitCode> {
  let stopping = false;
  const release = shell.onSignal((signal) => {
    if (stopping) {
      shell.exitNow(signal === "SIGINT" ? exitCodes.interrupted : 143);
      return;
    }
    stopping = true;
    server.stop(signal).catch((error: Error) => {
      shell.err.write(`error: the server did not stop in order: ${error.stack}\n`);
      shell.exitNow(exitCodes.taskFailed);
    });
  });
  try {
    await server.finished;
    return exitCodes.ok;
  } catch (error) {
    throw new CommandError(exitCodes.taskFailed, `the server gave up: ${(error as Error).message}`, {
      hint: "Its log says more. What was acknowledged is in the database; start it again once the cause is gone.",
    });
  } finally {
    release();
  }
}
