import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root, System, startedTooEarly, type TaskView } from "./system.ts";

const template = join(root, "examples/order-fulfillment/template.yaml");
const context = join(root, "examples/order-fulfillment/context.json");
const worker = "examples/order-fulfillment/typescript/worker.ts";

let system: System;
beforeEach(async () => {
  system = new System();
  await system.startServer();
  expect((await system.tasker("template", "apply", template)).code).toBe(0);
});
afterEach(() => system.close());

async function submitMany(count: number, name = "process_order"): Promise<string[]> {
  const one = `{"namespace":"fulfillment","name":"${name}","context":${readFileSync(context, "utf8")}}`;
  const { items } = await system.post<{ items: { id: string }[] }>(
    "/v1/tasks/bulk",
    `{"tasks":[${Array(count).fill(one).join(",")}]}`,
  );
  return items.map(({ id }) => id);
}

/** One accepted result a step, and every dependency respected. */
async function audit(view: TaskView): Promise<void> {
  const events = await system.events(view.id);
  const accepted = events.filter(({ step, from, to }) => step !== null && to === "completed" && from !== to);
  expect(accepted.map(({ step }) => step).sort()).toEqual(view.steps.map(({ name }) => name).sort());
  expect(startedTooEarly(view, events)).toEqual([]);
}

describe("the order fulfilment", () => {
  it("completes through a TypeScript worker, from the command line", async () => {
    system.startWorker(worker);
    const outcome = await system.tasker(
      "task",
      "submit",
      "fulfillment/process_order",
      "--context",
      `@${context}`,
      "--wait",
      "--json",
    );
    expect(outcome.stderr).toBe("");
    expect(outcome.code).toBe(0);
    const view = JSON.parse(outcome.stdout) as TaskView;
    expect(view.status).toBe("completed");
    expect(view.steps.map(({ name, status }) => `${name} ${status}`)).toEqual([
      "validate_order completed",
      "reserve_inventory completed",
      "process_payment completed",
      "ship_order completed",
    ]);
    await audit(view);
  });

  it("fault 1: completes every task when the orchestrator is killed in the middle, with one accepted result a step", async () => {
    system.startWorker(worker);
    const ids = await submitMany(200);
    await system.kill(system.server!);
    await system.startServer();
    const views = await system.settled(ids, 60_000);
    expect(views.filter(({ status }) => status !== "completed")).toEqual([]);
    for (const view of views) await audit(view);
  });

  it("fault 11: completes every task when its worker is killed in the middle; only payments wait for a person", async () => {
    const first = system.startWorker(worker);
    const ids = await submitMany(200);
    await system.kill(first);
    system.startWorker(worker);
    const views = await system.settled(ids, 60_000);
    const doubtful = views.filter(({ status }) => status !== "completed");
    for (const view of doubtful) {
      const open = view.steps
        .filter(({ status }) => status !== "completed")
        .map(({ name, status }) => `${name} ${status}`);
      expect(open).toEqual(["process_payment in_doubt", "ship_order pending"]);
    }
    for (const view of views) expect(startedTooEarly(view, await system.events(view.id))).toEqual([]);
  });

  it("runs on three workers written from the seed alone, each step once", async () => {
    const executions = join(system.folder, "executions");
    writeFileSync(executions, "");
    for (const _ of [1, 2, 3]) system.startWorker("tests/fixtures/seed-worker.ts", { EXECUTIONS: executions });
    const ids = await submitMany(30);
    const views = await system.settled(ids, 60_000);
    expect(views.filter(({ status }) => status !== "completed")).toEqual([]);
    const lines = readFileSync(executions, "utf8").trim().split("\n");
    expect(lines).toHaveLength(120);
    expect(new Set(lines).size).toBe(120);
    for (const view of views) await audit(view);
  });
});

describe("without a worker", () => {
  it("a task waits with the visible reason no_worker", async () => {
    const [id = ""] = await submitMany(1);
    const view = await system.get<TaskView>(`/v1/tasks/${id}`);
    expect(view).toMatchObject({ status: "in_progress", reason: "no_worker" });
    expect(view.steps[0]).toMatchObject({ name: "validate_order", status: "ready", reason: "no_worker" });
  });

  it("fault 10: a second orchestrator on the same database is refused", async () => {
    const args = ["server", "--database", join(system.folder, "tasker.db"), "--http", "127.0.0.1:0", "--json"];
    const outcome = await system.tasker(...args);
    expect(outcome.stdout).toBe("");
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toMatch(/process \d+ has the database .* open/);
  });

  it("fault 39: SIGTERM ends the orchestrator with exit code 0", async () => {
    system.server!.kill("SIGTERM");
    expect((await once(system.server!, "exit"))[0]).toBe(0);
  });
});
