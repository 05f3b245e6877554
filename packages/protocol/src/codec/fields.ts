/**
 * Checks of single fields, by hand because they are on the hot path. Each takes the value and its path, answers it with
 * its type, and throws a ProtocolError that names the place and what was expected. An optional field that is null
 * counts as absent.
 */
import { ProtocolError } from "../protocol-error.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** What a name must look like, with the words for it. */
export interface NameRule {
  readonly pattern: RegExp;
  readonly maxChars: number;
  readonly words: string;
}

const visibleAscii = /^[!-~]+$/;

export const workerIdRule: NameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:-]*$/,
  maxChars: 128,
  words: "a name of 1 to 128 letters, digits and ._:- that begins with a letter or digit",
};
export const sessionRule: NameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:-]*-[0-9a-f]{8}$/,
  maxChars: 137,
  words: 'the worker id, "-" and 8 hexadecimal digits',
};
export const poolRule: NameRule = { ...workerIdRule };
export const handlerRule: NameRule = {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  pattern: /^[^\u0000-\u0020\u007f\ud800-\udfff]+$/u,
  maxChars: 255,
  words: "a name of 1 to 255 characters without spaces, control characters or lone surrogates",
};
export const idRule: NameRule = {
  pattern: visibleAscii,
  maxChars: 255,
  words: "an id of 1 to 255 visible ASCII characters",
};
export const codeRule: NameRule = {
  pattern: visibleAscii,
  maxChars: 64,
  words: "a name of 1 to 64 visible ASCII characters",
};

/** Free text for people, such as a reason or a language. */
export const maxTextChars = 1024;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

export function readObject(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw wrongType(path, "an object", value);
  return value;
}

export function readList(value: unknown, path: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw wrongType(path, "an array", value);
  if (value.length > max) {
    throw new ProtocolError("too_many", path, `at most ${max} elements`, `${value.length}`);
  }
  return value;
}

export function readInteger(value: unknown, path: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== "number") throw wrongType(path, integerWords(min, max), value);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new ProtocolError("invalid_value", path, integerWords(min, max), describe(value));
  }
  return value;
}

/** A duration; fractions are welcome. */
export function readMilliseconds(value: unknown, path: string): number {
  const expected = `milliseconds from 0 to ${Number.MAX_SAFE_INTEGER}`;
  if (typeof value !== "number") throw wrongType(path, expected, value);
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
    throw new ProtocolError("invalid_value", path, expected, describe(value));
  }
  return value;
}

export function readBoolean(value: unknown, path: string): boolean {
  if (typeof value !== "boolean") throw wrongType(path, "true or false", value);
  return value;
}

export function readName(value: unknown, path: string, rule: NameRule): string {
  if (typeof value !== "string") throw wrongType(path, rule.words, value);
  if (value.length > rule.maxChars || !rule.pattern.test(value)) {
    throw new ProtocolError("invalid_value", path, rule.words, describe(value));
  }
  return value;
}

export function readNames(value: unknown, path: string, rule: NameRule, max: number): readonly string[] {
  const list = readList(value, path, max);
  for (let i = 0; i < list.length; i++) readName(list[i], `${path}[${i}]`, rule);
  return list as readonly string[];
}

export function readText(value: unknown, path: string, maxChars = maxTextChars): string {
  const expected = `a string of at most ${maxChars} characters`;
  if (typeof value !== "string") throw wrongType(path, expected, value);
  if (value.length > maxChars) throw new ProtocolError("invalid_value", path, expected, `${value.length} characters`);
  return value;
}

export function readOneOf<T extends string>(value: unknown, path: string, names: readonly T[]): T {
  if (names.includes(value as T)) return value as T;
  const expected = names.length === 1 ? `"${names[0]}"` : `one of "${names.join('", "')}"`;
  if (typeof value !== "string") throw wrongType(path, expected, value);
  throw new ProtocolError("invalid_value", path, expected, describe(value));
}

/** @throws ProtocolError when the UTF-8 form of `text` is longer than `max` bytes. */
export function checkPayloadSize(text: string, path: string, max: number): void {
  // A UTF-16 unit becomes at most three bytes, so short text need not be measured.
  if (text.length * 3 <= max) return;
  const bytes = Buffer.byteLength(text);
  if (bytes > max) throw new ProtocolError("too_large", path, `at most ${max} bytes`, `${bytes} bytes`);
}

function wrongType(path: string, expected: string, value: unknown): ProtocolError {
  return new ProtocolError(value === undefined ? "missing" : "wrong_type", path, expected, describe(value));
}

/** A value in a few words, for error messages. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value !== "string") return String(value);
  return value.length <= 60
    ? JSON.stringify(value)
    : `${JSON.stringify(value.slice(0, 60))}... (${value.length} characters)`;
}

function integerWords(min: number, max: number): string {
  return `an integer from ${min} to ${max}`;
}
