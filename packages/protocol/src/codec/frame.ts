/**
 * A frame is `topic SP payload`, the payload one JSON object in UTF-8. This is where bytes become text and a value: size,
 * UTF-8, nesting and JSON are checked here, once, before anything else looks at a message.
 */
import { isUtf8 } from "node:buffer";
import { exceedsDepth } from "@tasker/json";
import type { CodecLimits } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import { describe, isObject, type JsonObject } from "./fields.ts";

const spaceByte = 0x20;
const maxTopicBytes = 256;

/** A payload: the text as it came, and what JSON.parse makes of it. */
export interface Payload {
  readonly text: string;
  readonly value: JsonObject;
}

/** The topic of a frame without its space; null when it has none. Looks at no other byte. */
export function topicOf(frame: Uint8Array): string | null {
  const end = frame.subarray(0, maxTopicBytes + 1).indexOf(spaceByte);
  return end < 1 ? null : asBuffer(frame).toString("latin1", 0, end);
}

/**
 * @param topic what the frame must be addressed to; null takes any topic, for a worker that only receives its own.
 * @throws ProtocolError `too_large`, `invalid_frame`, `invalid_utf8`, `too_deep`, `invalid_json` or `wrong_type`.
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
  if (!isUtf8(frame)) throw new ProtocolError("invalid_utf8", "", "UTF-8", "other bytes");
  const text = asBuffer(frame).toString("utf8", found.length + 1);
  return { text, value: parseObject(text, limits) };
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
