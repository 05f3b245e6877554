import { TaskerError } from "@tasker/engine";
import { loadTemplate } from "@tasker/templates";
import { expect, test } from "vitest";
import { loadTemplateInThread } from "./load-in-thread.ts";

/** A fan-out and its join. */
function wide(steps: number): string {
  const middle = Array.from({ length: steps }, (_, i) => `  - { name: m${i}, handler: H, depends_on: [first] }`);
  const names = Array.from({ length: steps }, (_, i) => `m${i}`);
  const join = `  - { name: join, handler: H, config: { big: 9007199254740993 }, depends_on: [${names.join(", ")}] }`;
  return ["name: wide", "steps:", "  - { name: first, handler: H }", ...middle, join].join("\n");
}

test("a large template is the same as if it had been read here, and the event loop goes on meanwhile", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const text = wide(1_000);
  const template = await loadTemplateInThread(text, { environment: "test" });
  clearInterval(timer);
  expect(template).toEqual(loadTemplate(text, { environment: "test" }));
  expect(turns).toBeGreaterThan(5);
});

test("what is wrong is told with its places", async () => {
  const text = wide(1_000).replace("[first]", "[frist]");
  const error = (await loadTemplateInThread(text, { file: "wide.yaml" }).catch((error) => error)) as TaskerError;
  expect(error).toBeInstanceOf(TaskerError);
  expect(error).toMatchObject({
    code: "template_invalid",
    issues: [{ line: 4, message: expect.stringContaining("frist") }],
  });
});
