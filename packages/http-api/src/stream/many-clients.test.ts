/** Clients in thousands, and clients that do not read, over real sockets: the API goes on answering, and what it holds is bounded. */
import { get, type IncomingMessage } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { SseClient } from "../testdata/sse-client.ts";
import { startApi } from "../testdata/start-api.ts";

const step = (name: string, to: string) => ({ step: name, from: "ready", to });
const mib = 1024 * 1024;

/** A client that asks for a stream and never reads a byte of it. */
function deaf(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      response.pause();
      resolve(response);
    }).on("error", reject);
  });
}

test("fault 40: two thousand readers get every event, and the API answers meanwhile", {
  timeout: 120_000,
}, async () => {
  const readers = 2_000;
  const events = 20;
  const { orchestrator, listen, get: ask } = await startApi({ limits: { streams: readers } });
  const url = await listen();
  const task = orchestrator.addTask();
  const clients: SseClient[] = [];
  for (let count = 0; count < readers; count++) clients.push(await SseClient.open(`${url}/v1/stream`));
  expect((await fetch(`${url}/v1/stream`)).status).toBe(503);
  for (let event = 0; event < events; event++) {
    orchestrator.commit(task, step(`s${event}`, "in_progress"));
    expect((await ask(`/v1/tasks/${task.id}`)).statusCode).toBe(200);
  }
  await Promise.all(clients.map((client) => client.until(({ seqs }) => seqs.length === events)));
  expect(clients.every(({ seqs }) => seqs.every((seq, i) => seq === i + 1))).toBe(true);
  for (const client of clients) client.close();
});

test("fault 40: readers that take nothing hold a bounded part of what is said, and are cut; the others miss nothing", {
  timeout: 120_000,
}, async () => {
  const bufferBytes = 64 * 1024;
  const limits = { streamBufferBytes: bufferBytes, streamStallMs: 300, streamHeartbeatMs: 100 };
  const { app, orchestrator, listen, get: ask } = await startApi({ limits });
  const url = await listen();
  const task = orchestrator.addTask();
  const reader = await SseClient.open(`${url}/v1/stream?after=0`);
  const sockets = new Set<{ writableLength: number; destroyed: boolean }>();
  app.server.on("connection", (socket) => sockets.add(socket));
  const stalled = await Promise.all(Array.from({ length: 50 }, () => deaf(`${url}/v1/stream?after=0`)));
  const cut = Promise.all(stalled.map((response) => new Promise((resolve) => response.once("close", resolve))));
  const before = process.memoryUsage().rss;
  const events = 5_000;
  let held = 0;
  for (let event = 0; event < events; event++) {
    orchestrator.commit(task, { ...step(`s${event}`, "in_progress"), reason: "x".repeat(4_000) });
    if (event % 50 !== 0) continue;
    expect((await ask(`/v1/tasks/${task.id}`)).statusCode).toBe(200);
    await nextTurn();
    for (const { writableLength } of sockets) held = Math.max(held, writableLength);
  }
  await reader.until(({ seqs }) => seqs.length === events);
  expect(held).toBeLessThan(bufferBytes + 2 * mib);
  // 50 of them, and 20 MB were said to each.
  expect(process.memoryUsage().rss - before).toBeLessThan(600 * mib);
  for (const response of stalled) response.on("error", () => {});
  await Promise.all([cut, ...stalled.map(async (response) => void response.resume())]);
  reader.close();
});
