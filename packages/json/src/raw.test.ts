import fc from "fast-check";
import { expect, test } from "vitest";
import { exceedsDepth, RawCursor, type RawSlice, rawElements, rawMembers } from "./index.ts";

const textOf = (text: string, slice: RawSlice | undefined) => slice && text.slice(slice.start, slice.end);

test("a member's text is cut out as it came, white space inside it included", () => {
  const text = ' { "a" : { "n" : 1.50e+2 } , "b":[1, 9007199254740993 ] ,"c":"x\\"}"}  ';
  const members = rawMembers(text);
  expect(textOf(text, members.get("a"))).toBe('{ "n" : 1.50e+2 }');
  expect(textOf(text, members.get("b"))).toBe("[1, 9007199254740993 ]");
  expect(textOf(text, members.get("c"))).toBe('"x\\"}"');
});

test("the last of duplicate keys wins, also when one is written with escapes", () => {
  const text = '{"output":1,"outp\\u0075t":2,"__proto__":3}';
  const members = rawMembers(text);
  expect(textOf(text, members.get("output"))).toBe("2");
  expect(textOf(text, members.get("__proto__"))).toBe("3");
  expect(members.size).toBe(2);
});

test("the cursor knows a key that is written with escapes", () => {
  for (const [key, is] of [
    ["output", true],
    ["outp\\u0075t", true],
    ["\\u006futput", true],
    ["outputs", false],
    ["outpu", false],
    ["output\\u0021", false],
    ["", false],
  ] as const) {
    const cursor = new RawCursor(`{"${key}":1}`);
    expect(cursor.enterObject()).toBe(true);
    expect(cursor.nextMember()).toBe(true);
    expect(cursor.keyIs("output"), key).toBe(is);
  }
});

test("a cursor walks nested values in one pass", () => {
  const text = '{"skip":{"results":[]},"results":[{"output":{"a":1}},7,{"output":null}],"end":true}';
  const cursor = new RawCursor(text);
  const outputs: string[] = [];
  cursor.enterObject();
  while (cursor.nextMember()) {
    if (!cursor.keyIs("results") || !cursor.enterArray()) {
      cursor.skip();
      continue;
    }
    while (cursor.nextElement()) {
      if (!cursor.enterObject()) {
        outputs.push(cursor.take());
        continue;
      }
      while (cursor.nextMember()) outputs.push(cursor.take());
    }
  }
  expect(outputs).toEqual(['{"a":1}', "7", "null"]);
});

test("empty and absent containers have no members or elements", () => {
  expect(rawMembers("{ }").size).toBe(0);
  expect(rawElements("[ ]")).toEqual([]);
  expect(rawMembers("[1]").size).toBe(0);
  expect(rawElements('{"a":1}')).toEqual([]);
});

test("strings may end in any number of backslashes", () => {
  for (let backslashes = 0; backslashes < 70; backslashes++) {
    const text = JSON.stringify([`${"\\".repeat(backslashes)}`, `a"${"\\".repeat(backslashes)}"]`, 1]);
    expect(rawElements(text).map((slice) => JSON.parse(textOf(text, slice)!))).toEqual(JSON.parse(text));
  }
});

test("every slice parses to what JSON.parse of the whole has in that place", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), fc.nat(4), (object, indent) => {
      const text = JSON.stringify(object, null, indent);
      const members = rawMembers(text);
      const whole = JSON.parse(text) as Record<string, unknown>;
      expect([...members.keys()].sort()).toEqual(Object.keys(whole).sort());
      for (const [key, slice] of members) expect(JSON.parse(textOf(text, slice)!)).toEqual(whole[key]);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.nat(4), (array, indent) => {
      const text = JSON.stringify(array, null, indent);
      expect(rawElements(text).map((slice) => JSON.parse(textOf(text, slice)!))).toEqual(JSON.parse(text));
    }),
  );
});

test("text that is not JSON ends, and throws at most a SyntaxError", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[[\]{}",:\\ 1a]{0,40}$/), (text) => {
      for (const walk of [rawMembers, rawElements]) {
        try {
          walk(text);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }
      exceedsDepth(text, 4);
    }),
    { numRuns: 2000 },
  );
});

test("a million levels neither overflow nor pass the depth check", () => {
  const text = "[".repeat(1e6) + "]".repeat(1e6);
  expect(rawElements(text)).toEqual([{ start: 1, end: 2e6 - 1 }]);
  expect(exceedsDepth(text, 512)).toBe(true);
});

test("depth counts brackets outside strings only", () => {
  expect(exceedsDepth('[{"a":[]}]', 3)).toBe(false);
  expect(exceedsDepth('[{"a":[]}]', 2)).toBe(true);
  expect(exceedsDepth('["[[[[[[", "\\"[[[["]', 1)).toBe(false);
  expect(exceedsDepth("[[],[],[],[]]", 2)).toBe(false);
});
