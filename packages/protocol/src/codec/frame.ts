/**
 * A frame is `topic SP payload`, the payload one JSON object in UTF-8 or one MessagePack map. This is where bytes become a
 * value: size, UTF-8, nesting and form are checked here, once, before anything else looks at a message.
 */
import { isUtf8 } from "node:buffer";
import { exceedsDepth } from "@tasker/json";
import type { CodecLimits } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import { describe, isAbsent, isObject, type JsonObject } from "./fields.ts";
import { beginsMap, unpack } from "./msgpack.ts";

const spaceByte = 0x20;
const maxTopicBytes = 256;

/** What a frame carries. */
export interface Payload {
  /** As it came, to cut payloads from; null: it came as MessagePack, and `value` has them as text. */
  readonly text: string | null;
  readonly value: JsonObject;
}

/** The topic of a frame without its space; null when it has none. Looks at no other byte. */
export function topicOf(frame: Uint8Array): string | null {
  const end = frame.subarray(0, maxTopicBytes + 1).indexOf(spaceByte);
  return end < 1 ? null : asBuffer(frame).toString("latin1", 0, end);
}

/**
 * @param topic what the frame must be addressed to; null takes any topic, for a worker that only receives its own.
 * @throws ProtocolError `too_large`, `invalid_frame`, `invalid_utf8`, `too_deep`, `invalid_json` or `wrong_type`,
 *   and for MessagePack what `unpack` throws and what it must not be used for.
 */
export function readPayload(frame: Uint8Array, topic: string | null, limits: CodecLimits): Payload {
  if (frame.length > limits.messageBytes) {
    throw new ProtocolError("too_large", "", `at most ${limits.messageBytes} bytes`, `${frame.length} bytes`);
  }
  const found = topicOf(frame);
  if (found === null || (topic !== null && found !== topic)) {
    const got = found === null ? "no topic" : `topic ${describe(found)}`;
    throw new ProtocolError("invalid_frame", "", `${topic ?? "a topic"}, a space and JSON`, got);
  }
  const start = found.length + 1;
  if (beginsMap(frame[start])) return { text: null, value: readMap(frame, start, limits) };
  if (!isUtf8(frame)) throw new ProtocolError("invalid_utf8", "", "UTF-8", "other bytes");
  const text = asBuffer(frame).toString("utf8", start);
  return { text, value: parseObject(text, limits) };
}

const negotiation: readonly unknown[] = ["hello", "welcome", "rehello", "refuse"];

/** Said before both sides agree on a codec, and so always JSON (spec R-86). */
export function isNegotiation(type: unknown): boolean {
  return negotiation.includes(type);
}

function readMap(frame: Uint8Array, start: number, limits: CodecLimits): JsonObject {
  const value = unpack(asBuffer(frame), start, limits) as JsonObject;
  const { protocol_version: version, type } = value;
  if (version !== "2.0") {
    const code = isAbsent(version) ? "missing" : "unsupported_version";
    throw new ProtocolError(code, "protocol_version", '"2.0", which MessagePack came with', describe(version));
  }
  if (isNegotiation(type)) {
    throw new ProtocolError("invalid_value", "type", "a message that may be MessagePack", describe(type));
  }
  return value;
}

function parseObject(text: string, limits: CodecLimits): JsonObject {
  if (exceedsDepth(text, limits.depth)) {
    throw new ProtocolError("too_deep", "", `at most ${limits.depth} levels of objects and arrays`, "more");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("invalid_json", "", "JSON", (cause as SyntaxError).message, { cause });
  }
  if (!isObject(value)) throw new ProtocolError("wrong_type", "", "an object", describe(value));
  return value;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
