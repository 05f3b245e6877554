import type { StepState, TaskRow, TaskStatus, Template } from "@tasker/engine";
import { buildTemplate, chain } from "@tasker/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ServedHandlers, taskItemJson, taskJson, taskPageJson } from "./index.ts";
import type { TaskView } from "./task-json.ts";

const createdAt = Date.UTC(2025, 0, 23, 12);
const iso = (offset: number) => new Date(createdAt + offset).toISOString();

type Row = TaskView["steps"][number];

function taskRow(change: Partial<TaskRow> = {}): TaskRow {
  return {
    taskId: 7,
    id: "01949300-0000-7000-8000-000000000007",
    templateId: 1,
    status: "in_progress",
    reason: null,
    context: "{}",
    priority: 5,
    tags: ["a", 'b"'],
    idempotencyKey: "k",
    fingerprint: null,
    correlationId: "c",
    initiator: null,
    createdAt,
    startedAt: null,
    finishedAt: null,
    ...change,
  };
}

function row(stepIndex: number, state: StepState, change: Partial<Row> = {}): Row {
  return {
    stepIndex,
    state,
    attempt: 1,
    leaseId: "l",
    answered: false,
    workerId: "w",
    leaseMs: null,
    readyAt: createdAt,
    startedAt: createdAt + 10,
    finishedAt: state === "completed" ? createdAt + 20 : null,
    wakeAt: null,
    output: null,
    error: null,
    reason: null,
    ...change,
  };
}

interface StepJson {
  readonly name: string;
  readonly status: string;
  readonly reason: string | null;
  readonly ready_at: string | null;
}

function view(
  steps: readonly Row[],
  template: Template = buildTemplate(chain(3)),
  served: ServedHandlers = "all",
  task = taskRow(),
) {
  return JSON.parse(taskJson({ task, steps, template }, { servedHandlers: served })) as {
    readonly reason: string | null;
    readonly started_at: string | null;
    readonly steps: readonly StepJson[];
  };
}

test("writes a task as the contract has it", () => {
  const task = taskRow({ context: '{ "id": 9007199254740993 }', startedAt: createdAt + 10, tags: [] });
  const steps = [row(0, "completed", { output: '{"n": 1.50, "id": 12345678901234567890}', readyAt: createdAt })];
  const template = buildTemplate(chain(2, { retryable: false }), { namespace: "n", name: "t", version: "2.0.0" });
  expect(taskJson({ task, steps, template }, { servedHandlers: [] })).toBe(
    `{"id":"01949300-0000-7000-8000-000000000007","namespace":"n","name":"t","version":"2.0.0","status":"in_progress",` +
      `"reason":"no_worker","context":{ "id": 9007199254740993 },"priority":5,"tags":[],"idempotency_key":"k",` +
      `"correlation_id":"c","initiator":null,"created_at":"${iso(0)}","started_at":"${iso(10)}","finished_at":null,"steps":[` +
      `{"name":"s1","status":"completed","reason":null,"attempt":1,"max_attempts":1,"depends_on":[],"worker_id":"w",` +
      `"output":{"n": 1.50, "id": 12345678901234567890},"error":null,"ready_at":"${iso(0)}","started_at":"${iso(10)}",` +
      `"finished_at":"${iso(20)}","wake_at":null,"progress":null,"checkpoint":null},` +
      `{"name":"s2","status":"ready","reason":"no_worker","attempt":0,"max_attempts":1,"depends_on":["s1"],"worker_id":null,` +
      `"output":null,"error":null,"ready_at":"${iso(20)}","started_at":null,"finished_at":null,"wake_at":null,"progress":null,"checkpoint":null}]}`,
  );
});

test("a step without a row is ready since its last dependency completed", () => {
  const diamond = buildTemplate([
    { name: "a" },
    { name: "b", depends_on: ["a"] },
    { name: "c", depends_on: ["a"] },
    { name: "d", depends_on: ["b", "c"] },
  ]);
  const fresh = view([], diamond);
  expect(fresh.steps.map(({ status }) => status)).toEqual(["ready", "pending", "pending", "pending"]);
  expect(fresh.steps[0]!.ready_at).toBe(iso(0));
  const completed = [0, 2, 1].map((index) => row(index, "completed", { finishedAt: createdAt + 100 * (index + 1) }));
  const joined = view(completed, diamond);
  expect(joined.steps[3]).toMatchObject({ status: "ready", reason: "queued", ready_at: iso(300) });
  expect(view(completed.slice(0, 2), diamond).steps.map(({ status }) => status)).toEqual([
    "completed",
    "ready",
    "completed",
    "pending",
  ]);
});

