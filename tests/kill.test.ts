import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { System, startedTooEarly, type TaskView } from "./system.ts";

const tasks = 200;
const worker = "tests/fixtures/odd-worker.ts";

/** Four steps in a row, each of which takes a moment, so that a kill always hits some in the middle. */
const template = `
namespace: test
name: chain
version: 1.0.0
steps:
  - { name: one, handler: slow }
  - { name: two, handler: slow, depends_on: [one] }
  - { name: three, handler: slow, depends_on: [two] }
  - { name: four, handler: slow, depends_on: [three] }
`;

let system: System;
let ids: string[];
beforeEach(async () => {
  system = new System();
  await system.startServer();
  const file = join(system.folder, "chain.yaml");
  writeFileSync(file, template);
  expect((await system.tasker("template", "apply", file)).code).toBe(0);
  const one = { namespace: "test", name: "chain", context: { id: 1 } };
  const body = { tasks: Array.from({ length: tasks }, () => one) };
  const { items } = await system.post<{ items: { id: string }[] }>("/v1/tasks/bulk", body);
  ids = items.map(({ id }) => id);
});
afterEach(() => system.close());

/** Waits until some tasks are done and some are not. */
async function middle(): Promise<void> {
  for (;;) {
    const { items } = await system.get<{ items: unknown[] }>(`/v1/tasks?status=completed&limit=${tasks}`);
    expect(items.length).toBeLessThan(tasks);
    if (items.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function everyTaskCompletedOnce(): Promise<void> {
  const views: TaskView[] = await system.settled(ids, 60_000);
  expect(views.filter(({ status }) => status !== "completed")).toEqual([]);
  for (const view of views) {
    const events = await system.events(view.id);
    const accepted = events.filter(({ step, from, to }) => step !== null && to === "completed" && from !== to);
    expect(accepted.map(({ step }) => step)).toEqual(["one", "two", "three", "four"]);
    expect(startedTooEarly(view, events)).toEqual([]);
  }
}

describe("kill -9 in the middle of 200 tasks", () => {
  it("fault 1: of the orchestrator: all complete after its restart, each step with one accepted result", async () => {
    system.startWorker(worker);
    await middle();
    await system.kill(system.server!);
    await system.startServer();
    await everyTaskCompletedOnce();
  });

  it("fault 11: of the worker: all complete through the next one, each step with one accepted result", async () => {
    const first = system.startWorker(worker);
    await middle();
    await system.kill(first);
    system.startWorker(worker);
    await everyTaskCompletedOnce();
  });
});
