import { expect, it } from "vitest";
import { buildStep, buildTask, createdAt } from "../testing/build-task.ts";
import { taskPage } from "./task-page.ts";
import { widthOf } from "./text.ts";

const at = (ms: number) => new Date(createdAt + ms).toISOString();
const task = buildTask({
  status: "blocked",
  reason: "in_doubt",
  priority: 5,
  tags: ["eu", "vip"],
  started_at: at(100),
  steps: [
    buildStep("validate", {
      status: "completed",
      attempt: 1,
      started_at: at(100),
      finished_at: at(142),
      output: { ok: 1 },
    }),
    buildStep("ship", { depends_on: ["pay", "pack"] }),
    buildStep("pack", {
      status: "in_progress",
      attempt: 2,
      worker_id: "w7",
      started_at: at(0),
      progress: { percent: 40 },
    }),
    buildStep("pay", { status: "in_doubt", attempt: 1, reason: "worker_lost", error: { message: "gone\x07" } }),
  ],
});

it("shows what a task is and where its steps stand, what needs a person first", () => {
  const options = { columns: 80, color: false, all: false, now: createdAt + 9_000 };
  expect(taskPage({ task, contextJson: '{\n  "order_id": 9007199254740993\n}' }, options)).toEqual([
    "fulfillment/process_order@1.0.0  blocked (in_doubt)",
    "id          0198c2f0-0000-7000-8000-000000000001",
    "created     2026-01-23T12:00:00.000Z (9.0 s ago)",
    "started     2026-01-23T12:00:00.100Z",
    "priority    5",
    "tags        eu, vip",
    'context     { "order_id": 9007199254740993 }',
    "steps       4: in_doubt 1 · in_progress 1 · pending 1 · completed 1",
    "",
    "STEP      STATUS       ATTEMPT  TIME   WORKER  DETAIL",
    "pay       in_doubt     1/4      -      -       gone\\x07 (worker_lost)",
    'pack      in_progress  2/4      9.0 s  w7      {"percent":40}',
    "ship      pending      -        -      -       after pay, pack",
    'validate  completed    1/4      42 ms  -       {"ok":1}',
  ]);
});

it.each([60, 80, 120])("fits its table and context into %i columns", (columns) => {
  const long = buildStep("a_step_with_a_long_name", { status: "failed", error: { message: "x".repeat(500) } });
  const shown = { task: buildTask({ steps: [long] }), contextJson: JSON.stringify({ text: "y".repeat(5_000) }) };
  const lines = taskPage(shown, { columns, color: false, all: false, now: createdAt });
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
});
