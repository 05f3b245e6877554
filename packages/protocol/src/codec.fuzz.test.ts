/** Whatever comes, a decoder answers with a message or a ProtocolError; whatever was encoded comes back the same. */
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ControlMessage,
  codecs,
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
  type OutgoingBatch,
  ProtocolError,
  type ResultMessage,
  staticStepJson,
  type WorkerMessage,
} from "./index.ts";

// ------------------------------------------------------------------------------------------------- hostile input

const decoders = [decodeResults, decodeWorkerMessage, decodeBatch, decodeControl, decodeOrchestratorMessage];

function survives(frame: Uint8Array): void {
  for (const decode of decoders) {
    try {
      decode(frame);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
    }
  }
}

const topic = fc.constantFrom("results ", "worker ", "steps ", "@w1-0a1b2c3d ", "");

test("random bytes", () => {
  fc.assert(
    fc.property(topic, fc.uint8Array({ maxLength: 200 }), (start, noise) =>
      survives(Buffer.concat([Buffer.from(start), noise])),
    ),
    { numRuns: 1000 },
  );
});

test("objects with our members and any values in them", () => {
  const member = fc.constantFrom(
    ...["type", "protocol_version", "batch_id", "session", "results", "steps", "step_id", "status", "output", "error"],
    ...["metadata", "lease_id", "worker_id", "protocols", "handlers", "capacity", "progress", "leases", "__proto__"],
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom("hello", "heartbeat", "batch", "welcome", "1.0", "2.0", "completed", "w1-0a1b2c3d", 1, 0),
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(member, tie("any"), { maxKeys: 8 }),
    ),
  })).any;
  fc.assert(
    fc.property(topic, fc.dictionary(member, value), (start, object) =>
      survives(Buffer.from(start + JSON.stringify(object))),
    ),
    { numRuns: 2000 },
  );
});

test("good frames with damage", () => {
  const folder = new URL("../../../protocol/vectors/accept/", import.meta.url);
  const frames = readdirSync(folder).map((file) => {
    const { frame, frame_base64 } = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Record<string, string>;
    return frame_base64 === undefined ? Buffer.from(frame!) : Buffer.from(frame_base64, "base64");
  });
  const damage = fc.record({
    at: fc.nat(2000),
    cut: fc.nat(20),
    insert: fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constantFrom('"', "{", "]", ",", "\\", "null", "1e999")),
  });
  fc.assert(
    fc.property(fc.constantFrom(...frames), fc.array(damage, { minLength: 1, maxLength: 3 }), (frame, damages) => {
      let bytes = frame;
      for (const { at, cut, insert } of damages) {
        const from = at % bytes.length;
        bytes = Buffer.concat([bytes.subarray(0, from), Buffer.from(insert as string), bytes.subarray(from + cut)]);
        if (bytes.length === 0) return;
      }
      survives(bytes);
    }),
    { numRuns: 3000 },
  );
});

test("random MessagePack", () => {
  const start = fc.constantFrom(0x80, 0x81, 0x83, 0x8f, 0xde, 0xdf);
  fc.assert(
    fc.property(topic, start, fc.uint8Array({ maxLength: 60 }), (to, first, noise) =>
      survives(Buffer.concat([Buffer.from(to), Buffer.from([first]), noise])),
    ),
    { numRuns: 3000 },
  );
});

// --------------------------------------------------------------------------------------------------- round trips

function bytesOf(frame: string | Uint8Array): Buffer {
  return typeof frame === "string" ? Buffer.from(frame) : Buffer.from(frame);
}

const id = fc.stringMatching(/^[!-~]{1,40}$/);
const workerId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,20}$/);
const session = fc.tuple(workerId, fc.stringMatching(/^[0-9a-f]{8}$/)).map(([worker, random]) => `${worker}-${random}`);
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }).filter((text) => !/[\0-\x20\x7f]/.test(text));
const text = fc.string({ unit: "grapheme", maxLength: 40 });
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const natural = fc.nat();

