import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { TaskerError } from "@tasker/engine";
import { expect, test } from "vitest";
import { compileSchema } from "../index.ts";

const order = {
  type: "object",
  required: ["order_id"],
  additionalProperties: false,
  properties: {
    order_id: { type: "integer", minimum: 1 },
    email: { type: "string", format: "email" },
    items: { type: "array", items: { type: "object", required: ["sku"], properties: { size: { enum: ["s", "m"] } } } },
  },
};

test("a valid value has no issues", () => {
  const validate = compileSchema(order);
  expect(validate({ order_id: 7, email: "a@example.com", items: [{ sku: 1, size: "s" }] })).toEqual([]);
});

test("every issue has its path and what was expected", () => {
  const validate = compileSchema(order);
  expect(validate({ order_id: 0, email: "nobody", items: [{ sku: 1 }, { size: "xl" }], note: 1 })).toEqual([
    { path: "", message: 'has the unknown property "note"' },
    { path: "order_id", message: "must be >= 1" },
    { path: "email", message: 'must match format "email"' },
    { path: "items[1]", message: 'lacks the property "sku"' },
    { path: "items[1].size", message: 'must be one of ["s","m"]' },
  ]);
  expect(validate({})).toEqual([{ path: "", message: 'lacks the property "order_id"' }]);
  expect(validate("text")).toEqual([{ path: "", message: "must be object" }]);
});

test("a value with a million wrong items has few issues", () => {
  const validate = compileSchema({ items: { type: "string" } });
  expect(validate(new Array(1_000_000).fill(1))).toEqual([{ path: "[0]", message: "must be string" }]);
  expect(validate(new Array(100).fill(1))).toHaveLength(20);
});

test("draft-07 keeps its own meaning of items, 2020-12 is what a schema is without $schema", () => {
  const draft07 = {
    $schema: "http://json-schema.org/draft-07/schema#",
    items: [{ type: "integer" }],
    additionalItems: false,
  };
  expect(compileSchema(draft07)([1])).toEqual([]);
  expect(compileSchema(draft07)([1, 2])).toHaveLength(1);
  expect(compileSchema({ prefixItems: [{ type: "integer" }] })(["a"])).toHaveLength(1);
  expect(() => compileSchema({ items: [{ type: "integer" }] })).toThrow(TaskerError);
});

test("the same $id in two schemas does no harm", () => {
  const schema = (type: string) => ({
    $id: "https://example.com/x",
    $defs: { a: { $id: "/a", type } },
    $ref: "#/$defs/a",
  });
  expect(compileSchema(schema("string"))("a")).toEqual([]);
  expect(compileSchema(schema("integer"))("a")).toHaveLength(1);
});

test("booleans are schemas", () => {
  expect(compileSchema(true)(1)).toEqual([]);
  expect(compileSchema(false)(1)).toHaveLength(1);
});

test("a schema that refers to itself checks nested values, also those too deep for the stack", () => {
  const validate = compileSchema({ type: "array", items: { $ref: "#" } });
  expect(validate([[[]]])).toEqual([]);
  expect(validate([[1]])).toEqual([{ path: "[0][0]", message: "must be array" }]);
  let deep: unknown[] = [];
  for (let i = 0; i < 200_000; i++) deep = [deep];
  expect(validate(deep)).toEqual([{ path: "", message: "is nested too deep to be checked" }]);
});

test("an invalid schema is refused with a path", () => {
  const compile = () => compileSchema({ properties: { a: { minimum: "1" } } });
  expect(compile).toThrow(TaskerError);
  try {
    compile();
  } catch (error) {
    expect((error as TaskerError).issues).toEqual([
      { path: "properties.a.minimum", message: "not valid JSON Schema: must be number" },
    ]);
  }
});

test("a property called __proto__ is checked as any other", () => {
  const validate = compileSchema(JSON.parse('{"properties":{"__proto__":{"type":"string"}},"required":["__proto__"]}'));
  expect(validate(JSON.parse('{"__proto__":"x"}'))).toEqual([]);
  expect(validate({})).toHaveLength(1);
});

test("a pattern that backtracks for ages in other engines ends", () => {
  const module = fileURLToPath(new URL("./compile-schema.ts", import.meta.url));
  const script = `
    const { compileSchema } = await import(${JSON.stringify(module)});
    for (const pattern of ["^(a+)+$", "^(a|a)*$", "^([a-z0-9]+-?)+$"]) {
      console.log(compileSchema({ pattern })("a".repeat(100) + "!").length);
    }`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(output).toBe("1\n1\n1\n");
});

test("patterns mean what they mean with and without Unicode", () => {
  expect(compileSchema({ pattern: "^\\p{Lu}$" })("É")).toEqual([]);
  expect(compileSchema({ pattern: "^[+]?[0-9-\\s()]+$" })("+44 (20) 7946-0958")).toEqual([]);
});
