import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { coverage, coveragePage } from "./coverage.ts";

test("every rule of the specification has a case, or a reason why it has none", () => {
  expect(coverage().filter(({ cases, reason }) => cases.length === 0 && reason === null)).toEqual([]);
});

test("no rule has both", () => {
  const both = coverage().filter(
    ({ clause, cases, reason }) => clause.startsWith("R-") && cases.length > 0 && reason !== null,
  );
  expect(both).toEqual([]);
});

test("cases name rules that exist, each row once", () => {
  const clauses = coverage().map(({ clause }) => clause);
  expect(new Set(clauses).size).toBe(clauses.length);
});

test("docs/reference/conformance-coverage.md is what `npm run reference` makes", () => {
  const page = new URL("../../docs/reference/conformance-coverage.md", import.meta.url);
  expect(readFileSync(page, "utf8")).toBe(coveragePage());
});
