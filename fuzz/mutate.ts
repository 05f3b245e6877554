/** Damage: to the structure of a message, and to the bytes of a frame. */
import type { SeededRandom } from "@tasker/testkit";
import { oddValue } from "./payloads.ts";
import { between, chance, pick } from "./random.ts";
import { Members, Raw, type Tree } from "./tree.ts";

const memberNames = [
  ...[
    "type",
    "protocol_version",
    "session",
    "worker_id",
    "batch_id",
    "results",
    "steps",
    "step_id",
    "metadata",
    "error",
  ],
  ...["lease_id", "leases", "outbox", "capacity", "seq", "epoch", "limits", "__proto__", "", "output", "codec"],
];

/** Changes one place of the tree, deep inside as often as at its top. */
export function mutateTree(random: SeededRandom, tree: Members): void {
  let place: Members | Tree[] = tree;
  while (chance(random, 0.6)) {
    const inside: Tree | undefined =
      place instanceof Members
        ? place.list.length === 0
          ? undefined
          : pick(random, place.list)[1]
        : place[random.below(Math.max(1, place.length))];
    if (!(inside instanceof Members) && !Array.isArray(inside)) break;
    place = inside;
  }
  if (place instanceof Members) mutateMembers(random, place);
  else mutateElements(random, place);
}

function mutateMembers(random: SeededRandom, { list }: Members): void {
  const index = random.below(Math.max(1, list.length));
  const member = list[index];
  switch (random.below(7)) {
    case 0:
      list.splice(index, 1);
      return;
    case 1:
      if (member !== undefined) list.push([member[0], oddValue(random)]);
      return;
    case 2:
      if (member !== undefined) member[0] = pick(random, memberNames);
      return;
    case 3:
      list.push([pick(random, memberNames), oddValue(random)]);
      return;
    case 4:
      list.reverse();
      return;
    case 5:
      if (member !== undefined) member[1] = [member[1]];
      return;
    default:
      if (member !== undefined) member[1] = oddValue(random);
  }
}

function mutateElements(random: SeededRandom, list: Tree[]): void {
  const index = random.below(Math.max(1, list.length));
  switch (random.below(5)) {
    case 0:
      list.splice(index, 1);
      return;
    case 1:
      list.push(oddValue(random));
      return;
    case 2:
      list.push(list[index] ?? null);
      return;
    case 3:
      list[index] = oddValue(random);
      return;
    default:
      // Beyond the limit of a list, now and then.
      list.push(...Array<Tree>(pick(random, [2, 10, 20, 70])).fill(list[index] ?? new Raw("0")));
  }
}

const tokens = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  " ",
  "null",
  "1e999",
  "\u0000",
  '"\\ud800"',
  '{"',
  "9".repeat(30),
];
const brokenUtf8 = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xe2, 0x82]];

/** @param other another frame, to splice with */
export function mutateBytes(random: SeededRandom, frame: Buffer, other: Buffer): Buffer {
  let bytes = frame;
  for (let times = between(random, 1, 3); times > 0; times--) bytes = mutateOnce(random, bytes, other);
  return bytes;
}

function mutateOnce(random: SeededRandom, frame: Buffer, other: Buffer): Buffer {
  const at = random.below(frame.length + 1);
  const to = Math.min(frame.length, at + random.below(12));
  switch (random.below(9)) {
    case 0:
      return frame.subarray(0, at);
    case 1:
      return joined(frame.subarray(0, at), frame.subarray(to));
    case 2:
      return joined(frame.subarray(0, to), frame.subarray(at));
    case 3:
      return joined(frame.subarray(0, at), Buffer.from(pick(random, tokens)), frame.subarray(to));
    case 4:
      return joined(frame.subarray(0, at), Buffer.from(pick(random, brokenUtf8)), frame.subarray(to));
    case 5:
      return joined(frame.subarray(0, at), other.subarray(random.below(other.length + 1)));
    case 6:
      return frame.subarray(at);
    default: {
      if (frame.length === 0) return frame;
      const copy = Buffer.from(frame);
      const place = at % copy.length;
      copy[place] = chance(random, 0.5) ? random.below(256) : copy[place]! ^ (1 << random.below(8));
      return copy;
    }
  }
}

function joined(...parts: Buffer[]): Buffer {
  return Buffer.concat(parts);
}
