import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { compileSchema, importWfFormat, templateSchema } from "./index.ts";

const file = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const issuesOf = compileSchema(templateSchema);

test("the published file is what the tables of keys say", () => {
  // After a change of the keys: npm run schema -w packages/templates
  expect(JSON.parse(file("template.schema.json"))).toEqual(templateSchema);
});

test.each(readdirSync(new URL("../testdata/templates/", import.meta.url)))("%s satisfies the schema", (name) => {
  if (name === "symbol-keys.yaml") return; // Ruby symbols as keys: the loader reads them, no schema can name them all.
  expect(issuesOf(parse(file(`testdata/templates/${name}`)))).toEqual([]);
});

test("an imported workflow satisfies the schema", () => {
  expect(issuesOf(parse(importWfFormat(file("testdata/wfinstances/srasearch-chameleon-10a-001.json"))))).toEqual([]);
});

test.each([
  ["an unknown key", { name: "n", stepss: [] }],
  ["no steps", { name: "n", steps: [] }],
  ["a bare number as duration", { name: "n", steps: [{ name: "a", handler: "H", timeout: 5 }] }],
  ["an unknown key of a step", { name: "n", steps: [{ name: "a", handler: "H", timout: "5s" }] }],
  ["no handler", { name: "n", steps: [{ name: "a" }] }],
  [
    "a wrong override",
    { name: "n", steps: [{ name: "a", handler: "H" }], environments: { test: { steps: { a: { priority: "x" } } } } },
  ],
])("%s does not", (_what, document) => {
  expect(issuesOf(document)).not.toEqual([]);
});
