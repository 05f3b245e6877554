/**
 * MessagePack, as far as messages need it (spec section 21): maps with text keys, arrays, text, numbers, booleans, nil.
 * The reader is strict and bounded, and refuses everything else. Written by hand because the libraries turn bad UTF-8
 * into other text, take binary and extensions, rename `__proto__` and allocate what a header claims before it is there.
 */
import { isUtf8 } from "node:buffer";
import type { CodecLimits } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";

const nil = 0xc0;
const falseByte = 0xc2;
const trueByte = 0xc3;
const float32 = 0xca;
const float64 = 0xcb;
const uint8 = 0xcc;
const int8 = 0xd0;
const str8 = 0xd9;
const array16 = 0xdc;
const map16 = 0xde;
const map32 = 0xdf;
const replacement = "\ufffd";

/** Whether a payload with this first byte is a MessagePack map. No JSON text begins with such a byte. */
export function beginsMap(byte: number | undefined): boolean {
  return byte !== undefined && (byte >> 4 === 0x8 || byte === map16 || byte === map32);
}

/** @throws ProtocolError `invalid_msgpack`, `invalid_utf8`, `too_deep` or `too_many`: whatever comes first */
export function unpack(bytes: Buffer, start: number, limits: CodecLimits): unknown {
  const reader = new Reader(bytes, start, limits);
  const value = reader.value();
  reader.end();
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  readonly #limits: CodecLimits;
  #at: number;
  #depth = 0;
  #values = 0;

  constructor(bytes: Buffer, start: number, limits: CodecLimits) {
    this.#bytes = bytes;
    this.#at = start;
    this.#limits = limits;
  }

  value(): unknown {
    if (++this.#values > this.#limits.values) {
      throw new ProtocolError("too_many", "", `at most ${this.#limits.values} values`, "more");
    }
    const byte = this.#unsigned(1);
    if (byte < 0x80) return byte;
    if (byte < 0x90) return this.#map(byte & 0x0f);
    if (byte < 0xa0) return this.#array(byte & 0x0f);
    if (byte < 0xc0) return this.#text(byte & 0x1f);
    if (byte >= 0xe0) return byte - 0x100;
    if (byte >= map16) return this.#map(this.#unsigned(byte === map16 ? 2 : 4));
    if (byte >= array16) return this.#array(this.#unsigned(byte === array16 ? 2 : 4));
    if (byte >= str8) return this.#text(this.#unsigned(1 << (byte - str8)));
    if (byte >= int8 && byte < int8 + 4) return this.#signed(1 << (byte - int8));
    if (byte >= uint8 && byte < int8) return this.#unsigned(1 << (byte - uint8));
    switch (byte) {
      case nil:
        return null;
      case falseByte:
        return false;
      case trueByte:
        return true;
      case float32:
        return this.#bytes.readFloatBE(this.#take(4));
      case float64:
        return this.#bytes.readDoubleBE(this.#take(8));
      default:
        throw invalid("nil, a boolean, a number, text, an array or a map", `the type byte 0x${byte.toString(16)}`);
    }
  }

  end(): void {
    const surplus = this.#bytes.length - this.#at;
    if (surplus > 0) throw invalid("the end of the message", `${surplus} more bytes`);
  }

  #map(size: number): Record<string, unknown> {
    this.#enter(size * 2);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < size; i++) {
      const key = this.#key();
      const value = this.value();
      // Not a member of any message; and to set it would set the prototype.
      if (key !== "__proto__") map[key] = value;
    }
    this.#depth--;
    return map;
  }

  #key(): string {
    const byte = this.#unsigned(1);
    if (byte >> 5 === 0x5) return this.#text(byte & 0x1f);
    if (byte >= str8 && byte < array16) return this.#text(this.#unsigned(1 << (byte - str8)));
    throw invalid("text as the key of a map", `the type byte 0x${byte.toString(16)}`);
  }

  #array(size: number): unknown[] {
    this.#enter(size);
    const array: unknown[] = [];
    for (let i = 0; i < size; i++) array.push(this.value());
    this.#depth--;
    return array;
  }

  /** Each value takes a byte at least. */
  #enter(values: number): void {
    if (values > this.#bytes.length - this.#at) throw invalid(`${values} values`, "the end of the message");
    if (++this.#depth > this.#limits.depth) {
      throw new ProtocolError("too_deep", "", `at most ${this.#limits.depth} levels of maps and arrays`, "more");
    }
  }

  #text(size: number): string {
    const start = this.#take(size);
    const text = this.#bytes.toString("utf8", start, this.#at);
    // Decoding puts a replacement character in the place of what is not UTF-8.
    if (text.includes(replacement) && !isUtf8(this.#bytes.subarray(start, this.#at))) {
      throw new ProtocolError("invalid_utf8", "", "UTF-8", "other bytes");
    }
    return text;
  }

  #unsigned(size: number): number {
    const start = this.#take(size);
    if (size < 8) return this.#bytes.readUIntBE(start, size);
    return Number(this.#bytes.readBigUInt64BE(start));
  }

  #signed(size: number): number {
    const start = this.#take(size);
    if (size < 8) return this.#bytes.readIntBE(start, size);
    return Number(this.#bytes.readBigInt64BE(start));
  }

  #take(size: number): number {
    const start = this.#at;
    if (size > this.#bytes.length - start) throw invalid(`${size} bytes`, `${this.#bytes.length - start}`);
    this.#at = start + size;
    return start;
  }
}

