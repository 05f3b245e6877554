import { expect, test } from "vitest";
import { uuidOf } from "../testdata/fake-orchestrator.ts";
import { SseClient } from "../testdata/sse-client.ts";
import { startApi } from "../testdata/start-api.ts";

const step = (name: string, to: string) => ({ step: name, from: "ready", to });
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("sends the history, then what is committed from then on, then the end", async () => {
  const { orchestrator, listen } = await startApi();
  const task = orchestrator.addTask();
  orchestrator.commit(task, {}, step("s1", "in_progress"));
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream`);
  expect(client.response.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
  expect(client.response.headers["cache-control"]).toBe("no-store");
  await client.until(({ seqs }) => seqs.length === 2);
  orchestrator.commit(task, step("s1", "completed"));
  orchestrator.commit(task, { from: "in_progress", to: "completed" });
  await client.closed();
  expect(client.seqs).toEqual([1, 2, 3, 4]);
  expect(client.all.find(({ id }) => id === "3")?.data).toBe(
    `{"seq":3,"at":"2025-01-23T12:00:00.000Z","task_id":"${task.id}","step":"s1","from":"ready","to":"completed",` +
      `"attempt":null,"lease_id":null,"worker_id":null,"actor":"engine","reason":null}`,
  );
  expect(client.all.at(-1)).toMatchObject({ event: "end", data: '{"status":"completed"}' });
});

test("neither loses nor repeats what is committed while the history is read", async () => {
  const { orchestrator, listen } = await startApi();
  const task = orchestrator.addTask();
  for (let i = 0; i < 2_500; i++) orchestrator.commit(task, step("s1", "in_progress"));
  let late = 0;
  const commitLate = () => {
    orchestrator.commit(task, step("s2", "in_progress"));
    late++;
  };
  orchestrator.beforeRead = commitLate;
  orchestrator.afterRead = commitLate;
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream`);
  await client.until(({ seqs }) => seqs.length >= 2_500 + late);
  orchestrator.commit(task, { to: "failed" });
  await client.closed();
  expect(orchestrator.reads).toBeGreaterThan(2);
  expect(client.seqs).toEqual(range(1, 2_501 + late));
});

test("reads the history again when more is committed during one read than it keeps", async () => {
  const { orchestrator, listen } = await startApi();
  const task = orchestrator.addTask();
  let flooded = false;
  orchestrator.beforeRead = () => {
    if (flooded) return;
    flooded = true;
    queueMicrotask(() => {
      const many = Array.from({ length: 6_000 }, () => step("s1", "in_progress"));
      orchestrator.commit(task, ...many);
      orchestrator.commit(task, ...many);
    });
  };
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream`);
  await client.until(({ all }) => all.filter(({ event }) => event === "transition").length >= 12_000);
  client.close();
  expect(client.seqs).toEqual(range(1, 12_000));
});

test.each([
  ["the header", "", { "last-event-id": "2" }],
  ["the query", "?after=2", {}],
  ["the header rather than the query", "?after=0", { "last-event-id": "2" }],
])("goes on after the last event that the client has: %s", async (_name, query, headers) => {
  const { orchestrator, listen } = await startApi();
  const task = orchestrator.addTask();
  orchestrator.commit(task, {}, step("s1", "in_progress"), step("s1", "completed"), { to: "completed" });
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream${query}`, headers);
  await client.closed();
  expect(client.seqs).toEqual([3, 4]);
});

test("says at once that a final task has ended, to a client that has everything", async () => {
  const { orchestrator, listen } = await startApi();
  const task = orchestrator.addTask();
  orchestrator.commit(task, {}, { to: "cancelled" });
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream?after=2`);
  await client.closed();
  expect(client.all.filter(({ event }) => event !== undefined)).toMatchObject([
    { event: "end", data: '{"status":"cancelled"}' },
  ]);
});

test("ends when the final event was in the history but not yet in the status", async () => {
  const { orchestrator, listen } = await startApi();
  const task = orchestrator.addTask();
  orchestrator.commit(task, {}, { to: "completed" });
  orchestrator.tasks.set(task.id, task);
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream`);
  await client.closed();
  expect(client.all.at(-1)).toMatchObject({ event: "end" });
});

test("streams all tasks from now on, or from a sequence number", async () => {
  const { orchestrator, listen } = await startApi();
  const [one, two] = [orchestrator.addTask(), orchestrator.addTask()];
  orchestrator.commit(one, {});
  orchestrator.commit(two, {});
  const url = await listen();
  const fromNow = await SseClient.open(`${url}/v1/stream`);
  const fromOne = await SseClient.open(`${url}/v1/stream?after=1`);
  await fromOne.until(({ seqs }) => seqs.length === 1);
  orchestrator.commit(one, { to: "completed" });
  orchestrator.commit(two, step("s1", "in_progress"));
  await fromNow.until(({ seqs }) => seqs.length === 2);
  await fromOne.until(({ seqs }) => seqs.length === 3);
  expect([fromNow.seqs, fromOne.seqs]).toEqual([
    [3, 4],
    [2, 3, 4],
  ]);
  fromNow.close();
  fromOne.close();
});

