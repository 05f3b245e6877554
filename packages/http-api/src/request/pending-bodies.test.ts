import { once } from "node:events";
import { type ClientRequest, request } from "node:http";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { order, startApi } from "../testdata/start-api.ts";

const kib = 1024;

/** A request whose body comes in parts, as the test sends them. */
function open(url: string, length: number): ClientRequest {
  const headers = { "content-type": "application/json", "content-length": length };
  return request(`${url}/v1/tasks`, { method: "POST", headers, agent: false });
}

async function answerOf(sent: ClientRequest): Promise<{ status: number | undefined; code?: string }> {
  const [response] = await once(sent, "response");
  let text = "";
  for await (const part of response) text += part;
  return { status: response.statusCode, code: JSON.parse(text).code };
}

test("fault 40: bodies take memory up to a limit together; what was only announced takes nothing", async () => {
  const { app, listen } = await startApi({ limits: { pendingBodyBytes: 200 * kib } });
  const connections: Socket[] = [];
  app.server.on("connection", (socket) => connections.push(socket));
  const url = await listen();
  const body = (bytes: number) => JSON.stringify(order({ context: { text: "x".repeat(bytes) } }));
  const large = body(150 * kib);

  // Nothing but announcements.
  const silent = Array.from({ length: 20 }, () => {
    const sent = open(url, 1024 * kib);
    sent.flushHeaders();
    sent.on("error", () => {});
    return sent;
  });
  const first = open(url, large.length);
  first.write(large.slice(0, -1));
  while (!connections.some(({ bytesRead }) => bytesRead >= large.length)) await nextTurn();
  await nextTurn();
  const second = open(url, large.length);
  second.on("error", () => {});
  second.write(large);
  expect(await answerOf(second)).toEqual({ status: 503, code: "overloaded" });
  first.end(large.slice(-1));
  expect((await answerOf(first)).status).toBe(201);

  const third = open(url, large.length);
  third.end(large);
  expect((await answerOf(third)).status).toBe(201);
  for (const sent of silent) sent.destroy();
});

test("fault 40: a single body beyond the limit is taken", async () => {
  const { post } = await startApi({ limits: { pendingBodyBytes: 10 * kib } });
  expect(
    (await post("/v1/tasks", JSON.stringify(order({ context: { text: "x".repeat(100 * kib) } })))).statusCode,
  ).toBe(201);
});
