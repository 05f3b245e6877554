import fc from "fast-check";
import Type from "typebox";
import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { defaultHttpLimits } from "../limits.ts";
import { submitBodySchema } from "../schemas/requests.ts";
import { compileCheck } from "./check.ts";

const check = compileCheck(submitBodySchema(defaultHttpLimits));
const order = { namespace: "shop", name: "order" };

test("has nothing to say of what fits", () => {
  expect(
    check({ ...order, version: null, context: { __proto__: null }, priority: -100, tags: ["a"], reason: "é😀" }),
  ).toEqual([]);
});

test.each<[string, unknown, unknown]>([
  ["a wrong kind", [], { path: "", message: "expected an object, got an array" }],
  ["a missing member", { namespace: "shop" }, { path: "name", message: "is missing" }],
  [
    "a misspelt member",
    { ...order, contxt: {} },
    { path: "contxt", message: "unknown; did you mean context?", suggestion: "context" },
  ],
  ["a number for a text", { ...order, tags: ["a", 5] }, { path: "tags[1]", message: "expected a string, got 5" }],
  [
    "a text for an object",
    { ...order, context: "{}" },
    { path: "context", message: "expected an object, got a string" },
  ],
  [
    "an array for an object",
    { ...order, context: [] },
    { path: "context", message: "expected an object, got an array" },
  ],
  ["null for an object", { ...order, context: null }, { path: "context", message: "expected an object, got null" }],
  [
    "neither text nor null",
    { ...order, version: 1.5 },
    { path: "version", message: "expected a string or null, got 1.5" },
  ],
  ["a fraction", { ...order, priority: 1.5 }, { path: "priority", message: "expected an integer, got 1.5" }],
  [
    "a number too high",
    { ...order, priority: 101 },
    { path: "priority", message: "expected a number from -100 to 100, got 101" },
  ],
  ["an empty text", { ...order, reason: "" }, { path: "reason", message: "must not be empty" }],
  [
    "a control character",
    { ...order, tags: ["a\u0000"] },
    { path: "tags[0]", message: "must be text without control characters" },
  ],
  [
    "half a character",
    { ...order, initiator: "\ud800" },
    { path: "initiator", message: "must be text without control characters" },
  ],
])("names the place of %s and what was expected", (_name, value, issue) => {
  expect(check(value)).toEqual([issue]);
});

test("a member of the name of a prototype is a member like any other", () => {
  expect(check(JSON.parse('{"namespace":"a","name":"b","__proto__":{"x":1}}'))).toMatchObject([{ path: "__proto__" }]);
  expect(check(JSON.parse('{"namespace":"a","__proto__":{"name":"b"}}'))).toMatchObject([
    { path: "name" },
    { path: "__proto__" },
  ]);
  expect(check({ ...order, constructor: 1, toString: 2 })).toHaveLength(2);
});

test("shortens what is long and stops after a few issues", () => {
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`${"x".repeat(1_000)}${i}`, i]));
  const issues = check({ ...order, ...many });
  expect(issues).toHaveLength(10);
  expect(JSON.stringify(issues).length).toBeLessThan(5_000);
});

test("explains exactly what the compiled schema refuses", () => {
  const schema = submitBodySchema({ ...defaultHttpLimits, tags: 2, tagChars: 3, nameChars: 3 });
  const compiled = Compile(schema);
  const explained = compileCheck(schema);
  const text = fc.oneof(fc.string({ unit: "binary", maxLength: 5 }), fc.string({ maxLength: 4 }));
  const any = fc.oneof(fc.jsonValue(), text, fc.integer({ min: -200, max: 200 }), fc.array(text, { maxLength: 3 }));
  const names = ["namespace", "name", "version", "context", "priority", "tags", "reason", "extra"];
  const body = fc
    .dictionary(fc.constantFrom(...names), any)
    .map((members) => ({ namespace: "a", name: "b", ...members }));
  fc.assert(
    fc.property(fc.oneof(body, fc.jsonValue()), (value) => {
      expect(explained(value).length === 0).toBe(compiled.Check(value));
    }),
    { numRuns: 2_000 },
  );
});

test("a query without members says so", () => {
  expect(compileCheck(Type.Object({}, { additionalProperties: false }))({ a: "1" })).toEqual([
    { path: "a", message: "unknown; there are none" },
  ]);
});
