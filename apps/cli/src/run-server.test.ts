import type { RunningServer } from "@tasker/server";
import { expect, it } from "vitest";
import { serveUntilSignal } from "./run-server.ts";
import type { Shell } from "./shell.ts";

function surroundings() {
  const exits: number[] = [];
  const listeners = new Set<(signal: "SIGINT" | "SIGTERM") => void>();
  const shell: Shell = {
    out: { write() {} },
    err: { write() {} },
    readInput: async () => new Uint8Array(),
    env: {},
    cwd: "/",
    onSignal(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    exitNow: (code) => exits.push(code),
  };
  const signal = (name: "SIGINT" | "SIGTERM") => {
    for (const listener of listeners) listener(name);
  };
  return { shell, exits, signal, listeners };
}

function stoppableServer() {
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
  const stops: string[] = [];
  const server = {
    finished,
    stop: async (reason: string) => {
      stops.push(reason);
    },
  } as Partial<RunningServer> as RunningServer;
  return { server, stops, resolve, reject };
}

it("stops in order on the first signal, and ends well", async () => {
  const { shell, exits, signal, listeners } = surroundings();
  const { server, stops, resolve } = stoppableServer();
  const ended = serveUntilSignal(shell, server);
  signal("SIGTERM");
  expect(stops).toEqual(["SIGTERM"]);
  resolve();
  expect(await ended).toBe(0);
  expect(exits).toEqual([]);
  expect(listeners.size).toBe(0);
});

it.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("ends at once on a second %s, whatever the stop waits for", (name, code) => {
  const { shell, exits, signal } = surroundings();
  const { server, stops } = stoppableServer();
  void serveUntilSignal(shell, server);
  signal(name);
  signal(name);
  expect(stops).toEqual([name]);
  expect(exits).toEqual([code]);
});

it("says that the server gave up, and what to do", async () => {
  const { shell } = surroundings();
  const { server, reject } = stoppableServer();
  const ended = serveUntilSignal(shell, server);
  reject(new Error("fsync failed"));
  await expect(ended).rejects.toMatchObject({ exitCode: 1, message: "the server gave up: fsync failed" });
});
