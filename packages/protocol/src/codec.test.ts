import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import {
  decodeBatch,
  decodeControl,
  decodeOrchestratorMessage,
  decodeResults,
  decodeWorkerMessage,
  encodeBatch,
  encodeControl,
  encodePlainBatch,
  encodeResults,
  encodeWorkerMessage,
  type HeartbeatMessage,
  type OutgoingBatch,
  type OutgoingStep,
  ProtocolError,
  staticStepJson,
  topicOf,
} from "./index.ts";

const step: OutgoingStep = {
  stepId: 8127,
  taskId: 6591,
  staticJson: staticStepJson(
    "ship_order",
    "OrderFulfillment::StepHandlers::ShipOrderHandler",
    '{"shipping_timeout":60,"send_notifications":true}',
  ),
  context: '{"order_id":12345}',
  previousResults: '{"validate_order":{"status":"approved"}}',
  leaseId: "batch_12345_1706039072.8127",
  attempt: 1,
  retryLimit: 5,
  timeoutMs: 30_000,
  idempotencyKey: "0190f3c2-7b3a-7c11-8a2e-000000000001:ship_order",
  taskUuid: "0190f3c2-7b3a-7c11-8a2e-000000000001",
};
const batch: OutgoingBatch = { batchId: "batch_12345_1706039072", steps: [step] };
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const bytes = (frame: string) => Buffer.from(frame);

describe("batches", () => {
  test("a 1.0 batch is the seed's message, member for member", () => {
    expect(encodePlainBatch(batch)).toBe(
      'steps {"batch_id":"batch_12345_1706039072","protocol_version":"1.0","steps":[{"step_id":8127,"task_id":6591,' +
        '"step_name":"ship_order","handler_class":"OrderFulfillment::StepHandlers::ShipOrderHandler",' +
        '"handler_config":{"shipping_timeout":60,"send_notifications":true},"task_context":{"order_id":12345},' +
        '"previous_results":{"validate_order":{"status":"approved"}},' +
        '"metadata":{"attempt":0,"retry_limit":5,"timeout_ms":30000}}]}',
    );
  });

  test("a 2.0 batch begins with its batch_id too, and goes to one session", () => {
    const frame = encodeBatch(batch, "w1-0a1b2c3d", 7);
    expect(frame.startsWith('@w1-0a1b2c3d {"batch_id":"batch_12345_1706039072",')).toBe(true);
    const decoded = decodeBatch(bytes(frame));
    expect(decoded).toMatchObject({ type: "batch", seq: 7, protocol_version: "2.0", refused: [] });
    expect(decoded.steps[0]!.metadata).toEqual({
      attempt: 1,
      retry_limit: 5,
      timeout_ms: 30_000,
      lease_id: step.leaseId,
      idempotency_key: step.idempotencyKey,
      task_uuid: step.taskUuid,
    });
  });

  test("names with quotes and other scripts are escaped where they must be", () => {
    const odd = { ...step, staticJson: staticStepJson('a"b\\c', "出荷🚚", "{}"), idempotencyKey: 'k"é\n' };
    const decoded = decodeBatch(bytes(encodeBatch({ ...batch, steps: [odd, step] }, "w1-0a1b2c3d", 1)));
    expect(decoded.steps[0]).toMatchObject({ step_name: 'a"b\\c', handler_class: "出荷🚚" });
    expect(decoded.steps[0]!.metadata.idempotency_key).toBe('k"é\n');
    expect(decoded.steps).toHaveLength(2);
  });

  test("payloads arrive as text and as exact values", () => {
    const context = '{"id": 9007199254740993,"small":7}';
    const [received] = decodeBatch(bytes(encodePlainBatch({ ...batch, steps: [{ ...step, context }] }))).steps;
    expect(received!.task_context).toBe(context);
    expect(received!.values.task_context).toEqual({ id: 9007199254740993n, small: 7 });
    expect(received!.values.handler_config).toEqual({ shipping_timeout: 60, send_notifications: true });
  });

  test("a worker reads batches and control messages from the same socket", () => {
    const ping = { type: "ping", protocol_version: "2.0", orchestrator_id: "o1", epoch: "e1" } as const;
    expect(decodeOrchestratorMessage(bytes(encodeControl("w1-0a1b2c3d", ping)))).toEqual(ping);
    expect(decodeOrchestratorMessage(bytes(encodePlainBatch(batch)))).toMatchObject({ batch_id: batch.batchId });
    expect(() => decodeControl(bytes(encodePlainBatch(batch)))).toThrow(ProtocolError);
  });
});

describe("the seed's own samples", () => {
  // As printed there, with its elisions filled in and its comment taken out.
  const samples = readFileSync(new URL("./testdata/seed-messages.json", import.meta.url), "utf8");
  const { request, response } = JSON.parse(samples) as Record<"request" | "response", object>;

  test("decode on the side that receives them", () => {
    expect(decodeBatch(bytes(`steps ${JSON.stringify(request, null, 2)}`)).refused).toEqual([]);
    const { results, refused } = decodeResults(bytes(`results ${JSON.stringify(response, null, 2)}`));
    expect(refused).toEqual([]);
    expect(results[0]).toMatchObject({ step_id: 8127, status: "completed", error: "null" });
  });

  test("have the members of our 1.0 messages, in the same order", () => {
    const ours = JSON.parse(encodePlainBatch(batch).slice("steps ".length)) as { steps: object[] };
    const theirs = request as { steps: object[] };
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    expect(Object.keys(ours.steps[0]!)).toEqual(Object.keys(theirs.steps[0]!));
  });
});

