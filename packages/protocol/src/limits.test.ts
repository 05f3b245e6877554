/** Each limit of a message at its edge: what is just taken, and what is just not. */
import { expect, test } from "vitest";
import {
  type CodecLimits,
  decodeBatch,
  decodeResults,
  decodeWorkerMessage,
  defaultLimits,
  ProtocolError,
  type ProtocolErrorCode,
} from "./index.ts";

const session = "w1-0a1b2c3d";
const texts = (count: number) => Array.from({ length: count }, (_, i) => `b_1.${i}`);

function results(...items: object[]): string {
  const common = { step_id: 1, status: "completed", output: 1, error: null };
  const list = items.map((item) => ({ ...common, metadata: { lease_id: "b_1.1" }, ...item }));
  return `results ${JSON.stringify({ batch_id: "b_1", protocol_version: "2.0", session, results: list })}`;
}

function heartbeat(members: object): string {
  const common = {
    type: "heartbeat",
    protocol_version: "2.0",
    session,
    epoch: "e1",
    last_seq: 0,
    leases: [],
    capacity: 1,
  };
  return `worker ${JSON.stringify({ ...common, ...members })}`;
}

function hello(members: object): string {
  const common = { type: "hello", protocol_version: "2.0", session, worker_id: "w1", protocols: ["2.0"], handlers: [] };
  return `worker ${JSON.stringify({ ...common, capacity: 1, ...members })}`;
}

function batch(steps: number): string {
  const step = {
    ...{ step_id: 1, task_id: 1, step_name: "s", handler_class: "h", handler_config: {}, task_context: {} },
    ...{ previous_results: {}, metadata: { attempt: 0, retry_limit: 0, timeout_ms: 1 } },
  };
  return `steps ${JSON.stringify({ batch_id: "b_1", protocol_version: "1.0", steps: Array(steps).fill(step) })}`;
}

/** JSON text of so many bytes, half of them in characters of two. */
const ofBytes = (bytes: number) => "é".repeat((bytes - 2) / 2);
const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown;

type Decode = (frame: Uint8Array, limits: CodecLimits) => unknown;

const cases: [keyof CodecLimits, number, (size: number) => string, Decode, ProtocolErrorCode][] = [
  [
    "messageBytes",
    400,
    (size) => results({ output: "" }).replace('""', `"${"x".repeat(size - results({ output: "" }).length)}"`),
    decodeResults,
    "too_large",
  ],
  ["outputBytes", 40, (size) => results({ output: ofBytes(size) }), decodeResults, "too_large"],
  [
    "outputBytes",
    40,
    (size) => results({ status: "failed", error: { m: ofBytes(size - 6) } }),
    decodeResults,
    "too_large",
  ],
  [
    "progressBytes",
    40,
    (size) => heartbeat({ progress: [{ lease_id: "b_1.1", progress: ofBytes(size) }] }),
    decodeWorkerMessage,
    "too_large",
  ],
  [
    "checkpointBytes",
    40,
    (size) => heartbeat({ checkpoints: [{ lease_id: "b_1.1", seq: 1, cursor: ofBytes(size) }] }),
    decodeWorkerMessage,
    "too_large",
  ],
  ["resultsPerMessage", 3, (size) => results(...Array(size).fill({})), decodeResults, "too_many"],
  ["stepsPerBatch", 3, batch, decodeBatch, "too_many"],
  ["handlers", 3, (size) => hello({ handlers: texts(size) }), decodeWorkerMessage, "too_many"],
  ["leases", 3, (size) => heartbeat({ leases: texts(size) }), decodeWorkerMessage, "too_many"],
  ["leases", 3, (size) => hello({ outbox: texts(size) }), decodeWorkerMessage, "too_many"],
  ["leases", 3, (size) => hello({ capacity: size }), decodeWorkerMessage, "invalid_value"],
  ["depth", 8, (size) => results({ output: nested(size - 3) }), decodeResults, "too_deep"],
];

test.each(cases)(
  "fault 37: %s: so much is taken, and a little more is refused as %s",
  (name, limit, make, decode, code) => {
    const limits = { ...defaultLimits, [name]: limit };
    const step = name.endsWith("Bytes") && name !== "messageBytes" ? 2 : 1;
    expect(refusalOf(() => decode(Buffer.from(make(limit - step)), limits))).toBe("taken");
    expect(refusalOf(() => decode(Buffer.from(make(limit)), limits))).toBe("taken");
    expect(refusalOf(() => decode(Buffer.from(make(limit + step)), limits))).toBe(code);
  },
);

function refusalOf(decode: () => unknown): string {
  try {
    const [refused] = (decode() as { refused?: readonly { error: ProtocolError }[] }).refused ?? [];
    return refused?.error.code ?? "taken";
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}