function invalid(expected: string, got: string): ProtocolError {
  return new ProtocolError("invalid_msgpack", "", expected, got);
}

/**
 * `prefix` as it is, and behind it `message` in the shortest form: text, numbers, booleans, null, and arrays and objects
 * of these. Members that are undefined are left out.
 */
export function pack(prefix: string, message: object): Uint8Array {
  const writer = new Writer();
  writer.raw(prefix);
  writer.value(message);
  return writer.finish();
}

const initialBytes = 1024;

class Writer {
  #bytes = Buffer.allocUnsafe(initialBytes);
  #at = 0;

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  raw(text: string): void {
    const size = Buffer.byteLength(text);
    this.#reserve(size);
    this.#at += this.#bytes.write(text, this.#at, size, "utf8");
  }

  value(value: unknown): void {
    if (typeof value === "string") this.#text(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "boolean") this.#byte(value ? trueByte : falseByte);
    else if (value === null) this.#byte(nil);
    else if (Array.isArray(value)) this.#list(value);
    else this.#members(value as Readonly<Record<string, unknown>>);
  }

  #text(text: string): void {
    const size = Buffer.byteLength(text);
    if (size < 32) this.#byte(0xa0 | size);
    else if (size < 0x100) this.#header(str8, size, 1);
    else this.#header(size < 0x1_0000 ? str8 + 1 : str8 + 2, size, size < 0x1_0000 ? 2 : 4);
    this.#reserve(size);
    this.#at += this.#bytes.write(text, this.#at, size, "utf8");
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) this.#float(value);
    else if (value < 0x80) this.#byte(value);
    else if (value < 0x100) this.#header(uint8, value, 1);
    else if (value < 0x1_0000) this.#header(uint8 + 1, value, 2);
    else if (value < 0x1_0000_0000) this.#header(uint8 + 2, value, 4);
    else {
      this.#header(uint8 + 3, Math.floor(value / 0x1_0000_0000), 4);
      this.#reserve(4);
      this.#at = this.#bytes.writeUInt32BE(value % 0x1_0000_0000, this.#at);
    }
  }

  /** Negative integers too: no message has one, and a float holds it as well. */
  #float(value: number): void {
    this.#byte(float64);
    this.#reserve(8);
    this.#at = this.#bytes.writeDoubleBE(value, this.#at);
  }

  #list(values: readonly unknown[]): void {
    if (values.length < 16) this.#byte(0x90 | values.length);
    else
      this.#header(values.length < 0x1_0000 ? array16 : array16 + 1, values.length, values.length < 0x1_0000 ? 2 : 4);
    for (const value of values) this.value(value);
  }

  #members(members: Readonly<Record<string, unknown>>): void {
    const keys = Object.keys(members).filter((key) => members[key] !== undefined);
    if (keys.length < 16) this.#byte(0x80 | keys.length);
    else this.#header(map16, keys.length, 2);
    for (const key of keys) {
      this.#text(key);
      this.value(members[key]);
    }
  }

  #header(byte: number, size: number, sizeBytes: number): void {
    this.#byte(byte);
    this.#reserve(sizeBytes);
    this.#at = this.#bytes.writeUIntBE(size, this.#at, sizeBytes);
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = byte;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + size));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
