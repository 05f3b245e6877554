/**
 * Finds the text of a value inside JSON text, so that a payload can be cut out of a message and passed on as it came.
 * One pass, about a nanosecond a character, no recursion. Everything here except `exceedsDepth` needs text that
 * JSON.parse has accepted; any other text gives nonsense or a SyntaxError, but it ends.
 */

/** `text.slice(start, end)` is the value, without the white space around it. */
export interface RawSlice {
  readonly start: number;
  readonly end: number;
}

/** Up to this size of the whole text a copy is not worth its time. */
const sharedChars = 64 * 1024;

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const space = 0x20;

/**
 * The members of the object that begins at `start` (white space before it is skipped), by decoded key. Of duplicate
 * keys the last one wins, as in JSON.parse. Empty when there is no object.
 */
export function rawMembers(text: string, start = 0): Map<string, RawSlice> {
  const members = new Map<string, RawSlice>();
  const cursor = new RawCursor(text, start);
  if (!cursor.enterObject()) return members;
  while (cursor.nextMember()) {
    const key = cursor.key();
    members.set(key, cursor.skip());
  }
  return members;
}

/** The elements of the array that begins at `start` (white space before it is skipped). Empty when there is no array. */
export function rawElements(text: string, start = 0): RawSlice[] {
  const elements: RawSlice[] = [];
  const cursor = new RawCursor(text, start);
  if (!cursor.enterArray()) return elements;
  while (cursor.nextElement()) elements.push(cursor.skip());
  return elements;
}

/**
 * Walks through JSON text, front to back, and never looks at a character twice: enter an object or array, ask for its
 * next member or element, then enter, `take` or `skip` that value before asking for the next one.
 */
export class RawCursor {
  readonly #text: string;
  #at: number;
  #keyStart = 0;
  #keyEnd = 0;

  constructor(text: string, start = 0) {
    this.#text = text;
    this.#at = start;
  }

  /** True, and inside, when the value at the cursor is an object; otherwise nothing changes. */
  enterObject(): boolean {
    return this.#enter(openBrace);
  }

  /** True, and inside, when the value at the cursor is an array; otherwise nothing changes. */
  enterArray(): boolean {
    return this.#enter(openBracket);
  }

  /** True: the cursor is at the value of the next member, and `key` and `keyIs` tell its key. False: the object is left. */
  nextMember(): boolean {
    if (!this.#next(closeBrace)) return false;
    this.#keyStart = this.#at + 1;
    const afterKey = endOfString(this.#text, this.#at);
    this.#keyEnd = afterKey - 1;
    // The colon, with white space on both sides.
    this.#at = skipSpace(this.#text, skipSpace(this.#text, afterKey) + 1);
    return true;
  }

  /** True: the cursor is at the next element. False: the array is left. */
  nextElement(): boolean {
    return this.#next(closeBracket);
  }

  /** The key of the current member, decoded. */
  key(): string {
    const raw = this.#text.slice(this.#keyStart, this.#keyEnd);
    return raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
  }

  /** Whether `key()` is `name`, a plain name that JSON text need not escape. */
  keyIs(name: string): boolean {
    const start = this.#keyStart;
    const length = this.#keyEnd - start;
    for (let i = 0; i < name.length && i < length; i++) {
      const code = this.#text.charCodeAt(start + i);
      if (code !== name.charCodeAt(i)) return code === backslash && this.key() === name;
    }
    return length === name.length;
  }

  /** Passes over the value at the cursor and answers where it is. */
  skip(): RawSlice {
    const start = this.#at;
    this.#at = endOfValue(this.#text, start);
    return { start, end: this.#at };
  }

  /** Passes over the value at the cursor and answers its text. */
  take(): string {
    const start = this.#at;
    this.#at = endOfValue(this.#text, start);
    return this.#text.slice(start, this.#at);
  }

  /**
   * As `take`, but of a long text the value is copied out: a slice would keep all of it in memory for as long as the value
   * itself is kept.
   */
  takeOwn(): string {
    const value = this.take();
    return this.#text.length > sharedChars ? Buffer.from(value).toString() : value;
  }

  #enter(opening: number): boolean {
    const at = skipSpace(this.#text, this.#at);
    if (this.#text.charCodeAt(at) !== opening) return false;
    this.#at = at + 1;
    return true;
  }

  #next(closing: number): boolean {
    const text = this.#text;
    let at = skipSpace(text, this.#at);
    if (text.charCodeAt(at) === comma) at = skipSpace(text, at + 1);
    this.#at = at;
    if (at < text.length && text.charCodeAt(at) !== closing) return true;
    this.#at = at + 1;
    return false;
  }
}

/**
 * Whether objects and arrays are nested more than `limit` deep. For text that nobody has checked yet: run it before
 * JSON.parse, which would build a value for every level of a hostile `[[[[...`.
 */
export function exceedsDepth(text: string, limit: number): boolean {
  if (text.length <= limit) return false;
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfString(text, at);
      continue;
    }
    at++;
    // Bit 5 tells braces from brackets.
    const bracket = code & ~0x20;
    if (bracket === openBracket) {
      if (++depth > limit) return true;
    } else if (bracket === closeBracket) depth--;
  }
  return false;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  // JSON has no other character <= 0x20 outside strings; NaN, past the end, compares false.
  while (text.charCodeAt(at) <= space) at++;
  return at;
}

/** The offset after the value that begins at `start`. */
function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === quote) return endOfString(text, start);
  if (first === openBrace || first === openBracket) return endOfNested(text, start);
  return endOfScalar(text, start);
}

function endOfScalar(text: string, start: number): number {
  // At least one character, so that a walk through text that is not JSON gets ahead too.
  let at = start + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= space || code === comma || code === closeBracket || code === closeBrace) break;
  }
  return at;
}

function endOfNested(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfString(text, at);
      continue;
    }
    at++;
    const bracket = code & ~0x20;
    if (bracket === openBracket) depth++;
    else if (bracket === closeBracket && --depth === 0) return at;
  }
  return text.length;
}

/** The offset after the string whose opening quote is at `start`. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at !== -1 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at === -1 ? text.length : at + 1;
}

/** Whether an odd number of backslashes stands before `at`. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === backslash) before--;
  return (at - before) % 2 === 0;
}
