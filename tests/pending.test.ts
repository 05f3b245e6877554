/** An orchestrator with 100,000 tasks that wait: killed, it is ready again with all of them, in bounded memory. `make bench` has the times. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { System, type TaskView } from "./system.ts";

const tasks = 100_000;
const perCall = 1_000;
const memoryLimit = 512 * 1024 * 1024;

const template = (name: string, handler: string) => `
namespace: test
name: ${name}
version: 1.0.0
steps:
  - name: first
    handler: ${handler}
  - name: second
    handler: ${handler}
    depends_on: [first]
`;

let system: System;
beforeEach(() => {
  system = new System();
});
afterEach(() => system.close());

async function apply(name: string, handler: string): Promise<void> {
  const headers = { "content-type": "application/yaml" };
  const url = `${system.endpoints.http}/v1/templates/test/${name}/1.0.0`;
  expect((await fetch(url, { method: "PUT", headers, body: template(name, handler) })).status).toBe(201);
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${system.endpoints.http}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

/** The most memory that the orchestrator has ever had resident, in bytes. */
function peakMemory(): number {
  const status = readFileSync(`/proc/${system.server!.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

test("fault 35: 100,000 tasks that wait are all there after a kill, in 512 MB, and one that comes last is not kept waiting", {
  timeout: 600_000,
}, async () => {
  await system.startServer("--log-level", "warn");
  await apply("waits", "nobody_serves_this");
  await apply("runs", "echo");
  const body = JSON.stringify({
    tasks: Array.from({ length: perCall }, (_, n) => ({
      namespace: "test",
      name: "waits",
      context: { order_id: n, note: "x".repeat(200) },
    })),
  });
  for (let sent = 0; sent < tasks; sent += perCall) {
    const { items } = await system.post<{ items: { status: string }[] }>("/v1/tasks/bulk", body);
    expect(items.every(({ status }) => status === "in_progress")).toBe(true);
  }
  expect(await metric("tasker_active_tasks")).toBe(tasks);
  const filled = peakMemory();
  expect(filled).toBeLessThan(memoryLimit);

  const gone = once(system.server!, "exit");
  system.server!.kill("SIGKILL");
  await gone;
  await system.startServer("--log-level", "warn");
  expect(await metric("tasker_active_tasks")).toBe(tasks);
  expect(await metric('tasker_steps{state="ready"}')).toBe(tasks);
  system.startWorker("tests/fixtures/odd-worker.ts");
  const { id } = await system.post<TaskView>("/v1/tasks", { namespace: "test", name: "runs", context: {} });
  const [view] = await system.settled([id], 60_000);
  expect(view!.status).toBe("completed");
  console.log(
    `100,000 tasks that wait: peak memory ${megabytes(filled)} MB, ${megabytes(peakMemory())} MB after a restart`,
  );
  expect(peakMemory()).toBeLessThan(memoryLimit);
});
