import { readFileSync } from "node:fs";
import { compilePlan, TaskerError } from "@tasker/engine";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { compileSchema, importWfFormat, loadTemplate } from "./index.ts";

const file = (path: string) => readFileSync(new URL(`../testdata/${path}`, import.meta.url), "utf8");
const samples = ["order-fulfillment", "rails-engine", "tasker-core", "symbol-keys"].map((name) =>
  file(`templates/${name}.yaml`),
);
const documents = samples.map((text) => parse(text, { merge: true, intAsBigInt: false }) as unknown);

/** Either a template that the engine can compile, or an error that names places inside the text. */
function loadsOrTells(text: string, load: (text: string) => unknown = loadAndCompile): void {
  try {
    load(text);
  } catch (error) {
    if (!(error instanceof TaskerError)) throw error;
    expect(error.code).toBe("template_invalid");
    expect(error.issues.length).toBeGreaterThan(0);
    const lines = text.split("\n");
    for (const { line, column, message } of error.issues) {
      expect(message).not.toBe("");
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeLessThanOrEqual(lines[line! - 1]!.length + 1);
    }
  }
}

function loadAndCompile(text: string): void {
  compilePlan(1, loadTemplate(text, { environment: "test" }), compileSchema);
}

const pieces = [
  "\t",
  "\n",
  ": ",
  "- ",
  "[",
  "]",
  "{",
  "}",
  "&a ",
  "*a",
  "<<: *a",
  "!x ",
  "|\n",
  '"',
  "'",
  "#",
  "---\n",
  "0x",
  "__proto__",
  "null",
  "\ud800",
  "\0",
  "9".repeat(40),
];

/** Deletes, repeats, or puts in a piece of YAML, a few times. */
function mutate(text: string, edits: readonly { at: number; length: number; piece: string | null }[]): string {
  return edits.reduce((text, { at, length, piece }) => {
    const start = Math.floor(at * text.length);
    return (
      text.slice(0, start) +
      (piece ?? text.slice(start, start + length)) +
      text.slice(start + (piece === null ? 0 : length))
    );
  }, text);
}

const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(30),
    piece: fc.oneof(
      fc.constant(null),
      fc.constant(""),
      fc.constantFrom(...pieces),
      fc.string({ unit: "binary", maxLength: 5 }),
    ),
  }),
  { minLength: 1, maxLength: 6 },
);

describe("whatever is done to a template, it loads or tells where it is wrong", () => {
  test("characters of YAML changed", () => {
    fc.assert(
      fc.property(fc.constantFrom(...samples), edits, (text, edits) => loadsOrTells(mutate(text, edits))),
      { numRuns: 500 },
    );
  });

  test("characters of JSON changed", () => {
    const texts = documents.map((document) => JSON.stringify(document, null, 1));
    fc.assert(
      fc.property(fc.constantFrom(...texts), edits, (text, edits) => loadsOrTells(mutate(text, edits))),
      { numRuns: 300 },
    );
  });

  test("values put in places of others", () => {
    const places = documents.flatMap((document) => pathsOf(document).map((path) => ({ document, path })));
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>("5s", "validate_order", [], {}, { $ref: "#" }, -1, 1e300),
    );
    fc.assert(
      fc.property(fc.constantFrom(...places), value, ({ document, path }, value) => {
        loadsOrTells(JSON.stringify(replace(document, path, value)));
      }),
      { numRuns: 500 },
    );
  });

  test("anything at all", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => loadsOrTells(text)),
      { numRuns: 300 },
    );
  });
});

test("whatever is done to a workflow instance, it is imported or tells where it is wrong", () => {
  const text = file("wfinstances/srasearch-chameleon-10a-001.json");
  const instance = JSON.parse(text) as unknown;
  const load = (text: string) => loadTemplate(importWfFormat(text));
  fc.assert(
    fc.property(fc.constantFrom(...pathsOf(instance)), fc.jsonValue(), (path, value) => {
      loadsOrTells(JSON.stringify(replace(instance, path, value)), load);
    }),
    { numRuns: 200 },
  );
});

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...path, key]))];
}

function replace(value: unknown, [key, ...rest]: string[], by: unknown): unknown {
  if (key === undefined) return by;
  const child = replace((value as Record<string, unknown>)[key], rest, by);
  return Array.isArray(value) ? value.with(Number(key), child) : { ...(value as object), [key]: child };
}

describe("a document that would grow or nest without end is refused", () => {
  const bombs: [string, string, RegExp][] = [
    [
      "a billion laughs",
      laughs("[*x, *x, *x, *x, *x, *x, *x, *x, *x]", "[1, 1, 1]"),
      /aliases stand for more than 100000 values/,
    ],
    [
      "a billion merges",
      laughs("{ <<: [*x, *x, *x], a: [*x, *x] }", "{ b: 1 }"),
      /aliases stand for more than 100000 values/,
    ],
    ["lists in lists in YAML", `name: n\nmetadata: ${"[".repeat(5000)}${"]".repeat(5000)}`, /nested more than 64 deep/],
    ["lists in lists in JSON", `{"metadata":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, /nested more than 64 deep/],
    ["maps in maps", ['{"a":'.repeat(65), "}".repeat(65)].join("1"), /nested more than 64 deep/],
    [
      "maps in maps by indentation",
      Array.from({ length: 500 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
      /nested more than 64 deep/,
    ],
    ["too many bytes", `name: n # ${"x".repeat(8 * 1024 * 1024)}`, /at most 8388608 are accepted/],
    ["too many bytes of YAML", `name: n # ${"x".repeat(4 * 1024 * 1024)}`, /as YAML at most 4194304 are accepted/],
    ["too many steps", `{"name":"n","steps":[${Array(10_001).fill("{}")}]}`, /at most 10000 are accepted/],
    [
      "too large a configuration",
      `{"name":"n","steps":[{"name":"a","handler":"H","config":{"x":"${"x".repeat(256 * 1024)}"}}]}`,
      /larger than 262144 bytes/,
    ],
    [
      "too large a schema",
      `{"name":"n","schema":{"title":"${"x".repeat(128 * 1024)}"},"steps":[{"name":"a","handler":"H"}]}`,
      /larger than 131072 bytes/,
    ],
  ];

  test.each(bombs)("%s", (_what, text, message) => {
    expect(() => loadTemplate(text)).toThrow(TaskerError);
    try {
      loadTemplate(text);
    } catch (error) {
      expect((error as TaskerError).issues.map((issue) => issue.message)).toContainEqual(
        expect.stringMatching(message),
      );
    }
  });

  function laughs(body: string, first: string): string {
    const lines = Array.from({ length: 30 }, (_, i) => `  - &x${i + 1} ${body.replaceAll("*x", `*x${i}`)}`);
    return ["name: n", "metadata:", `  - &x0 ${first}`, ...lines].join("\n");
  }
});
