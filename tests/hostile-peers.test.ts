/** Peers that flood, forge and send garbage, against a real orchestrator: its memory stays bounded, and its work goes on. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HostilePublisher, HostileSubscriber } from "./hostile-peers.ts";
import { frameOf, RawPeer, subscriptionOf } from "./raw-zmtp.ts";
import { System, type TaskView } from "./system.ts";

const template = `
namespace: test
name: echo
version: 1.0.0
steps:
  - name: echo
    handler: echo
  - name: again
    handler: slow
    depends_on: [echo]
`;
const mib = 1024 * 1024;
const someTimeMs = 30_000;

let system: System;
const peers: { close(): void }[] = [];

beforeEach(async () => {
  system = new System();
});
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  await system.close();
});

/** The orchestrator, with a worker that serves the template. */
async function start(env: Record<string, string> = {}): Promise<void> {
  Object.assign(process.env, env);
  try {
    await system.startServer("--log-level", "warn");
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
  }
  const headers = { "content-type": "application/yaml" };
  const path = `${system.endpoints.http}/v1/templates/test/echo/1.0.0`;
  expect((await fetch(path, { method: "PUT", headers, body: template })).status).toBe(201);
  system.startWorker("tests/fixtures/odd-worker.ts", { TASKER_WORKER_ID: "honest" });
  await workIsDone();
}

function peer<T extends { close(): void }>(made: T): T {
  peers.push(made);
  return made;
}

async function rawPeer(endpoint: string, type: "SUB" | "PUB"): Promise<RawPeer> {
  return peer(await RawPeer.connect(endpoint, type));
}

async function submit(): Promise<string> {
  return (await system.post<TaskView>("/v1/tasks", { namespace: "test", name: "echo", context: { n: 2 ** 53 - 1 } }))
    .id;
}

/** A task goes through: each of its steps was leased once and applied once. */
async function workIsDone(): Promise<void> {
  const id = await submit();
  await system.settled([id], someTimeMs);
  const story = (await system.events(id))
    .filter(({ step }) => step !== null)
    .map(({ step, to, reason }) => [step, to, reason].filter(Boolean).join(" "));
  expect(story).toEqual([
    "echo ready",
    "echo in_progress",
    "echo completed",
    "again ready",
    "again in_progress",
    "again completed",
  ]);
}

