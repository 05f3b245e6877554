import { readFileSync } from "node:fs";
import { TaskerError } from "@tasker/engine";
import { expect, test } from "vitest";
import { describeIssue, importWfFormat, loadTemplate } from "./index.ts";

const instance = (name: string) =>
  readFileSync(new URL(`../testdata/wfinstances/${name}.json`, import.meta.url), "utf8");

interface Record {
  id: string;
  runtimeInSeconds: number;
  command?: unknown;
}

interface Instance {
  name: string;
  description: string;
  schemaVersion?: string;
  workflow?: {
    specification: { tasks: { id: string; name?: string; parents?: string[]; children?: string[] }[] };
    execution?: { tasks: Record[] };
  };
}

/** testdata/wfinstances/README.md */
const instances: [name: string, templateName: string, tasks: number, edges: number][] = [
  ["srasearch-chameleon-10a-001", "workflow-test", 22, 30],
  ["epigenomics-chameleon-hep-1seq-100k-001", "genome-dax-0", 41, 48],
  ["1000genome-chameleon-2ch-100k-001", "1000genome-20200401T035039Z-0", 52, 76],
  ["montage-chameleon-2mass-03d-001", "Montage", 748, 1992],
];

test.each(instances)("%s becomes a template with all its tasks and edges", (file, name, tasks, edges) => {
  const yaml = importWfFormat(instance(file), { file: `${file}.json` });
  expect(yaml).toMatch(new RegExp(`^# Workflow instance ${name} from ${file}\\.json \\(WfFormat 1\\.5`));
  const template = loadTemplate(yaml);
  expect(template).toMatchObject({ namespace: "wfcommons", name, version: "1.0.0" });
  expect(template.steps).toHaveLength(tasks);
  expect(template.steps.reduce((sum, step) => sum + step.depends_on.length, 0)).toBe(edges);
  const source = JSON.parse(instance(file)).workflow;
  const runtimes = new Map(source.execution.tasks.map((task: Record) => [task.id, task.runtimeInSeconds]));
  for (const [index, task] of source.specification.tasks.entries()) {
    const step = template.steps[index]!;
    expect(step).toMatchObject({ name: task.id, handler: "wfformat.replay", previous_results: "direct" });
    expect(new Set(step.depends_on)).toEqual(new Set(task.parents));
    expect(JSON.parse(step.config).runtime_s).toBe(runtimes.get(task.id));
  }
});

const small = (change: (instance: Instance) => unknown = () => {}) => {
  const tasks = [
    { name: "a", id: "a 1", parents: [], children: ["b"] },
    { name: "b", id: "b", parents: [], children: [] },
  ];
  const records = [
    { id: "a 1", runtimeInSeconds: 0.25, command: { program: "gunzip \\\n  -f x", arguments: [] } },
    { id: "b", runtimeInSeconds: 3 },
  ];
  const made: Instance = {
    name: "A test: #1",
    description: "yes",
    schemaVersion: "1.5",
    workflow: { specification: { tasks }, execution: { tasks: records } },
  };
  change(made);
  return JSON.stringify(made, null, 1);
};

test("ids become names, a script becomes its first word, an edge told by one end is an edge", () => {
  const template = loadTemplate(importWfFormat(small()));
  expect(template).toMatchObject({ name: "A_test:_1", description: "yes" });
  expect(template.steps).toMatchObject([
    { name: "a_1", config: '{"runtime_s":0.25,"program":"gunzip"}', depends_on: [] },
    { name: "b", config: '{"runtime_s":3}', depends_on: ["a_1"] },
  ]);
});

test("ids that would become one name stay apart, words that YAML reads otherwise stay words", () => {
  const ids = ["x y", "x_y", "x+y", "null", "1", "true", "-", "1e3"];
  const text = small(({ workflow }) => {
    workflow!.specification.tasks = ids.map((id, i) => ({ id, parents: ids.slice(0, i) }));
    workflow!.execution!.tasks = ids.map((id) => ({ id, runtimeInSeconds: 1 }));
  });
  const { steps } = loadTemplate(importWfFormat(text));
  expect(steps.map((step) => step.name)).toEqual(["x_y", "x_y_2", "x_y_3", "null", "1", "true", "_", "1e3"]);
  expect(steps.at(-1)!.depends_on).toEqual(["x_y", "x_y_2", "x_y_3", "null", "1", "true", "_"]);
});

const refused: [what: string, change: (instance: Instance) => unknown, issues: unknown][] = [
  [
    "another version",
    (i) => (i.schemaVersion = "1.4"),
    [expect.stringContaining(' schemaVersion: expected WfFormat 1.5, found version "1.4"')],
  ],
  ["no version", (i) => delete i.schemaVersion, ["w.json:1:1: expected WfFormat 1.5, found no `schemaVersion`"]],
  [
    "another document",
    (i) => delete i.workflow,
    ["w.json:1:1: this is not a workflow instance in WfFormat: it has no `workflow`"],
  ],
  [
    "no execution",
    (i) => delete i.workflow!.execution,
    [expect.stringContaining(" workflow: `execution` is missing here")],
  ],
  [
    "tasks as a map",
    (i) => (i.workflow!.specification.tasks = {} as never),
    [expect.stringContaining(" workflow.specification.tasks: expected a list, found a map")],
  ],
  [
    "no tasks",
    (i) => (i.workflow!.specification.tasks = []),
    [expect.stringContaining(" workflow.specification.tasks: the workflow has no tasks")],
  ],
  [
    "a task that did not run",
    (i) => i.workflow!.execution!.tasks.pop(),
    [expect.stringContaining(" workflow.specification.tasks[1]: the task has no recorded runtime")],
  ],
  [
    "a negative runtime",
    (i) => (i.workflow!.execution!.tasks[1]!.runtimeInSeconds = -1),
    expect.arrayContaining([
      expect.stringContaining(
        " workflow.execution.tasks[1].runtimeInSeconds: expected `runtimeInSeconds`, a number that is not negative",
      ),
    ]),
  ],
  [
    "a parent that is not there",
    (i) => (i.workflow!.specification.tasks[1]!.parents = ["a1"]),
    [
      expect.stringContaining(
        ' workflow.specification.tasks[1].parents[0]: no task has the id "a1" (did you mean "a 1"?)',
      ),
    ],
  ],
  [
    "two tasks of one id",
    (i) => (i.workflow!.specification.tasks[1]!.id = "a 1"),
    [expect.stringContaining(' workflow.specification.tasks[1]: a task with the id "a 1" is already there')],
  ],
];

test.each(refused)("%s is refused with its place", (_what, change, issues) => {
  const error = refusal(small(change));
  expect(error.code).toBe("template_invalid");
  expect(error.hint).toContain("WfFormat 1.5");
  expect(error.issues.map(describeIssue)).toEqual(issues);
});

test("a template is no workflow instance", () => {
  expect(refusal("name: n\nsteps: []\n").issues).toHaveLength(1);
  expect(refusal("").issues).toHaveLength(1);
});

function refusal(text: string): TaskerError {
  try {
    importWfFormat(text, { file: "w.json" });
  } catch (error) {
    if (error instanceof TaskerError) return error;
    throw error;
  }
  throw new Error("the instance was accepted");
}
