/** Old and new at the same time: workers of both protocols, and a template that changes while its tasks run. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { root, System, type TaskView } from "./system.ts";

const template = (version: string, ...more: string[]) => `
namespace: test
name: changing
version: ${version}
steps:
  - { name: first, handler: echo }
  - { name: second, handler: slow, depends_on: [first] }
${more.join("\n")}
`;

let system: System;
beforeEach(async () => {
  system = new System();
  await system.startServer();
});
afterEach(() => system.close());

async function apply(version: string, ...more: string[]): Promise<number> {
  const headers = { "content-type": "application/yaml" };
  const url = `${system.endpoints.http}/v1/templates/test/changing/${version}`;
  return (await fetch(url, { method: "PUT", headers, body: template(version, ...more) })).status;
}

async function submit(count: number): Promise<string[]> {
  const tasks = Array.from({ length: count }, (_, n) => ({ namespace: "test", name: "changing", context: { n } }));
  const { items } = await system.post<{ items: TaskView[] }>("/v1/tasks/bulk", { tasks });
  return items.map(({ id }) => id);
}

/** Waits for a worker of this protocol, asking the server. */
async function connected(wanted: string): Promise<void> {
  for (;;) {
    const { items } = await system.get<{ items: { protocol: string }[] }>("/v1/workers");
    if (items.some(({ protocol }) => protocol === wanted)) return;
    await pause(20);
  }
}

test("fault 41: with workers of both protocols, tasks finish with the version that they began with, whatever is applied meanwhile", {
  timeout: 120_000,
}, async () => {
  expect(await apply("1.0.0")).toBe(201);
  const before = await submit(20);
  const { steps, results } = system.endpoints;
  const plain = join(root, "packages/executors/src/zeromq/testing/peer-process.ts");
  system.spawn(process.execPath, [plain, steps, results, "--answer", "steps"]);
  await connected("1.0");
  system.startWorker("tests/fixtures/odd-worker.ts");
  expect(await apply("2.0.0", "  - { name: third, handler: echo, depends_on: [second] }")).toBe(201);
  // A version never changes.
  expect(await apply("1.0.0", "  - { name: other, handler: echo }")).toBe(409);
  await connected("2.0");
  const after = await submit(20);

  const views = await system.settled([...before, ...after], 60_000);
  expect(views.map(({ status }) => status)).toEqual(Array(40).fill("completed"));
  const names = views.map((view) => view.steps.map(({ name }) => name).join());
  expect(names).toEqual([...Array(20).fill("first,second"), ...Array(20).fill("first,second,third")]);
  const outputs = views.flatMap((view) => view.steps.map(({ output }) => Object.keys(output as object)[0]));
  // Each kind of worker says something of its own.
  expect(new Set(outputs)).toEqual(new Set(["worker", "n"]));
});