/** The most memory that the orchestrator has ever had resident, in bytes. */
function peakMemory(): number {
  const status = readFileSync(`/proc/${system.server!.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

async function workers(): Promise<{ id: string; key: string; capacity: number; status: string }[]> {
  return (await system.get<{ items: { id: string; key: string; capacity: number; status: string }[] }>("/v1/workers"))
    .items;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${system.endpoints.http}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

const unknownResults = (count: number, output: string, from = 1) =>
  `results ${JSON.stringify({
    batch_id: "batch_ffffffffffffffff",
    protocol_version: "2.0",
    session: "nobody-00000000",
    results: Array.from({ length: count }, (_, i) => ({
      step_id: from + i,
      status: "completed",
      output,
      error: null,
      metadata: { lease_id: `batch_ffffffffffffffff.${from + i}`, attempt: 1 },
    })),
  })}`;

describe("fault 37: hostile peers", { timeout: 120_000 }, () => {
  test("whoever floods with subscriptions is cut off, again and again: memory is bounded, and work goes on", async () => {
    await start();
    const before = peakMemory();
    for (let round = 0; round < 3; round++) {
      const flood = await rawPeer(system.endpoints.steps, "SUB");
      for (let sent = 0; !flood.isCut; sent += 1_000) {
        const topics = Array.from({ length: 1_000 }, (_, i) => `${i % 2 === 0 ? "@w" : "topic"}${sent + i}-00000000 `);
        await flood.write(Buffer.concat(topics.map(subscriptionOf)));
      }
    }
    await workIsDone();
    expect((peakMemory() - before) / mib).toBeLessThan(500);
  });

  test("frames of garbage, and connections that break off in the middle of one, change nothing", async () => {
    await start();
    const before = peakMemory();
    const publisher = peer(new HostilePublisher(system.endpoints));
    for (let sent = 0; sent < 20_000; sent++) {
      const noise = Buffer.from(Array.from({ length: 1 + (sent % 50) }, (_, i) => (sent * 31 + i * 17) % 256));
      await publisher.send(Buffer.concat([Buffer.from(sent % 2 === 0 ? "results " : "worker "), noise]));
    }
    for (let count = 0; count < 200; count++) {
      const raw = await rawPeer(count % 2 === 0 ? system.endpoints.results : system.endpoints.steps, "PUB");
      await raw.write(frameOf(Buffer.alloc(100_000)).subarray(0, 9 + count * 400));
      raw.close();
    }
    await workIsDone();
    expect((await workers()).map(({ id }) => id)).toEqual(["honest"]);
    expect((peakMemory() - before) / mib).toBeLessThan(100);
    expect(system.said().split("frame.refused").length - 1).toBeLessThanOrEqual(20);
  });

  test("whoever sends a frame beyond the limit is cut off before it is in memory", async () => {
    await start({ TASKER_LIMITS_MAX_OUTPUT_BYTES: String(mib) });
    const before = peakMemory();
    for (let count = 0; count < 10; count++) {
      const raw = await rawPeer(system.endpoints.results, "PUB");
      // It says that a gigabyte comes, and begins.
      const head = Buffer.from([2, 0, 0, 0, 0, 0x40, 0, 0, 0]);
      await raw.write(head);
      await raw.write(Buffer.alloc(mib));
      await raw.cut();
    }
    await workIsDone();
    expect((peakMemory() - before) / mib).toBeLessThan(100);
  });

  test("results for leases that nobody holds are counted, and change nothing", async () => {
    await start();
    const id = await submit();
    const publisher = peer(new HostilePublisher(system.endpoints));
    while ((await metric('tasker_results_total{outcome="unknown"}')) < 1_000) {
      await publisher.send(unknownResults(100, '{"forged":true}'));
    }
    const [view] = await system.settled([id], someTimeMs);
    expect(view!.steps.map(({ output }) => output)).toEqual([{ n: 2 ** 53 - 1 }, { n: 2 ** 53 - 1 }]);
    const applied = (await system.events(id)).filter(({ to }) => to === "completed");
    expect(applied).toHaveLength(3);
  });

  test("a flood of well-formed results takes bounded memory, and work goes on meanwhile", async () => {
    await start();
    const before = peakMemory();
    const output = `{"text":"${"x".repeat(10_000)}"}`;
    const flood = Array.from({ length: 4 }, async () => {
      const publisher = peer(new HostilePublisher(system.endpoints));
      // 100 frames of 1 MB from each of four.
      for (let sent = 0; sent < 100; sent++) await publisher.send(unknownResults(100, output, sent * 100 + 1));
    });
    await workIsDone();
    await Promise.all(flood);
    await workIsDone();
    expect((peakMemory() - before) / mib).toBeLessThan(400);
  });

  test("a hello in another's name takes nothing from a worker that lives", async () => {
    await start();
    const [honest] = await workers();
    const subscriber = peer(new HostileSubscriber(system.endpoints, ["@honest-ffffffff "]));
    await subscriber.hears(/"rehello"/);
    const publisher = peer(new HostilePublisher(system.endpoints));
    const hello = JSON.stringify({
      ...{ type: "hello", protocol_version: "2.0", session: "honest-ffffffff", worker_id: "honest" },
      ...{
        protocols: ["2.0"],
        handlers: ["echo", "slow"],
        capacity: 100,
        leases: ["batch_1.1"],
        outbox: ["batch_1.2"],
      },
    });
    let answered = false;
    const refused = subscriber.hears(/"refuse"/).then((frame) => {
      answered = true;
      return frame;
    });
    while (!answered) await publisher.send(`worker ${hello}`);
    expect(await refused).toContain("duplicate_worker_id");
    expect(await workers()).toEqual([expect.objectContaining({ key: honest!.key, status: "ready" })]);
    await workIsDone();
    expect(subscriber.heard.some((frame) => frame.includes('"steps"'))).toBe(false);
  });

  test("hundreds of connections that say nothing are only connections", async () => {
    await start();
    const before = peakMemory();
    for (let count = 0; count < 300; count++) {
      await rawPeer(system.endpoints.steps, "SUB");
      await rawPeer(system.endpoints.results, "PUB");
    }
    await workIsDone();
    expect((await workers()).map(({ id }) => id)).toEqual(["honest"]);
    expect((peakMemory() - before) / mib).toBeLessThan(100);
  });
});
