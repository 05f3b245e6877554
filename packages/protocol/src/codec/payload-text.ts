/**
 * Payloads inside a MessagePack message are text that holds JSON (spec ). Opened, a member is what it would be
 * in the JSON form of the message: a text that is passed on, and a value for the checks.
 */
import { exceedsDepth } from "@tasker/json";
import type { CodecLimits } from "../limits.ts";
import type { RawJson } from "../messages.ts";
import { ProtocolError } from "../protocol-error.ts";
import { describe, isAbsent, type JsonObject, readObject } from "./fields.ts";

export interface OpenedItem<Member extends string> {
  /** The item with the values of its payloads in their places. */
  readonly item: JsonObject;
  readonly texts: Record<Member, RawJson>;
}

/** @param levels objects and arrays around each payload, the message itself included */
export function openItem<Member extends string>(
  value: unknown,
  members: readonly Member[],
  levels: number,
  limits: CodecLimits,
): OpenedItem<Member> {
  const item: Record<string, unknown> = { ...readObject(value, "") };
  const texts = {} as Record<Member, RawJson>;
  for (const member of members) {
    const opened = openPayload(item[member], member, levels, limits);
    texts[member] = opened.text;
    item[member] = opened.value;
  }
  return { item, texts };
}

/** One payload; an absent one is `null`. @throws ProtocolError `wrong_type`, `too_deep` or `invalid_json` */
export function openPayload(
  payload: unknown,
  path: string,
  levels: number,
  limits: CodecLimits,
): { readonly text: RawJson; readonly value: unknown } {
  if (isAbsent(payload)) return { text: "null", value: null };
  if (typeof payload !== "string") {
    throw new ProtocolError("wrong_type", path, "a string that holds JSON", describe(payload));
  }
  const text = withoutSpace(payload);
  if (exceedsDepth(text, limits.depth - levels)) {
    throw new ProtocolError("too_deep", path, `at most ${limits.depth - levels} levels of objects and arrays`, "more");
  }
  try {
    return { text, value: JSON.parse(text) as unknown };
  } catch (cause) {
    throw new ProtocolError("invalid_json", path, "JSON", (cause as SyntaxError).message, { cause });
  }
}

/** Only what JSON takes for white space: anything else around a value makes it no JSON. */
function withoutSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
