import fc from "fast-check";
import { expect, test } from "vitest";
import { findSyntaxError } from "./syntax-error.ts";

test.each([
  ['{"a":}', 1, 6, 'expected a value, found "}"'],
  ['{"a":1,}', 1, 8, 'expected a member name in double quotes, found "}"'],
  ["{'a':1}", 1, 2, 'expected a member name in double quotes, found "\'"'],
  ['{"a" 1}', 1, 6, 'expected ":", found "1"'],
  ['{\n  "a": [1\n  2]\n}', 3, 3, 'expected "," or "]", found "2"'],
  ['{"a":1', 1, 7, 'expected "," or "}", found the end of the text'],
  ["", 1, 1, "expected a value, found the end of the text"],
  ["{} x", 1, 4, 'expected the end of the text, found "x"'],
  ['["a\nb"]', 1, 4, 'expected no raw control character in a string, found "\\n"'],
  ['["\\x"]', 1, 4, 'expected one of " \\ / b f n r t uXXXX after a backslash, found "x"'],
  ["[01]", 1, 2, 'expected a value, found "0"'],
  ["[truthy]", 1, 2, 'expected a value, found "t"'],
  ["\ufeff{}", 1, 1, 'expected a value, found "\ufeff"'],
  ['["a', 1, 4, "expected a closing double quote, found the end of the text"],
])("finds where %j stops being JSON", (text, line, column, message) => {
  expect(findSyntaxError(text)).toEqual({ line, column, message });
});

test("agrees with JSON.parse on what is JSON", () => {
  const nearlyJson = fc.oneof(
    fc.json(),
    fc.stringMatching(/^[[\]{}",:\\ \n1eE.+\-anulltruefs]{0,30}$/),
    fc.tuple(fc.json(), fc.nat(), fc.constantFrom("", '"', ",", "}", "\\", "0")).map(([text, at, change]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + change + text.slice(place + 1);
    }),
  );
  fc.assert(
    fc.property(nearlyJson, (text) => {
      expect(findSyntaxError(text) === null).toBe(isJson(text));
    }),
    { numRuns: 5_000 },
  );
});

test("takes text that is long or deep", () => {
  expect(findSyntaxError(`["${"x".repeat(5e6)}", ]`)).toMatchObject({ column: 5e6 + 6 });
  expect(findSyntaxError("[".repeat(1e6))).toMatchObject({ column: 1e6 + 1 });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
