import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { System, type TaskView } from "./system.ts";

const template = `
namespace: test
name: echo
version: 1.0.0
steps:
  - name: echo
    handler: echo
  - name: again
    handler: echo
    depends_on: [echo]
`;

const bad = (name: string, more = "") => `
namespace: test
name: ${name}
version: 1.0.0
steps:
  - name: bad
    handler: ${name}
    retryable: false
    timeout: 500ms
    ${more}
  - name: good
    handler: echo
`;

let system: System;
beforeEach(async () => {
  system = new System();
  await system.startServer();
});
afterEach(() => system.close());

async function apply(text: string): Promise<void> {
  const file = join(system.folder, "template.yaml");
  writeFileSync(file, text);
  const outcome = await system.tasker("template", "apply", file);
  expect(outcome.stderr).toBe("");
  expect(outcome.code).toBe(0);
}

describe("payloads", () => {
  it("come back unchanged from the handler's input to its output and the command line", async () => {
    await apply(template);
    system.startWorker("tests/fixtures/odd-worker.ts");
    const context = '{"id": 9007199254740993, "price": 1.10, "text": "\\u00e9\\ud83d\\ude00", "__proto__": {"x": 1}}';
    const submitted = await system.tasker("task", "submit", "test/echo", "--context", context, "--wait", "--json");
    expect(submitted.code).toBe(0);
    expect(submitted.stdout).toContain(`"context":${context}`);
    const { id } = JSON.parse(submitted.stdout) as TaskView;
    const shown = await system.tasker("task", "get", id, "--json");
    expect(shown.stdout).toContain(`"context":${context}`);
    expect(shown.stdout.match(/9007199254740993/g)).toHaveLength(3);
  });

  it.each([
    ["throws", "bad failed boom"],
    ["not_json", "bad failed not_json"],
    ["huge", "bad failed output_too_large"],
    ["never", "bad failed timeout"],
  ])("of a handler that %s fail its step, while the worker goes on", async (name, expected) => {
    await apply(bad(name));
    system.startWorker("tests/fixtures/odd-worker.ts");
    const outcome = await system.tasker("task", "submit", `test/${name}`, "--wait", "--json");
    expect(outcome.code).toBe(1);
    const { status, steps } = JSON.parse(outcome.stdout) as TaskView;
    expect(status).toBe("failed");
    expect(steps.map(({ name, status, error }) => [name, status, error?.code].filter(Boolean).join(" "))).toEqual([
      expected,
      "good completed",
    ]);
  });

  it("of an unknown handler wait with the reason no_worker and fail after queue_timeout", async () => {
    await apply(bad("nobody_has_this", "queue_timeout: 1s"));
    system.startWorker("tests/fixtures/odd-worker.ts");
    const outcome = await system.tasker("task", "submit", "test/nobody_has_this", "--wait", "--json");
    expect(outcome.code).toBe(1);
    const { steps } = JSON.parse(outcome.stdout) as TaskView;
    expect(steps[0]).toMatchObject({ status: "failed", reason: "queue_timeout", error: { code: "queue_timeout" } });
    expect(steps[1]).toMatchObject({ status: "completed" });
  });
});
