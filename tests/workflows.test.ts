import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { root, System, startedTooEarly, type TaskView } from "./system.ts";

let system: System;
beforeEach(async () => {
  system = new System();
  await system.startServer();
});
afterEach(() => system.close());

it("runs the 748 steps of a Montage workflow, imported and applied, in the order of its dependencies", async () => {
  const imported = await system.tasker(
    "template",
    "import",
    join(root, "packages/templates/testdata/wfinstances/montage-chameleon-2mass-03d-001.json"),
  );
  expect(imported.code).toBe(0);
  const file = join(system.folder, "montage.yaml");
  writeFileSync(file, imported.stdout);
  const applied = await system.tasker("template", "apply", file, "--json");
  expect(applied.stderr).toBe("");
  expect(applied.code).toBe(0);
  system.startWorker("examples/wfformat-replay/typescript/worker.ts", { REPLAY_FACTOR: "0" });
  const [, name] = /^name: "?([\w.-]+)/m.exec(imported.stdout)!;
  const outcome = await system.tasker("task", "submit", `wfcommons/${name}`, "--wait", "--json");
  expect(outcome.code).toBe(0);
  const view = JSON.parse(outcome.stdout) as TaskView;
  expect(view.steps).toHaveLength(748);
  expect(view.steps.every(({ status }) => status === "completed")).toBe(true);
  expect(startedTooEarly(view, await system.events(view.id))).toEqual([]);
});
