/** Templates of the Rails engine and of the core that followed it run unchanged: a real server, a real worker. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { root, System, type TaskView } from "./system.ts";

const templates = join(root, "packages/templates/testdata/templates");
const withinMs = 60_000;

let system: System;
afterEach(() => system.close());

/** A server in this environment, with the template; and a worker that has its handlers. */
async function serve(template: string, environment: string): Promise<void> {
  system = new System();
  const config = join(system.folder, "tasker.yaml");
  writeFileSync(config, `environment: ${environment}\n`);
  await system.startServer("--config", config);
  const applied = await system.tasker("template", "apply", join(templates, template));
  expect(applied).toMatchObject({ code: 0, stderr: "" });
  system.startWorker("tests/fixtures/tasker-templates-worker.ts");
}

async function run(namespace: string, name: string, context: unknown): Promise<TaskView> {
  const { id } = await system.post<{ id: string }>("/v1/tasks", { namespace, name, context });
  const [view] = await system.settled([id], withinMs);
  return view!;
}

const bakeCake = (mixedAt: number) => run("bakery", "bake_cake", { cake_id: 7, mixed_at: mixedAt });
const onboardMember = () => run("club", "onboard_member", { member_id: "0190a000-0000-4000-8000-000000000000" });
const stepsOf = (view: TaskView) => view.steps.map(({ name, status, attempt }) => `${name} ${status} ${attempt}`);
const outputOf = (view: TaskView, step: string) => view.steps.find(({ name }) => name === step)!.output;

describe("a template of the Rails engine (step_templates, handler_class, default_retry_limit)", () => {
  it("runs in the order of depends_on_step and depends_on_steps, with as many retries as it says", async () => {
    await serve("rails-engine.yaml", "staging");
    const view = await bakeCake(5);
    expect(view.status).toBe("completed");
    expect(stepsOf(view)).toEqual([
      "weigh completed 1",
      "heat_oven completed 1",
      "mix completed 5",
      "bake completed 1",
    ]);
    expect(outputOf(view, "mix")).toMatchObject({ attempt: 5, max_attempts: 5 });
    expect(outputOf(view, "bake")).toEqual({ from: ["heat_oven", "mix", "weigh"] });
    expect(outputOf(view, "weigh")).toEqual({
      config: { type: "api", url: "https://kitchen.example.com/scales", params: { unit: "gram", precision: 0.1 } },
    });
    expect((await bakeCake(6)).steps.find(({ name }) => name === "mix")).toMatchObject({
      status: "failed",
      attempt: 5,
    });
  });

  it("takes the overrides of the environment: another configuration, fewer retries", async () => {
    await serve("rails-engine.yaml", "test");
    const view = await bakeCake(3);
    expect(view.steps.find(({ name }) => name === "mix")).toMatchObject({ status: "failed", attempt: 2 });
    expect(outputOf(view, "weigh")).toMatchObject({ config: { url: "http://localhost:4000/scales" } });
  });

  it("refuses a context that its schema does not allow", async () => {
    await serve("rails-engine.yaml", "staging");
    await expect(run("bakery", "bake_cake", { cake_id: "seven" })).rejects.toThrow(/cake_id/);
  });
});

describe("a template of Tasker's core (handler.callable, dependencies, retry.max_attempts)", () => {
  it("runs: max_attempts counts attempts, and what is not retryable has one", async () => {
    await serve("tasker-core.yaml", "staging");
    const view = await onboardMember();
    expect(stepsOf(view)).toEqual(["create_account completed 2", "send_card failed 1"]);
    expect(outputOf(view, "create_account")).toMatchObject({ max_attempts: 5, config: { plan: "basic" } });
    expect(JSON.stringify(view.steps[1]!.error)).toContain("the post is closed");
  });

  it("takes what the environment says of ALL steps, and of one", async () => {
    await serve("tasker-core.yaml", "test");
    const view = await onboardMember();
    expect(outputOf(view, "create_account")).toMatchObject({ max_attempts: 2, config: { plan: "test" } });
  });
});