describe("results", () => {
  const result = (more: object) =>
    `results ${JSON.stringify({ batch_id: "b_1", protocol_version: "1.0", results: [{ step_id: 1, status: "completed" }, more, { step_id: 3, status: "failed" }] })}`;

  test("one bad item does not lose its neighbours, and says whose it is", () => {
    const frame = result({ step_id: 2, status: "complete", metadata: { lease_id: "b_1.2" } });
    const { results, refused } = decodeResults(bytes(frame));
    expect(results.map((item) => item.step_id)).toEqual([1, 3]);
    expect(refused).toHaveLength(1);
    expect(refused[0]!.index).toBe(1);
    expect(refused[0]!.error.ids).toEqual({ batchId: "b_1", stepId: 2, leaseId: "b_1.2", session: null });
    expect(refused[0]!.error.message).toBe(
      'results[1].status: expected one of "completed", "failed", "error", got "complete" (batch b_1, step 2, lease b_1.2)',
    );
  });

  test("ids that are not legal themselves are not repeated", () => {
    const { refused } = decodeResults(bytes(result({ step_id: -2, status: 7, metadata: { lease_id: "a\nb" } })));
    expect(refused[0]!.error.ids).toEqual({ batchId: "b_1", stepId: null, leaseId: null, session: null });
  });

  test("error.code is read where it is a code, and only there", () => {
    const codes = [{ code: "timeout" }, { code: 7 }, { code: "no spaces" }, {}].map((error, index) => ({
      step_id: index + 1,
      status: "failed",
      error,
    }));
    const frame = `results ${JSON.stringify({ batch_id: "b_1", results: codes })}`;
    const { results } = decodeResults(bytes(frame));
    expect(results.map((item) => item.error_code)).toEqual(["timeout", null, null, null]);
  });

  test("a progress of a long message does not keep the message in memory", () => {
    const long = JSON.stringify("x".repeat(60_000));
    const progress = Array.from({ length: 16 }, (_, i) => ({
      lease_id: `b_1.${i}`,
      progress: i === 0 ? '{"percent_done":1}' : long,
    }));
    const beat = {
      type: "heartbeat",
      protocol_version: "2.0",
      session: "w1-0a1b2c3d",
      epoch: "e1",
      last_seq: 0,
    } as const;
    const message = { ...beat, leases: [], capacity: 1, progress, checkpoints: [] };
    const frame = bytes(encodeWorkerMessage(message));
    const kept: string[] = [];
    for (let i = 0; i < 200; i++) kept.push((decodeWorkerMessage(frame) as HeartbeatMessage).progress[0]!.progress);
    expect(new Set(kept)).toEqual(new Set(['{"percent_done":1}']));
    collectGarbage();
    expect(process.memoryUsage().heapUsed).toBeLessThan(150e6);
  });

  test("an output of a long message does not keep the message in memory", () => {
    const item = (step_id: number, output: string) => ({
      step_id,
      status: "completed" as const,
      output,
      error: "null",
      error_code: null,
      metadata: {},
    });
    const short = '{"tracking_number":"1Zé"}';
    const message = { batch_id: "b_1", protocol_version: "1.0" as const };
    const long = JSON.stringify("x".repeat(1_000_000));
    const kept: string[] = [];
    const frame = bytes(encodeResults({ ...message, results: [item(1, short), item(2, long)] }));
    for (let i = 0; i < 200; i++) kept.push(decodeResults(frame).results[0]!.output);
    expect(new Set(kept)).toEqual(new Set([short]));
    collectGarbage();
    // 200 messages of a megabyte would show.
    expect(process.memoryUsage().heapUsed).toBeLessThan(150e6);
  });
});

test("an operator's long reason is shortened to what a worker takes", () => {
  const from = { protocol_version: "2.0", orchestrator_id: "o1", epoch: "e1" } as const;
  const cancel = { type: "cancel", ...from, lease_ids: ["b_1.1"], reason: "x".repeat(5_000) } as const;
  expect(decodeControl(bytes(encodeControl("w1-0a1b2c3d", cancel)))).toMatchObject({ reason: "x".repeat(1_024) });
});

describe("worker messages", () => {
  test("what is wrong with a hello names the session to answer", () => {
    const hello = { type: "hello", protocol_version: "1.0", session: "w1-0a1b2c3d" };
    try {
      decodeWorkerMessage(bytes(`worker ${JSON.stringify(hello)}`));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "unsupported_version", ids: { session: "w1-0a1b2c3d" } });
    }
  });
});

test("the topic is what stands before the first space, however long the frame", () => {
  expect(topicOf(bytes("results {}"))).toBe("results");
  expect(topicOf(bytes(`@${"s".repeat(137)} {}`))).toBe(`@${"s".repeat(137)}`);
  expect(topicOf(bytes("results"))).toBeNull();
  expect(topicOf(bytes(" {}"))).toBeNull();
  expect(topicOf(bytes(`${"x".repeat(300)} {}`))).toBeNull();
});

test("a frame may be a plain Uint8Array inside a larger buffer", () => {
  const frame = bytes('results {"batch_id":"b_1","results":[{"step_id":1,"status":"completed","output":"é"}]}');
  const padded = new Uint8Array(frame.length + 16);
  padded.set(frame, 8);
  expect(decodeResults(padded.subarray(8, 8 + frame.length)).results[0]!.output).toBe('"é"');
});
