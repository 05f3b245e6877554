/**
 * Turns a workflow instance in WfFormat 1.5 (WfCommons, https://wfcommons.org/format) into a template whose steps take
 * the recorded runtimes: one step a task, one dependency a parent.
 */

import { nearest } from "@tasker/engine";
import { stringify } from "yaml";
import { IssueLog } from "./document/issue-log.ts";
import { parseDocument } from "./document/parse-document.ts";
import { describe, entryOf, type ListNode, type MapNode, type Node, placeOf, shorten } from "./document/tree.ts";
import { templateLimits } from "./limits.ts";
import { repairName } from "./values.ts";

const schemaVersion = "1.5";

interface ImportedStep {
  readonly name: string;
  readonly handler: "wfformat.replay";
  depends_on?: string[];
  readonly previous_results: "direct";
  readonly config: { readonly runtime_s: number; readonly program?: string };
}

/**
 * The template as YAML text, with a comment that names its source. Steps have the ids of the tasks, with characters that
 * a step's name cannot have replaced by `_`; their handler is `wfformat.replay` with `{runtime_s, program?}`.
 * @throws TaskerError `template_invalid`, with an issue for every place that is not WfFormat 1.5
 */
export function importWfFormat(text: string, options: { file?: string } = {}): string {
  const source = { text, file: options.file };
  const issues = new IssueLog(source);
  const root = parseDocument(source, issues);
  const yaml = root === null ? null : writeTemplate(root, options.file, issues);
  if (yaml !== null && issues.isEmpty) return yaml;
  const hint = "`template import` reads workflow instances in WfFormat 1.5, such as those of WfCommons' WfInstances.";
  throw issues.toError("workflow instance", hint);
}

function writeTemplate(root: Node, file: string | undefined, issues: IssueLog): string | null {
  if (!checkVersion(root, issues)) return null;
  const workflow = member(root, "workflow", "map", issues);
  const specification = workflow && member(workflow, "specification", "map", issues);
  const tasks = specification && member(specification, "tasks", "list", issues);
  const execution = workflow && member(workflow, "execution", "map", issues);
  const records = execution && member(execution, "tasks", "list", issues);
  if (!tasks || !records) return null;
  const steps = readSteps(tasks, readRecords(records, issues), issues);
  const name = textOf(root, "name") ?? "workflow";
  const template = {
    name: repairName(name) ?? "workflow",
    namespace: "wfcommons",
    version: "1.0.0",
    description: textOf(root, "description"),
  };
  return header(name, file, root, steps) + stringify(template, { lineWidth: 0 }) + stepsText(steps);
}

function checkVersion(root: Node, issues: IssueLog): boolean {
  if (root.kind !== "map" || !entryOf(root, "workflow")) {
    issues.add(placeOf(root), "this is not a workflow instance in WfFormat: it has no `workflow`");
    return false;
  }
  const version = entryOf(root, "schemaVersion")?.value;
  if (version?.kind === "scalar" && version.value === schemaVersion) return true;
  const found = version === undefined ? "no `schemaVersion`" : `version ${describe(version)}`;
  issues.add(placeOf(version ?? root), `expected WfFormat ${schemaVersion}, found ${found}`);
  return false;
}

interface Record {
  readonly runtimeS: number;
  readonly program: string | undefined;
}

/** `workflow.execution.tasks`, by id. */
function readRecords(records: ListNode, issues: IssueLog): Map<string, Record> {
  const byId = new Map<string, Record>();
  for (const record of records.items) {
    const id = textOf(record, "id");
    const runtime = record.kind === "map" ? entryOf(record, "runtimeInSeconds")?.value : undefined;
    const runtimeS = runtime?.kind === "scalar" ? runtime.value : undefined;
    if (id === undefined) issues.add(placeOf(record), "the task has no `id`");
    else if (typeof runtimeS !== "number" || !Number.isFinite(runtimeS) || runtimeS < 0) {
      issues.add(placeOf(runtime ?? record), "expected `runtimeInSeconds`, a number that is not negative");
    } else byId.set(id, { runtimeS, program: programOf(record) });
  }
  return byId;
}

/** The command's first word; whole scripts are not kept. */
function programOf(record: Node): string | undefined {
  const command = record.kind === "map" ? entryOf(record, "command")?.value : undefined;
  return /^[\w./+-]{1,100}(?=\s|$)/.exec((command && textOf(command, "program")) ?? "")?.[0];
}