test.each<[string, Row[], ServedHandlers, string | null]>([
  ["something runs", [row(0, "in_progress")], "all", null],
  ["a worker will take it", [], ["work"], "queued"],
  ["no worker has the handler", [], ["other"], "no_worker"],
  ["a worker returned it and none is left", [row(0, "ready", { reason: "worker_lost" })], [], "no_worker"],
  [
    "it waits for its retry",
    [row(0, "waiting_for_retry", { wakeAt: createdAt + 50, reason: "timeout" })],
    [],
    "waiting_for_retry",
  ],
  ["its outcome is in doubt", [row(0, "in_doubt")], "all", "in_doubt"],
])("says why nothing of a task runs: %s", (_name, steps, served, reason) => {
  expect(view(steps, buildTemplate(chain(2)), served).reason).toBe(reason);
});

test("says of parallel steps the reason that needs a person first", () => {
  const template = buildTemplate([{ name: "a" }, { name: "b", handler: "rare" }]);
  expect(view([row(0, "waiting_for_retry")], template, ["work"]).reason).toBe("no_worker");
  expect(view([row(0, "in_progress")], template, ["work"]).reason).toBe(null);
});

test("keeps the reason that the task was given", () => {
  const blocked = taskRow({ status: "blocked", reason: "in_doubt" });
  expect(view([row(0, "in_doubt")], undefined, "all", blocked).reason).toBe("in_doubt");
});

test("a task started with its first step", () => {
  const steps = [
    row(0, "completed", { startedAt: createdAt + 30 }),
    row(1, "in_progress", { startedAt: createdAt + 5 }),
  ];
  expect(view(steps).started_at).toBe(iso(5));
  expect(view(steps, undefined, "all", taskRow({ startedAt: createdAt + 1 })).started_at).toBe(iso(1));
});

test("agrees with the definition of readiness on any graph", () => {
  const graph = fc
    .integer({ min: 1, max: 12 })
    .chain((size) => fc.tuple(...Array.from({ length: size }, (_, i) => fc.subarray([...Array(i).keys()]))));
  const states = fc.array(fc.constantFrom<StepState | null>("completed", "in_progress", "failed", null), {
    minLength: 12,
    maxLength: 12,
  });
  fc.assert(
    fc.property(graph, states, (dependencies, given) => {
      const name = (index: number) => `s${index}`;
      const template = buildTemplate(dependencies.map((list, i) => ({ name: name(i), depends_on: list.map(name) })));
      const rows = dependencies.flatMap((_, i) =>
        given[i] ? [row(i, given[i], { finishedAt: createdAt + 100 - i })] : [],
      );
      const { steps } = view(rows.toReversed(), template);
      for (const [i, list] of dependencies.entries()) {
        const isOpen = list.some((parent) => given[parent] !== "completed");
        expect(steps[i]!.status).toBe(given[i] ?? (isOpen ? "pending" : "ready"));
        if (given[i] === null && !isOpen)
          expect(steps[i]!.ready_at).toBe(iso(list.length === 0 ? 0 : 100 - Math.min(...list)));
      }
    }),
  );
});

test("joins any payload in unchanged", () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), fc.nat(3), (context, output, indent) => {
      const pretty = JSON.stringify(JSON.parse(context), null, indent);
      const task = taskRow({ context: `{"x":${pretty}}` });
      const steps = [row(0, "failed", { output, error: '{"message":"no","id":9007199254740993}' })];
      const text = taskJson({ task, steps, template: buildTemplate(chain(1)) }, { servedHandlers: "all" });
      expect(text).toContain(`"context":{"x":${pretty}},`);
      expect(text).toContain(`"output":${output},"error":{"message":"no","id":9007199254740993},`);
      JSON.parse(text);
    }),
  );
});

test("a list item has no steps and no context, and its counts when they are known", () => {
  const item = {
    ...taskRow({ status: "failed" as TaskStatus, reason: "step_failed" }),
    namespace: "n",
    name: "t",
    version: "1",
  };
  const progress = { total: 3, completed: 1, failed: 1, in_progress: 0 };
  const page = JSON.parse(taskPageJson([taskItemJson(item), taskItemJson(item, progress)], "next"));
  expect(page.next_cursor).toBe("next");
  expect(Object.keys(page.items[0])).not.toEqual(expect.arrayContaining(["steps"]));
  expect(page.items[0]).toMatchObject({ name: "t", status: "failed", reason: "step_failed", tags: ["a", 'b"'] });
  expect(page.items[0]).not.toHaveProperty("context");
  expect(page.items[1].progress).toEqual(progress);
});

test("a step shows what its handler saved last", () => {
  const cursors = new Map([[0, '{"row": 9007199254740993}']]);
  const json = taskJson(
    { task: taskRow(), steps: [row(0, "in_progress")], template: buildTemplate(chain(2)), cursors },
    { servedHandlers: "all" },
  );
  expect([...json.matchAll(/"checkpoint":(.*?)\}/g)].map((match) => match[1])).toEqual([
    '{"row": 9007199254740993',
    "null",
  ]);
});
