import { buildTemplate } from "@tasker/testkit";
import { expect, test } from "vitest";
import { templateJson, templatePageJson } from "./index.ts";

const createdAt = Date.UTC(2025, 0, 23, 12);

test("a template keeps its config as text and its source", () => {
  const template = buildTemplate([{ name: "a", config: '{ "limit": 9007199254740993 }' }], {
    input_schema: { type: "object" },
  });
  const text = templateJson(template, "name: a\n", createdAt);
  expect(text).toContain('"config":{ "limit": 9007199254740993 },"depends_on":[]');
  expect(JSON.parse(text)).toMatchObject({
    name: "template",
    created_at: "2025-01-23T12:00:00.000Z",
    input_schema: { type: "object" },
    steps: [{ name: "a", handler: "work", retry: { limit: 3 }, on_lost: "retry", result_schema: null }],
    source: "name: a\n",
  });
});

test("a list of templates counts their steps", () => {
  const item = { namespace: "n", name: "t", version: "1.0.0", description: "", steps: 748, createdAt };
  expect(JSON.parse(templatePageJson([item]))).toEqual({
    items: [
      {
        namespace: "n",
        name: "t",
        version: "1.0.0",
        description: "",
        created_at: "2025-01-23T12:00:00.000Z",
        step_count: 748,
      },
    ],
    next_cursor: null,
  });
});
