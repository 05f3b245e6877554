/** Workers transcribed from the seed's Ruby listing: alone and three at once, their PUB connected, or bound as printed. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ruby } from "../scripts/languages/ruby.ts";
import { root, System, startedTooEarly } from "./system.ts";

const context = readFileSync(join(root, "examples/order-fulfillment/context.json"), "utf8");
const worker = join(root, "tests/fixtures/seed/worker.rb");

/** The configuration file of the seed, with endpoints that other processes can reach. */
const seedConfig = (publishers: string) => `# config/zeromq.yaml
step_execution:
  # Pub-Sub endpoints (bidirectional)
  rust_step_publisher: "ipc://tasker_steps.sock"
  rust_result_subscriber: "ipc://tasker_results.sock"

  # Handler endpoints (opposite direction)
  handler_step_subscriber: "ipc://tasker_steps.sock"
  handler_result_publisher: ${publishers}

  batch_size: 10
  result_timeout_ms: 300000  # 5 minutes max wait for results
  handler_poll_interval_ms: 1  # Polling frequency for non-blocking receives

  # High-water marks for message queuing
  step_queue_hwm: 1000
  result_queue_hwm: 1000
`;

describe.skipIf(ruby.missing() !== undefined)("the seed's own worker", { timeout: 120_000 }, () => {
  let system: System;
  beforeEach(() => {
    system = new System();
  });
  afterEach(() => system.close());

  async function startServer(publishers: string): Promise<void> {
    const file = join(system.folder, "zeromq.yaml");
    writeFileSync(file, seedConfig(publishers));
    await system.startServer("--config", file, "--templates", join(root, "examples/order-fulfillment"));
    expect(system.endpoints.steps).toBe(`ipc://${system.folder}/tasker_steps.sock`);
  }

  function startWorker(resultsEndpoint: string, connects: boolean): void {
    system.spawn("ruby", [worker], {
      TASKER_STEPS_ENDPOINT: system.endpoints.steps,
      TASKER_RESULTS_ENDPOINT: resultsEndpoint,
      RUNS: join(system.folder, "runs"),
      ...(connects ? { TASKER_RESULTS_CONNECT: "1" } : {}),
    });
  }

  /** Every step of every task: run once, its result applied once, after its parents. */
  async function runOrders(count: number): Promise<void> {
    const one = `{"namespace":"fulfillment","name":"process_order","context":${context}}`;
    const body = `{"tasks":[${Array(count).fill(one).join(",")}]}`;
    const { items } = await system.post<{ items: { id: string }[] }>("/v1/tasks/bulk", body);
    const views = await system.settled(
      items.map(({ id }) => id),
      90_000,
    );
    expect(new Set(views.map(({ status }) => status))).toEqual(new Set(["completed"]));
    expect(views[0]!.steps.at(-1)!.output).toMatchObject({ tracking_number: expect.stringMatching(/^1Z-txn_\d+$/) });
    const runs = readFileSync(join(system.folder, "runs"), "utf8").trimEnd().split("\n");
    expect(runs).toHaveLength(count * 4);
    expect(new Set(runs).size).toBe(count * 4);
    for (const view of views) {
      const events = await system.events(view.id);
      expect(events.filter(({ step, from, to }) => step !== null && to === "completed" && from !== to)).toHaveLength(4);
      expect(startedTooEarly(view, events)).toEqual([]);
    }
  }

  it("runs every step once, its PUB connected", async () => {
    await startServer('"ipc://tasker_results.sock"');
    startWorker(system.endpoints.results, true);
    await runOrders(10);
  });

  it("runs every step once, its PUB bound as the listing has it", async () => {
    await startServer('"ipc://handler_results.sock"');
    startWorker(`ipc://${system.folder}/handler_results.sock`, false);
    await runOrders(10);
  });

  it("shares the work with two more, each connected", async () => {
    await startServer('"ipc://tasker_results.sock"');
    for (let n = 0; n < 3; n++) startWorker(system.endpoints.results, true);
    await runOrders(30);
  });

  it("shares the work with two more, each bound to an endpoint of its own", async () => {
    await startServer('["ipc://first.sock", "ipc://second.sock", "ipc://third.sock"]');
    for (const name of ["first", "second", "third"]) startWorker(`ipc://${system.folder}/${name}.sock`, false);
    await runOrders(30);
  });
});
