import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedOrchestrator } from "./test-support/scripted-orchestrator.ts";
import { Worker } from "./worker.ts";

let orchestrator: ScriptedOrchestrator;
let worker: Worker;

beforeEach(async () => {
  orchestrator = await ScriptedOrchestrator.open();
  worker = new Worker({ ...orchestrator.endpoints, workerId: "w1", logLevel: "silent", flushMs: 1_000 });
});

afterEach(async () => {
  await worker.stop();
  orchestrator.close();
});

test("runs the steps of a batch and answers under their leases", async () => {
  worker.handle("echo", (step) => step.context);
  worker.start();
  const session = await orchestrator.session();
  const { leases, batchId } = orchestrator.sendBatch(session, [{ context: '{"a":1}' }, { context: '{"b":[2]}' }]);
  const [first, second] = await orchestrator.results(leases);
  expect(first).toMatchObject({ status: "completed", output: '{"a":1}', error: "null" });
  expect(second).toMatchObject({ output: '{"b":[2]}' });
  const messages = orchestrator.all("results");
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatchObject({ batch_id: batchId, protocol_version: "2.0", session });
});
