/** Limits that are set hold in a real orchestrator: what is just within them is taken, and what is just beyond is not. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { System, type TaskView } from "./system.ts";

const limits = {
  max_context_bytes: 1_024,
  max_output_bytes: 1_024,
  max_steps_per_task: 3,
  max_bulk_tasks: 3,
  max_body_bytes: 8_192,
  max_template_bytes: 2_048,
  max_tags: 2,
  max_page_items: 5,
  max_streams: 1,
  max_sessions: 1,
};

const system = new System();

beforeAll(async () => {
  const file = join(system.folder, "limits.yaml");
  writeFileSync(
    file,
    `limits:\n${Object.entries(limits)
      .map(([key, value]) => `  ${key}: ${value}\n`)
      .join("")}`,
  );
  await system.startServer("--config", file);
  expect((await put("echo", template("echo", "echo"))).status).toBe(201);
  expect((await put("huge", template("huge", "huge"))).status).toBe(201);
  system.startWorker("tests/fixtures/odd-worker.ts");
}, 60_000);
afterAll(() => system.close());

function template(name: string, handler: string, steps = 1): string {
  const list = Array.from({ length: steps }, (_, i) => ({ name: `s${i}`, handler, retryable: false }));
  return JSON.stringify({ namespace: "test", name, version: "1.0.0", steps: list });
}

function put(name: string, body: string): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${system.endpoints.http}/v1/templates/test/${name}/1.0.0`, { method: "PUT", headers, body });
}

function post(path: string, body: string): Promise<Response> {
  return fetch(system.endpoints.http + path, { method: "POST", headers: { "content-type": "application/json" }, body });
}

const task = (members: object = {}, name = "echo") => ({ namespace: "test", name, context: {}, ...members });
/** A context of so many bytes, half of them in characters of two. */
const context = (bytes: number) => ({ s: "é".repeat((bytes - 8) / 2) });
const submit = (members: object) => post("/v1/tasks", JSON.stringify(task(members)));
const bulk = (count: number) =>
  post("/v1/tasks/bulk", JSON.stringify({ tasks: Array.from({ length: count }, () => task()) }));
const page = (items: number) => fetch(`${system.endpoints.http}/v1/tasks?limit=${items}`);

const cases: [keyof typeof limits, (size: number) => Promise<Response>, number, number, step?: number][] = [
  ["max_context_bytes", (size) => submit({ context: context(size) }), 201, 413, 2],
  ["max_steps_per_task", (size) => put(`steps${size}`, template(`steps${size}`, "echo", size)), 201, 422],
  ["max_bulk_tasks", bulk, 200, 413],
  ["max_body_bytes", (size) => post("/v1/tasks/bulk", '{"tasks":[]}'.padEnd(size)), 200, 413],
  ["max_template_bytes", (size) => put(`t${size}`, template(`t${size}`, "echo").padEnd(size)), 201, 413],
  ["max_tags", (size) => submit({ tags: Array.from({ length: size }, (_, i) => `t${i}`) }), 201, 400],
  ["max_page_items", page, 200, 400],
];

test.each(cases)("fault 37: limits.%s: at it taken, beyond it refused", async (key, send, taken, refused, step = 1) => {
  expect((await send(limits[key] - step)).status).toBe(taken);
  expect((await send(limits[key])).status).toBe(taken);
  expect((await send(limits[key] + step)).status).toBe(refused);
});

test("fault 37: limits.max_streams: the next one is refused, until one has ended", async () => {
  const url = `${system.endpoints.http}/v1/stream`;
  const end = new AbortController();
  expect((await fetch(url, { signal: end.signal })).status).toBe(200);
  expect((await fetch(url)).status).toBe(503);
  end.abort();
  for (let status = 503; status !== 200; await pause(10)) {
    const again = new AbortController();
    status = (await fetch(url, { signal: again.signal })).status;
    again.abort();
  }
});

test("fault 37: limits.max_output_bytes: at it the step completes, beyond it the attempt fails", async () => {
  const submitted = await Promise.all([
    submit({ context: context(1_024) }),
    post("/v1/tasks", JSON.stringify(task({}, "huge"))),
  ]);
  const ids = await Promise.all(submitted.map(async (answer) => ((await answer.json()) as TaskView).id));
  const [within, beyond] = await system.settled(ids, 30_000);
  expect(within!.steps[0]).toMatchObject({ status: "completed", output: context(1_024) });
  expect(beyond!.steps[0]).toMatchObject({ status: "failed", error: { code: "output_too_large" } });
});

test("fault 37: limits.max_sessions: the next worker is refused, and counted", async () => {
  system.startWorker("tests/fixtures/odd-worker.ts", { TASKER_WORKER_ID: "one-too-many" });
  for (;;) {
    const text = await (await fetch(`${system.endpoints.http}/metrics`)).text();
    if (/^tasker_sessions_refused_total\{reason="too_many_sessions"\} [1-9]/m.test(text)) break;
    await pause(20);
  }
  const { items } = await system.get<{ items: unknown[] }>("/v1/workers");
  expect(items).toHaveLength(1);
});
