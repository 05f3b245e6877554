/** Payloads and values that have broken programs before: sizes, depths, numbers, escapes, names of prototypes. */
import type { SeededRandom } from "@tasker/testkit";
import { between, chance, pick } from "./random.ts";
import { Members, Raw, type Tree } from "./tree.ts";

const legal = [
  "{}",
  "null",
  "[]",
  '{"ok":true}',
  '{"total":9007199254740993}',
  "9223372036854775808",
  "-9223372036854775809",
  "1e400",
  "-0",
  '"\\u0000"',
  '"\\ud800"',
  '{"__proto__":{"polluted":1},"constructor":{"prototype":{}}}',
  '{"a":1,"a":2}',
  '{ "white" :\t[ 1 ,\n2 ] }',
  '"\u2028\u{1f600}\u0301"',
  '{"":{"":{"":0}}}',
  '{"results":[{"step_id":1,"output":"not mine"}]}',
] as const;

const illegal = [
  "",
  "nul",
  "NaN",
  "Infinity",
  "01",
  "1.",
  "+1",
  "'a'",
  '{"a":1,}',
  "[1,,2]",
  '{"a"}',
  '"\\x"',
  '"\\u12"',
  '"\n"',
  '"\u0000"',
  "{}{}",
  "\ufeff{}",
  "//",
] as const;

/** JSON text, almost always. */
export function payload(random: SeededRandom): Raw {
  const draw = random.uniform();
  if (draw < 0.9) return new Raw(pick(random, legal));
  if (draw < 0.95) return nested(random, between(random, 1, 40));
  if (draw < 0.96) return nested(random, between(random, 480, 540));
  if (draw < 0.99) return new Raw(JSON.stringify("x".repeat(between(random, 0, 400))));
  return new Raw(JSON.stringify("y".repeat(pick(random, [1023, 4094, 4095, 5000, 9000]))));
}

function nested(random: SeededRandom, depth: number): Raw {
  return chance(random, 0.5)
    ? new Raw(`${"[".repeat(depth)}${"]".repeat(depth)}`)
    : new Raw(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
}

/** Something where something else belongs. */
export function oddValue(random: SeededRandom): Tree {
  switch (random.below(12)) {
    case 0:
      return new Raw(pick(random, illegal));
    case 1:
      return pick(random, [-1, 0, 1, 0.5, 1e21, 2 ** 53, -(2 ** 53), 10_000, 10_001, 8127.0]);
    case 2:
      return new Raw(pick(random, ["9223372036854775808", "1e999", "-0", "8.127e3", "1E2", "0.1e-7"]));
    case 3:
      return pick(random, ["", " ", "\u0000", "a b", "__proto__", "1.0", "2.0", "3.0", "\ud800", "é", "json", "@w1 "]);
    case 4:
      return "n".repeat(pick(random, [63, 64, 65, 127, 128, 129, 137, 138, 255, 256, 1024, 1025]));
    case 5:
      return pick(random, [true, false, null]);
    case 6:
      return [];
    case 7:
      return new Members({});
    case 8:
      return [[], new Members({}), null, 1];
    case 9:
      return new Members([
        ["__proto__", new Members({})],
        ["toString", 1],
      ]);
    default:
      return payload(random);
  }
}
