/** Each limit of a template at its edge: what is just taken, and what is just not. */
import { TaskerError } from "@tasker/engine";
import { expect, test } from "vitest";
import { loadTemplate } from "./index.ts";
import { templateLimits } from "./limits.ts";

type Members = Record<string, unknown>;

const template = (members: Members, step: Members = {}) =>
  JSON.stringify({ name: "n", steps: [{ name: "a", handler: "H", ...step }], ...members });
const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown;
const steps = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `s${i}`, handler: "H" }));
const ofBytes = (bytes: number, around: string) => "x".repeat(bytes - around.length);
const aliases = (count: number) =>
  `name: n\nmetadata: [&x 1, ${Array(count).fill("*x").join(", ")}]\nsteps: [{ name: a, handler: H }]`;
const padded = (text: string, bytes: number) => text.padEnd(bytes);

const cases: [keyof typeof templateLimits, (size: number) => string][] = [
  ["documentBytes", (size) => padded(template({}), size)],
  ["yamlBytes", (size) => padded("name: n\nsteps: [{ name: a, handler: H }]\n", size)],
  ["nesting", (size) => template({}, { config: { a: nested(size - 4) } })],
  ["aliasedValues", aliases],
  ["steps", (size) => template({ steps: steps(size) })],
  ["configBytes", (size) => template({}, { config: { x: ofBytes(size, '{"x":""}') } })],
  ["schemaBytes", (size) => template({ input_schema: { title: ofBytes(size, '{"title":""}') } })],
  ["nameLength", (size) => template({ name: "x".repeat(size) })],
  ["nameLength", (size) => template({}, { name: "x".repeat(size) })],
  ["handlerLength", (size) => template({}, { handler: "x".repeat(size) })],
  ["descriptionLength", (size) => template({ description: "x".repeat(size) })],
  ["versionLength", (size) => template({ version: `1.0.0-${"x".repeat(size - 6)}` })],
  ["retries", (size) => template({}, { retry: { limit: size } })],
];

test.each(cases)(
  "fault 37: %s: so much is taken, and one more is refused with its place",
  { timeout: 120_000 },
  (name, make) => {
    const limit = templateLimits[name];
    // A hundred thousand aliases take a second, each time.
    if (name !== "aliasedValues") expect(refusalOf(make(limit - 1))).toBe("taken");
    expect(refusalOf(make(limit))).toBe("taken");
    expect(refusalOf(make(limit + 1))).toMatch(/most|larger|more than|longer|characters|from 0 to/);
  },
);

test("fault 37: the number of steps that are taken is a setting", () => {
  expect(loadTemplate(template({ steps: steps(3) }), { maxSteps: 3 }).steps).toHaveLength(3);
  expect(() => loadTemplate(template({ steps: steps(4) }), { maxSteps: 3 })).toThrow(TaskerError);
});

function refusalOf(text: string): string {
  try {
    loadTemplate(text);
    return "taken";
  } catch (error) {
    if (error instanceof TaskerError) return error.issues.map(({ message }) => message).join("; ");
    throw error;
  }
}
