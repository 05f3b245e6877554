/** What happens to a worker's process: signals, blocked handlers, exits. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedOrchestrator } from "./test-support/scripted-orchestrator.ts";

let orchestrator: ScriptedOrchestrator;
let child: ChildProcess;
let said = "";
let exited: Promise<{ code: number | null; signal: string | null }>;

async function startChild(env: Record<string, string> = {}): Promise<string> {
  said = "";
  child = spawn(process.execPath, [join(import.meta.dirname, "test-support/child-worker.ts")], {
    env: { ...process.env, ...orchestrator.env, TASKER_WORKER_ID: "child", ...env },
    stdio: ["ignore", "inherit", "pipe"],
  });
  child.stderr!.on("data", (text) => {
    said += text;
  });
  exited = once(child, "close").then(([code, signal]) => ({ code, signal }));
  return await orchestrator.session();
}

beforeEach(async () => {
  orchestrator = await ScriptedOrchestrator.open();
});

afterEach(() => {
  child.kill("SIGKILL");
  orchestrator.close();
});

test("fault 13: heartbeats go on while a handler blocks the process, and so do acks and rejects", async () => {
  const session = await startChild();
  const { leases } = orchestrator.sendBatch(session, [{ handler: "blocks", context: '{"ms":3000}' }]);
  const count = () => orchestrator.all("heartbeat").filter((one) => one.leases.includes(leases[0]!)).length;
  await orchestrator.until(() => count() >= 5, "five heartbeats", 2_500);
  const rejected = orchestrator.sendBatch(session, [{ handler: "nobody" }]);
  await orchestrator.until(
    () => orchestrator.all("reject").some((one) => one.lease_ids[0] === rejected.leases[0]),
    "a reject",
  );
  const held = orchestrator.sendBatch(session, [{}]);
  const confirmed = await orchestrator.until(
    () => orchestrator.all("heartbeat").find((one) => one.last_seq === 3),
    "seq 3",
  );
  expect(confirmed.leases).toEqual([...leases, ...held.leases]);
  expect(orchestrator.all("results")).toEqual([]);
  await orchestrator.results([...leases, ...held.leases]);
});

test("fault 39: SIGTERM lets running steps end, then the process exits with 0", async () => {
  const session = await startChild();
  const { leases } = orchestrator.sendBatch(session, [{ handler: "waits", context: '{"ms":400}' }]);
  await orchestrator.until(() => orchestrator.all("heartbeat").find((one) => one.leases.length === 1), "it to run");
  child.kill("SIGTERM");
  const [result] = await orchestrator.results(leases);
  expect(result).toMatchObject({ status: "completed", output: '{"waited":400}' });
  expect(await exited).toEqual({ code: 0, signal: null });
  await orchestrator.until(() => orchestrator.all("bye").length === 1, "a bye");
});

test("a second SIGTERM ends it at once", async () => {
  const session = await startChild();
  orchestrator.sendBatch(session, [{ handler: "never_ends" }]);
  await orchestrator.until(() => orchestrator.all("heartbeat").find((one) => one.leases.length === 1), "it to run");
  child.kill("SIGTERM");
  await orchestrator.until(() => orchestrator.all("heartbeat").find((one) => one.capacity === 0), "it to drain");
  child.kill("SIGTERM");
  expect(await exited).toEqual({ code: 143, signal: null });
});

test("an exception that nobody catches ends it with 1, as any Node program", async () => {
  const session = await startChild();
  orchestrator.sendBatch(session, [{ handler: "throws_outside" }]);
  expect(await exited).toEqual({ code: 1, signal: null });
  expect(said).toContain("nobody catches this");
});

test("a handler that exits ends it with its own code", async () => {
  const session = await startChild();
  orchestrator.sendBatch(session, [{ handler: "exits" }]);
  expect(await exited).toEqual({ code: 7, signal: null });
});

test("a refused worker ends with 1 and the reason", async () => {
  orchestrator.script.welcomes = false;
  const session = await startChild();
  orchestrator.say(session, { type: "refuse", reason: "duplicate_worker_id", detail: "child is connected as child-0" });
  expect((await exited).code).toBe(1);
  expect(said).toContain("the orchestrator refused this worker: duplicate_worker_id: child is connected as child-0");
  expect(said).toContain("give every worker its own TASKER_WORKER_ID");
});

test("a worker that is killed and started again takes new steps", async () => {
  const first = await startChild();
  child.kill("SIGKILL");
  await orchestrator.until(() => !orchestrator.isSubscribed(first), "the unsubscription");
  const second = await startChild();
  expect(second).not.toBe(first);
  const [result] = await orchestrator.results(orchestrator.sendBatch(second, [{ context: '{"n":1}' }]).leases);
  expect(result).toMatchObject({ output: '{"n":1}' });
});