test("listens to the engine only while somebody listens to it", async () => {
  const { orchestrator, listen } = await startApi();
  const task = orchestrator.addTask();
  const url = await listen();
  expect(orchestrator.listeners.size).toBe(0);
  const client = await SseClient.open(`${url}/v1/tasks/${task.id}/stream`);
  expect(orchestrator.listeners.size).toBe(1);
  orchestrator.commit(task, { to: "completed" });
  await client.closed();
  await expect.poll(() => orchestrator.listeners.size).toBe(0);
});

test("gives a sign of life", async () => {
  const { orchestrator, listen } = await startApi({ limits: { streamHeartbeatMs: 5 } });
  const client = await SseClient.open(`${await listen()}/v1/tasks/${orchestrator.addTask().id}/stream`);
  await client.until(({ all }) => all.some(({ comment }) => comment === "heartbeat"));
  client.close();
});

const bulky = Array.from({ length: 1_000 }, () => ({ ...step("s1", "in_progress"), reason: "x".repeat(1_000) }));

test("gives a client that falls behind everything, at its own pace", async () => {
  const { orchestrator, listen } = await startApi({ limits: { streamBufferBytes: 64 * 1024 } });
  const task = orchestrator.addTask();
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream`);
  client.response.pause();
  for (let i = 0; i < 20; i++) orchestrator.commit(task, ...bulky);
  client.response.resume();
  await client.until(({ all }) => all.at(-1)?.id === "20000");
  expect(orchestrator.reads).toBeGreaterThan(10);
  orchestrator.commit(task, { to: "completed" });
  await client.closed();
  expect(client.seqs).toEqual(range(1, 20_001));
});

test("cuts a client that takes nothing, tells it where to go on, and serves the others", async () => {
  const { orchestrator, listen, log } = await startApi({
    limits: { streamBufferBytes: 64 * 1024, streamStallMs: 1_000 },
  });
  const task = orchestrator.addTask();
  const url = `${await listen()}/v1/tasks/${task.id}/stream`;
  const slow = await SseClient.open(url);
  slow.response.pause();
  const quick = await SseClient.open(url);
  for (let i = 0; i < 20; i++) orchestrator.commit(task, ...bulky);
  await quick.until(({ all }) => all.at(-1)?.id === "20000");
  await expect
    .poll(() => log.lines.find(({ event }) => event === "http.stream_closed"), { timeout: 20_000 })
    .toBeDefined();
  expect(quick.seqs).toEqual(range(1, 20_000));
  slow.response.resume();
  await slow.closed();
  const farewell = slow.all.at(-1)!.comment!;
  expect(farewell).toMatch(/^this client reads too slowly; go on with Last-Event-ID: \d+$/);
  const last = Number(farewell.split(" ").at(-1));
  expect(slow.seqs).toEqual(range(1, last));
  expect(last).toBeLessThan(20_000);
  orchestrator.commit(task, { to: "completed" });
  await quick.closed();
  const again = await SseClient.open(`${url}?after=${last}`);
  await again.closed();
  expect(again.seqs).toEqual(range(last + 1, 20_001));
});

test("refuses a task that nobody knows, and more streams than the limit", async () => {
  const { orchestrator, get, listen } = await startApi({ limits: { streams: 1 } });
  const task = orchestrator.addTask();
  expect((await get(`/v1/tasks/${uuidOf(99)}/stream`)).json()).toMatchObject({ status: 404, code: "task_not_found" });
  expect((await get("/v1/tasks/1/stream")).json()).toMatchObject({ status: 404, code: "task_not_found" });
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream`);
  const refused = await get("/v1/stream");
  expect(refused.json()).toMatchObject({ status: 503, code: "too_many_streams" });
  expect(refused.headers["retry-after"]).toBe("10");
  client.close();
});

test("refuses an id to go on after that no event has", async () => {
  const { app, get } = await startApi();
  const refused = await app.inject({ url: "/v1/stream", headers: { "last-event-id": "-1" } });
  expect(refused.json()).toMatchObject({ code: "request_invalid", issues: [{ path: "Last-Event-ID" }] });
  expect((await get("/v1/stream?after=x")).json()).toMatchObject({ issues: [{ path: "after" }] });
});

test("answers with a problem when the first page cannot be read, and closes when a later one cannot", async () => {
  const { orchestrator, get, listen } = await startApi();
  const task = orchestrator.addTask();
  orchestrator.commit(task, ...Array.from({ length: 1_000 }, () => step("s1", "in_progress")));
  let reads = 0;
  orchestrator.beforeRead = () => {
    if (++reads !== 2) throw new Error("no disk");
  };
  expect((await get(`/v1/tasks/${task.id}/stream`)).statusCode).toBe(500);
  const client = await SseClient.open(`${await listen()}/v1/tasks/${task.id}/stream`);
  await client.closed();
  expect(client.seqs).toEqual(range(1, 1_000));
  expect(client.all.at(-1)?.comment).toBe("the history cannot be read now: no disk; go on with Last-Event-ID: 1000");
});

test("ends the streams when the server stops", async () => {
  const { app, orchestrator, listen } = await startApi();
  const client = await SseClient.open(`${await listen()}/v1/tasks/${orchestrator.addTask().id}/stream`);
  await app.close();
  await client.closed();
  expect(client.all.at(-1)?.comment).toContain("the server is stopping");
});
