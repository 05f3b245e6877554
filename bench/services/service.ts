/** Servers that a benchmark starts itself: on loopback, on free ports, in a folder of their own; ended by their process id. */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

export interface Service {
  readonly url: string;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** @throws Error when the program is not there, or ends, or does not listen within 60 s */
export async function startServer(
  command: string,
  args: readonly string[],
  port: number,
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  const server = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"], ...options });
  const ended = once(server, "exit").then(([code]) => {
    throw new Error(`${command} ended with ${code} before it listened`);
  });
  await Promise.race([ended, untilListening(command, port)]);
  ended.catch(() => {});
  process.once("exit", () => server.kill("SIGKILL"));
  return server;
}

async function untilListening(command: string, port: number): Promise<void> {
  for (let left = 600; left > 0; left--) {
    if (await accepts(port)) return;
    await wait(100);
  }
  throw new Error(`${command} does not listen on port ${port} after 60 s`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => answer(true)).once("error", () => answer(false));
  });
}

export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(late);
}
