/** Trees as MessagePack: payloads as text that holds JSON, everything else by its kind, lengths in any form that fits. */
import type { SeededRandom } from "@tasker/testkit";
import { chance, pick } from "./random.ts";
import { Members, Raw, type Tree, write } from "./tree.ts";

const payloads = new Set([
  ...["handler_config", "task_context", "previous_results", "output", "error", "progress", "cursor", "checkpoint"],
]);

/** Forms that messages never have: binary, extensions, the reserved byte, a claim of far more than there is. */
const strange = [
  ...[[0xc4, 1, 0x61], [0xd6, 0xff, 0, 0, 0, 0], [0xc7, 1, 5, 0], [0xc1], [0xdd, 0xff, 0xff, 0xff, 0xff]],
  ...[
    [0xdb, 0x7f, 0xff, 0xff, 0xff],
    [0xdf, 0, 0xff, 0xff, 0xff],
    [0xca, 0x7f, 0xc0, 0, 0],
  ],
];

export function writePacked(random: SeededRandom, tree: Tree): Buffer {
  if (chance(random, 0.002)) return Buffer.from(pick(random, strange));
  if (tree instanceof Raw) return text(random, tree.text);
  if (tree instanceof Members) {
    const members = tree.list.map(([name, value]) => Buffer.concat([text(random, name), member(random, name, value)]));
    return Buffer.concat([header(random, members.length, 0x80, 15, [0, 0xde, 0xdf]), ...members]);
  }
  if (Array.isArray(tree)) {
    const elements = tree.map((element) => writePacked(random, element));
    return Buffer.concat([header(random, elements.length, 0x90, 15, [0, 0xdc, 0xdd]), ...elements]);
  }
  if (typeof tree === "string") return text(random, tree);
  if (typeof tree === "number") return number(random, tree);
  return Buffer.from([tree === null ? 0xc0 : tree ? 0xc3 : 0xc2]);
}

/** `progress` is also the name of a list, and `error` may be null in itself. */
function member(random: SeededRandom, name: string, value: Tree): Buffer {
  const isList = Array.isArray(value) && name === "progress";
  return payloads.has(name) && !isList && chance(random, 0.99)
    ? text(random, write(value))
    : writePacked(random, value);
}

function text(random: SeededRandom, value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([header(random, bytes.length, 0xa0, 31, [0xd9, 0xda, 0xdb]), bytes]);
}

/** @param forms the type bytes for lengths of 1, 2 and 4 bytes; 0: there is none */
function header(random: SeededRandom, size: number, fixed: number, most: number, forms: readonly number[]): Buffer {
  const fitting = forms.flatMap((byte, index) => (byte > 0 && size < 2 ** (8 << index) ? [{ byte, index }] : []));
  if (size <= most && chance(random, 0.9)) return Buffer.from([fixed | size]);
  const { byte, index } = pick(random, fitting);
  const bytes = Buffer.alloc(1 + (1 << index));
  bytes[0] = byte;
  bytes.writeUIntBE(size, 1, 1 << index);
  return bytes;
}

function number(random: SeededRandom, value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 0x80 && chance(random, 0.9)) return Buffer.from([value]);
  const bytes = Buffer.alloc(9);
  const whole = Number.isSafeInteger(value) && chance(random, 0.9);
  bytes[0] = !whole ? 0xcb : value < 0 ? 0xd3 : 0xcf;
  if (!whole) bytes.writeDoubleBE(value, 1);
  else if (value < 0) bytes.writeBigInt64BE(BigInt(value), 1);
  else bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}
