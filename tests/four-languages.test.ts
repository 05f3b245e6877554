/**
 * Orders through four languages at once: each step of every order is run by a worker in another language, once, and what
 * one language answers is what the next one works with.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { absentLanguages, type OrderWorker, orderWorkers } from "../examples/order-in-four-languages.ts";
import { root, System, startedTooEarly, type TaskView } from "./system.ts";

const orders = join(root, "examples/order-fulfillment");
const context = readFileSync(join(orders, "context.json"), "utf8");
const absent = absentLanguages().map(({ name, missing }) => `${name}: ${missing}`);
/** Compilers take their time on a cold cache. */
const setUpMs = 180_000;

interface Started {
  readonly step: string | null;
  readonly to: string;
  readonly worker_id: string | null;
}

let system: System;
let workers: OrderWorker[];

beforeAll(async () => {
  system = new System();
  workers = orderWorkers();
  await system.startServer();
  expect((await system.tasker("template", "apply", join(orders, "template.yaml"))).code).toBe(0);
  for (const { command, workerId } of workers) {
    system.spawn(command.command, command.args, {
      TASKER_STEPS_ENDPOINT: system.endpoints.steps,
      TASKER_RESULTS_ENDPOINT: system.endpoints.results,
      TASKER_WORKER_ID: workerId,
    });
  }
}, setUpMs);

afterAll(() => system.close());

test.skipIf(absent.length > 0)(
  `every step of 50 orders runs once, in its language${absent.length > 0 ? `; missing: ${absent.join("; ")}` : ""}`,
  { timeout: 120_000 },
  async () => {
    expect(workers.map(({ language }) => language).sort()).toEqual(["go", "python", "ruby", "typescript"]);
    const order = `{"namespace":"fulfillment","name":"process_order","context":${context}}`;
    const accepted = await system.post<{ items: { id: string }[] }>(
      "/v1/tasks/bulk",
      `{"tasks":[${Array(50).fill(order).join(",")}]}`,
    );
    const views = await system.settled(
      accepted.items.map(({ id }) => id),
      90_000,
    );
    for (const view of views) await audit(view);
  },
);

async function audit(view: TaskView): Promise<void> {
  expect(view.status).toBe("completed");
  const events = await system.events(view.id);
  const started = (events as unknown as Started[]).filter(({ step, to }) => step !== null && to === "in_progress");
  const expected = workers.flatMap(({ steps, workerId }) => steps.map((step) => `${step} by ${workerId}`));
  expect(started.map(({ step, worker_id }) => `${step} by ${worker_id}`).sort()).toEqual(expected.sort());
  expect(startedTooEarly(view, events)).toEqual([]);
  const output = (name: string) => view.steps.find((step) => step.name === name)!.output as Record<string, unknown>;
  expect(output("validate_order")).toEqual({ status: "approved", item_count: 3, total_cents: 9300 });
  const charged = createHash("sha256").update(`${view.id}:process_payment 9300 USD`).digest("hex").slice(0, 16);
  expect(output("process_payment")).toEqual({
    transaction_id: `txn_${charged}`,
    amount_cents: 9300,
    currency: "USD",
  });
  expect(output("ship_order")).toMatchObject({ order_id: 12345, carrier: "UPS", transaction_id: `txn_${charged}` });
}
