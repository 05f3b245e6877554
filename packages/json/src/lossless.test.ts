import fc from "fast-check";
import { expect, test } from "vitest";
import { mayHoldBigInteger, parseLossless, stringifyLossless } from "./index.ts";

test("an integer that a double would round comes back as it was", () => {
  const text = '{"id":9007199254740993,"ids":[-9223372036854775808,18446744073709551615],"n":7}';
  const value = parseLossless(text);
  expect(value).toEqual({ id: 9007199254740993n, ids: [-9223372036854775808n, 18446744073709551615n], n: 7 });
  expect(stringifyLossless(value)).toBe(text);
});

test("every integer outside the safe range is a BigInt, whether or not a double holds it", () => {
  expect(parseLossless("[9007199254740991,9007199254740992,9007199254740994]")).toEqual([
    9007199254740991,
    9007199254740992n,
    9007199254740994n,
  ]);
});

test("fractions, exponents and digits in strings stay what JSON.parse makes of them", () => {
  const text = '["4111111111111111",0.12345678901234567,1e30,12345678901234567890e0,-0]';
  expect(parseLossless(text)).toEqual(JSON.parse(text));
});

test("__proto__ is an own property on both paths", () => {
  for (const text of ['{"__proto__":{"x":1}}', '{"__proto__":{"x":9007199254740993}}']) {
    const value = parseLossless(text) as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(stringifyLossless(value)).toBe(text);
  }
});

test("what has no JSON form gives undefined, as JSON.stringify does", () => {
  expect(stringifyLossless(undefined)).toBeUndefined();
  expect(stringifyLossless(() => 1)).toBeUndefined();
  expect(stringifyLossless({ at: undefined, n: 1n })).toBe('{"n":1}');
});

test("a value that contains itself is refused, with and without a BigInt", () => {
  const circle: Record<string, unknown> = { id: 1n };
  circle.self = circle;
  expect(() => stringifyLossless(circle)).toThrow(TypeError);
});

test("errors of a toJSON come through", () => {
  const value = {
    toJSON() {
      throw new RangeError("mine");
    },
  };
  expect(() => stringifyLossless(value)).toThrow("mine");
});

test("a lone surrogate is written as an escape", () => {
  expect(stringifyLossless({ s: "\ud800", n: 1n })).toBe('{"s":"\\ud800","n":1}');
});

test("any JSON text, and any BigInt, survives the round trip", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.parse(stringifyLossless(parseLossless(text))!)).toEqual(JSON.parse(text));
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n })), (numbers) => {
      const text = `{"a":[${numbers.join(",")}]}`;
      expect(stringifyLossless(parseLossless(text))).toBe(text);
    }),
  );
});

test("finds sixteen digits in a row wherever they stand", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.stringMatching(/^[^0-9]{1,20}$/), fc.stringMatching(/^\d{0,18}$/))), (parts) => {
      const text = parts.flat().join("");
      expect(mayHoldBigInteger(text)).toBe(/\d{16}/.test(text));
    }),
    { numRuns: 1000 },
  );
});
