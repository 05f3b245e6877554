/**
 * JSON in and out of JavaScript values without changing an integer: what a double cannot hold safely becomes a BigInt
 * on the way in and is written as an integer on the way out. Everything else is as JSON.parse and JSON.stringify do it.
 */

/** Integers outside +-(2^53 - 1) have at least this many digits. */
const longRun = 16;
const integer = /^-?\d+$/;

/** The third argument of a reviver (ECMA-262, "JSON.parse source text access"), which the library types lack. */
interface ReviverContext {
  readonly source?: string;
}
type Reviver = (this: unknown, key: string, value: unknown, context: ReviverContext) => unknown;

/**
 * As JSON.parse, but every integer outside the safe range is a BigInt. All of them, not only those that a double would
 * round: otherwise the type of an identifier would depend on its last digit.
 *
 * @throws SyntaxError when `text` is not JSON; RangeError when it has long numbers and is nested thousands deep.
 */
export function parseLossless(text: string): unknown {
  if (!mayHoldBigInteger(text)) return JSON.parse(text);
  return (JSON.parse as (text: string, reviver: Reviver) => unknown)(text, reviveInteger);
}

/** Whether JSON.parse might round an integer of this text: it has 16 digits in a row somewhere. */
export function mayHoldBigInteger(text: string): boolean {
  // A run that long covers one of every 16 characters, so only those are looked at (a regular expression: 40 times slower).
  for (let at = longRun - 1; at < text.length; at += longRun) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let first = at;
    while (isDigit(text.charCodeAt(first - 1))) first--;
    let end = at + 1;
    while (end - first < longRun && isDigit(text.charCodeAt(end))) end++;
    if (end - first >= longRun) return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function reviveInteger(this: unknown, _key: string, value: unknown, context: ReviverContext): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context.source;
  return source !== undefined && integer.test(source) ? BigInt(source) : value;
}

/**
 * As JSON.stringify, but a BigInt is written as an integer. Undefined when the value has no JSON form (undefined, a
 * function, a symbol).
 *
 * @throws TypeError when the value contains itself; whatever a `toJSON` of the value throws.
 */
export function stringifyLossless(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // A replacer makes every value several times slower, so it is only used once a BigInt was met.
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, writeBigInt);
  }
}

function writeBigInt(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJson(value.toString()) : value;
}

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