/** JSON text that JSON.stringify would not write: white space, big integers, escapes. */
const rawJson = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value, null, "\t")),
  fc.bigInt().map(String),
  fc.constantFrom('"\\ud800"', '{"__proto__":1,"a":1, "a":2}', "1e400", "[ -0 ]", '"\\u0000"'),
);
const rawObject = fc
  .array(fc.tuple(fc.string(), rawJson), { maxLength: 4 })
  .map((members) => `{${members.map(([key, value]) => ` ${JSON.stringify(key)} : ${value}`).join()}}`);

test("batches of both versions", () => {
  const step = fc.record({
    stepId: positive,
    taskId: positive,
    stepName: name,
    handler: name,
    config: rawObject,
    context: rawObject,
    previousResults: rawObject,
    leaseId: id,
    attempt: fc.integer({ min: 1, max: 100 }),
    retryLimit: natural,
    timeoutMs: positive,
    idempotencyKey: text,
    taskUuid: id,
    checkpoint: fc.option(rawObject),
  });
  fc.assert(
    fc.property(id, session, positive, fc.array(step, { maxLength: 4 }), (batchId, to, seq, steps) => {
      const batch: OutgoingBatch = {
        batchId,
        steps: steps.map((one) => ({ ...one, staticJson: staticStepJson(one.stepName, one.handler, one.config) })),
      };
      const common = steps.map((one) => ({
        step_id: one.stepId,
        task_id: one.taskId,
        step_name: one.stepName,
        handler_class: one.handler,
        handler_config: one.config,
        task_context: one.context,
        previous_results: one.previousResults,
      }));
      const bounds = (one: (typeof steps)[number]) => ({ retry_limit: one.retryLimit, timeout_ms: one.timeoutMs });

      const plain = decodeBatch(Buffer.from(encodePlainBatch(batch)));
      expect(plain).toMatchObject({ batch_id: batchId, protocol_version: "1.0", refused: [] });
      expect(plain.steps.map(({ values, ...rest }) => rest)).toEqual(
        common.map((one, i) => ({ ...one, metadata: { ...bounds(steps[i]!), attempt: steps[i]!.attempt - 1 } })),
      );

      for (const codec of codecs) {
        const decoded = decodeBatch(bytesOf(encodeBatch(batch, to, seq, codec)));
        expect(decoded).toMatchObject({ batch_id: batchId, protocol_version: "2.0", type: "batch", seq, refused: [] });
        expect(decoded.steps.map(({ values, ...rest }) => rest)).toEqual(
          common.map((one, i) => {
            const { attempt, leaseId, idempotencyKey, taskUuid, checkpoint } = steps[i]!;
            const ids = { lease_id: leaseId, idempotency_key: idempotencyKey, task_uuid: taskUuid };
            const rest = checkpoint === null ? {} : { checkpoint };
            return { ...one, metadata: { ...bounds(steps[i]!), attempt, ...ids, ...rest } };
          }),
        );
      }
    }),
  );
});

