/** Every vector of `protocol/vectors` through the codec and through the schemas, and every clause against the text. */
import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import {
  type CodecLimits,
  decodeOrchestratorMessage,
  decodeResults,
  decodeWorkerMessage,
  defaultLimits,
  ProtocolError,
  type RefusedItem,
  topicOf,
  topics,
} from "./index.ts";

interface Vector {
  readonly name: string;
  readonly clauses: readonly string[];
  readonly side: "orchestrator" | "worker";
  readonly schema?: string;
  readonly frame?: string;
  readonly frame_base64?: string;
  readonly limits?: Readonly<Record<string, number>>;
  readonly raw?: Readonly<Record<string, string>>;
  readonly equals?: string;
  readonly expected?: { readonly code: string; readonly path: string; readonly item?: boolean };
  readonly schema_accepts?: boolean;
}

const protocol = new URL("../../../protocol/", import.meta.url);
const accepted = readVectors("accept");
const rejected = readVectors("reject");
const spec = readFileSync(new URL("spec.md", protocol), "utf8");
const schemas = readSchemas();

describe("accept", () => {
  test("shows both codecs, and every message that may be MessagePack", () => {
    const shown = accepted.flatMap(({ vector }) =>
      vector.equals === undefined ? [] : [typeOf(readVector(`accept/${vector.equals}`))],
    );
    expect([...new Set(shown)].sort()).toEqual([
      ...["batch", "bye", "cancel", "checkpoint_ack", "drain", "heartbeat", "ping", "reject", "result_ack", "results"],
    ]);
  });

  test.each(accepted)("$file: $vector.name", ({ vector }) => {
    const message = decode(vector);
    expect((message as { refused?: readonly RefusedItem[] }).refused ?? []).toEqual([]);
    for (const [path, text] of Object.entries(vector.raw ?? {})) expect(at(message, path)).toBe(text);
    if (vector.schema !== undefined) expect(schemaErrors(vector)).toEqual([]);
    if (vector.equals !== undefined) expect(message).toEqual(decode(readVector(`accept/${vector.equals}`)));
  });
});

describe("reject", () => {
  test.each(rejected)("$file: $vector.name", ({ vector }) => {
    const { code, path, item } = vector.expected!;
    const refusal = refusalOf(vector);
    expect(refusal).toMatchObject({ code, path, item: item ?? false });
    if (vector.schema !== undefined) expect(schemaErrors(vector).length > 0).toBe(vector.schema_accepts !== true);
  });
});

test("every clause that a vector names is defined in the specification, once", () => {
  const defined = [...spec.matchAll(/\*\*\[(R-\d+)\]\*\*/g)].map((match) => match[1]!);
  const numbers = defined.map((clause) => Number(clause.slice(2))).sort((a, b) => a - b);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  const named = new Set([...accepted, ...rejected].flatMap(({ vector }) => vector.clauses));
  expect([...named].filter((clause) => !defined.includes(clause))).toEqual([]);
  const referred = [...spec.matchAll(/\[(R-\d+)\]/g)].map((match) => match[1]!);
  expect(referred.filter((clause) => !defined.includes(clause))).toEqual([]);
});

test("whole frames in the transcripts are messages", () => {
  const frames = [...spec.matchAll(/^[CS]: ((?:@\S+|worker|results|steps) \{.*\})$/gm)].map((match) => match[1]!);
  const whole = frames.filter((frame) => !frame.includes(".."));
  expect(whole.length).toBeGreaterThan(8);
  for (const frame of whole) {
    const side = frame.startsWith("@") || frame.startsWith("steps") ? "worker" : "orchestrator";
    decode({ name: frame, clauses: [], side, frame });
  }
});

test("the README's example is like the vectors", () => {
  const readme = readFileSync(new URL("README.md", protocol), "utf8");
  const example = JSON.parse(/```json\n([\s\S]*?)```/.exec(readme)![1]!) as Vector;
  expect(accepted.map(({ vector }) => vector.name)).toContain(example.name);
});

function readVectors(kind: "accept" | "reject"): { file: string; vector: Vector }[] {
  const folder = new URL(`vectors/${kind}/`, protocol);
  return readdirSync(folder).map((file) => ({ file: `${kind}/${file}`, vector: readVector(`${kind}/${file}`) }));
}

function readVector(path: string): Vector {
  return JSON.parse(readFileSync(new URL(`vectors/${path}`, protocol), "utf8")) as Vector;
}

function readSchemas(): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
  const folder = new URL("schema/", protocol);
  for (const file of readdirSync(folder)) ajv.addSchema(JSON.parse(readFileSync(new URL(file, folder), "utf8")));
  return ajv;
}

function frameOf(vector: Vector): Buffer {
  return vector.frame_base64 === undefined ? Buffer.from(vector.frame!) : Buffer.from(vector.frame_base64, "base64");
}

function limitsOf(vector: Vector): CodecLimits {
  const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const entries = Object.entries(vector.limits ?? {}).map(([name, value]) => [camelCase(name), value] as const);
  for (const [name] of entries) expect(Object.keys(defaultLimits)).toContain(name);
  return { ...defaultLimits, ...Object.fromEntries(entries) };
}

function decode(vector: Vector): unknown {
  const frame = frameOf(vector);
  if (vector.side === "worker") return decodeOrchestratorMessage(frame, limitsOf(vector));
  const isWorkerMessage = topicOf(frame) === topics.worker;
  return (isWorkerMessage ? decodeWorkerMessage : decodeResults)(frame, limitsOf(vector));
}

function refusalOf(vector: Vector): { code: string; path: string; item: boolean } {
  try {
    const { refused } = decode(vector) as { refused: readonly RefusedItem[] };
    expect(refused).toHaveLength(1);
    const { code, path } = refused[0]!.error;
    return { code, path, item: true };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { code: error.code, path: error.path, item: false };
  }
}

/** What the schema says of the payload, which must be JSON. */
function schemaErrors(vector: Vector): unknown[] {
  const text = frameOf(vector).toString();
  const validate = schemas.getSchema(`${vector.schema}.schema.json`);
  if (validate === undefined) throw new Error(`no schema ${vector.schema}`);
  validate(JSON.parse(text.slice(text.indexOf(" ") + 1)));
  return validate.errors ?? [];
}

/** The value at a path such as `results[0].output`. */
function at(value: unknown, path: string): unknown {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== "");
  return keys.reduce((inner, key) => (inner as Record<string, unknown>)[key], value);
}

function typeOf(vector: Vector): string {
  const message = decode(vector) as { type?: string };
  return message.type ?? "results";
}