function readSteps(tasks: ListNode, records: ReadonlyMap<string, Record>, issues: IssueLog): ImportedStep[] {
  if (tasks.items.length === 0) issues.add(placeOf(tasks), "the workflow has no tasks");
  if (tasks.items.length > templateLimits.steps) {
    issues.add(
      placeOf(tasks),
      `the workflow has ${tasks.items.length} tasks; a template has at most ${templateLimits.steps} steps`,
    );
    return [];
  }
  const steps = new Map<string, ImportedStep>();
  const names = new Set<string>();
  for (const task of tasks.items) {
    const id = textOf(task, "id");
    const record = id === undefined ? undefined : records.get(id);
    if (id === undefined) issues.add(placeOf(task), "the task has no `id`");
    else if (steps.has(id))
      issues.add(placeOf(task), `a task with the id ${JSON.stringify(shorten(id, 64))} is already there`);
    else if (record === undefined) {
      issues.add(placeOf(task), "the task has no recorded runtime: `workflow.execution.tasks` does not have its id");
    } else steps.set(id, importedStep(uniqueName(id, names), record));
  }
  if (issues.isEmpty) for (const task of tasks.items) connect(task as MapNode, steps, issues);
  return [...steps.values()];
}

function importedStep(name: string, { runtimeS, program }: Record): ImportedStep {
  const config = program === undefined ? { runtime_s: runtimeS } : { runtime_s: runtimeS, program };
  return { name, handler: "wfformat.replay", previous_results: "direct", config };
}

/** A step's name from a task's id; ids that become the same name get a number. */
function uniqueName(id: string, taken: Set<string>): string {
  const repaired = repairName(id) ?? "task";
  let name = repaired;
  for (let copy = 2; taken.has(name); copy++) name = `${repaired.slice(0, templateLimits.nameLength - 8)}_${copy}`;
  taken.add(name);
  return name;
}

/** An edge may be told by either end, or by both. */
function connect(task: MapNode, steps: ReadonlyMap<string, ImportedStep>, issues: IssueLog): void {
  const self = steps.get(textOf(task, "id")!)!;
  for (const parent of neighbours(task, "parents", steps, issues)) addDependency(self, parent);
  for (const child of neighbours(task, "children", steps, issues)) addDependency(child, self);
}

function addDependency(step: ImportedStep, on: ImportedStep): void {
  step.depends_on ??= [];
  if (!step.depends_on.includes(on.name)) step.depends_on.push(on.name);
}

function neighbours(
  task: MapNode,
  key: "parents" | "children",
  steps: ReadonlyMap<string, ImportedStep>,
  issues: IssueLog,
): ImportedStep[] {
  const list = entryOf(task, key)?.value;
  if (list === undefined) return [];
  if (list.kind !== "list") {
    issues.add(placeOf(list), `expected a list of task ids, found ${describe(list)}`);
    return [];
  }
  return list.items.flatMap((item) => {
    const id = item.kind === "scalar" ? item.value : null;
    const step = typeof id === "string" ? steps.get(id) : undefined;
    if (step !== undefined) return [step];
    const suggestion = typeof id === "string" && !issues.isFull ? nearest(id, steps.keys()) : undefined;
    issues.add(placeOf(item), `no task has the id ${describe(item)}`, suggestion);
    return [];
  });
}

function member(map: Node, key: string, kind: "map", issues: IssueLog): MapNode | null;
function member(map: Node, key: string, kind: "list", issues: IssueLog): ListNode | null;
function member(map: Node, key: string, kind: "map" | "list", issues: IssueLog): Node | null {
  const value = map.kind === "map" ? entryOf(map, key)?.value : undefined;
  if (value?.kind === kind) return value;
  issues.add(
    placeOf(value ?? map),
    value ? `expected a ${kind}, found ${describe(value)}` : `\`${key}\` is missing here`,
  );
  return null;
}

function textOf(node: Node, key: string): string | undefined {
  const value = node.kind === "map" ? entryOf(node, key)?.value : undefined;
  return value?.kind === "scalar" && typeof value.value === "string" && value.value !== "" ? value.value : undefined;
}

function header(name: string, file: string | undefined, root: Node, steps: readonly ImportedStep[]): string {
  const edges = steps.reduce((sum, step) => sum + (step.depends_on?.length ?? 0), 0);
  const lines = [
    `Workflow instance ${name}${file === undefined ? "" : ` from ${file}`} (WfFormat ${schemaVersion}${created(root)}).`,
    `${steps.length} steps, ${edges} dependencies. Each step's \`runtime_s\` is the runtime that was recorded.`,
  ];
  return lines.map((line) => `# ${line.replaceAll(/\s+/g, " ")}\n`).join("");
}

function created(root: Node): string {
  const at = textOf(root, "createdAt");
  return at === undefined ? "" : `, recorded ${at.slice(0, 40)}`;
}

/** A step a block; lists and maps inside it on one line. */
function stepsText(steps: readonly ImportedStep[]): string {
  const blocks = steps.map(({ name, handler, depends_on, previous_results, config }) => {
    const lines = [
      `- name: ${inline(name)}`,
      `  handler: ${handler}`,
      ...(depends_on === undefined ? [] : [`  depends_on: ${inline(depends_on)}`]),
      `  previous_results: ${previous_results}`,
      `  config: ${inline(config)}`,
    ];
    return lines.map((line) => `  ${line}\n`).join("");
  });
  return `steps:\n${blocks.join("")}`;
}

/** Any value in YAML's flow style; plain text stays unquoted. */
function inline(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: true }).trimEnd();
}