test("results of both versions", () => {
  const failure = fc.oneof(
    fc.constant("null"),
    rawObject.filter((error) => !error.includes('"code"')),
  );
  const shared = {
    execution_time_ms: fc.double({ min: 0, max: 1e9, noNaN: true }).map(Math.abs),
    handler_version: text,
  };
  const item = <T>(metadata: fc.Arbitrary<T>) =>
    fc.record({
      step_id: positive,
      status: fc.constantFrom("completed" as const, "failed" as const, "error" as const),
      output: rawJson,
      error: failure,
      error_code: fc.constant(null),
      metadata,
    });
  const plain = fc.record({
    batch_id: id,
    protocol_version: fc.constant("1.0" as const),
    results: fc.array(item(fc.record({ ...shared, retryable: fc.boolean() }, { requiredKeys: [] })), { maxLength: 5 }),
  });
  const metadata = fc.record(
    { ...shared, retryable: fc.boolean(), lease_id: id, attempt: positive, retry_after_ms: natural },
    { requiredKeys: ["lease_id"] },
  );
  const full = fc.record({
    batch_id: id,
    protocol_version: fc.constant("2.0" as const),
    session,
    results: fc.array(item(metadata), { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.oneof(plain, full), (message) => {
      for (const codec of message.protocol_version === "1.0" ? (["json"] as const) : codecs) {
        const encoded = bytesOf(encodeResults(message as ResultMessage, codec));
        expect(decodeResults(encoded)).toEqual({ ...message, refused: [] });
      }
    }),
  );
});

test("messages of sessions, both ways", () => {
  const lists = { leases: fc.array(id, { maxLength: 5 }), capacity: fc.integer({ min: 0, max: 10_000 }) };
  const fromSession = { protocol_version: fc.constant("2.0" as const), session };
  const hello = fc
    .record({
      type: fc.constant("hello" as const),
      ...fromSession,
      ...lists,
      protocols: fc.array(fc.constantFrom("1.0", "2.0", "9.9"), { maxLength: 4 }),
      codecs: fc.constant(["json"]),
      language: text,
      sdk: text,
      version: text,
      pool: workerId,
      handlers: fc.array(name, { maxLength: 5 }),
      outbox: fc.array(id, { maxLength: 5 }),
    })
    .map((message) => ({ ...message, worker_id: message.session.slice(0, -9) }));
  const heartbeat = fc.record({
    type: fc.constant("heartbeat" as const),
    ...fromSession,
    ...lists,
    epoch: id,
    last_seq: natural,
    progress: fc.array(fc.record({ lease_id: id, progress: rawJson }), { maxLength: 3 }),
    checkpoints: fc.array(fc.record({ lease_id: id, seq: positive, cursor: rawJson }), { maxLength: 3 }),
  });
  const reject = fc.record({
    type: fc.constant("reject" as const),
    ...fromSession,
    lease_ids: lists.leases,
    reason: fc.constantFrom("unknown_handler" as const, "malformed" as const, "draining" as const),
  });
  const bye = fc.record({
    type: fc.constant("bye" as const),
    ...fromSession,
    last_seq: fc.option(natural),
  });
  fc.assert(
    fc.property(fc.oneof(hello, heartbeat, reject, bye), (message) => {
      const expected = message.type === "heartbeat" ? { ...message, refused: [] } : message;
      for (const codec of codecs) {
        const encoded = bytesOf(encodeWorkerMessage(message as WorkerMessage, codec));
        expect(decodeWorkerMessage(encoded)).toEqual(expected);
      }
    }),
  );

  const from = { protocol_version: fc.constant("2.0" as const), orchestrator_id: workerId, epoch: id };
  const limits = {
    max_message_bytes: positive,
    max_output_bytes: positive,
    max_steps_per_batch: positive,
    max_checkpoint_bytes: positive,
  };
  const control = fc.oneof(
    fc.record({
      type: fc.constant("welcome" as const),
      ...from,
      version: fc.constant("2.0" as const),
      codec: fc.constantFrom("json" as const, "msgpack" as const),
      heartbeat_ms: fc.integer({ min: 1, max: 60_000 }),
      limits: fc.record(limits),
    }),
    fc.record({
      type: fc.constant("result_ack" as const),
      ...from,
      lease_ids: lists.leases,
      timeout_ids: lists.leases,
    }),
    fc.record({
      type: fc.constant("checkpoint_ack" as const),
      ...from,
      checkpoints: fc.array(
        fc.record(
          { lease_id: id, seq: positive, refused: id.filter((code) => code.length <= 64) },
          { requiredKeys: ["lease_id", "seq"] },
        ),
        {
          maxLength: 3,
        },
      ),
    }),
    fc.record({ type: fc.constant("ping" as const), ...from }),
    fc.record({ type: fc.constantFrom("rehello" as const, "drain" as const), ...from, reason: text }),
    fc.record({ type: fc.constant("cancel" as const), ...from, lease_ids: lists.leases, reason: text }),
    fc.record({ type: fc.constant("refuse" as const), ...from, reason: fc.constant("codec"), detail: text }),
  );
  fc.assert(
    fc.property(session, control, (to, message) => {
      for (const codec of codecs) {
        expect(decodeControl(bytesOf(encodeControl(to, message as ControlMessage, codec)))).toEqual(message);
      }
    }),
  );
});
