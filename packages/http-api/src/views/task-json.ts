/**
 * A task with its steps as JSON. Rows exist only for steps that were leased: where the others stand follows from the
 * graph, in one pass over its edges. Context, outputs and errors are joined in unchanged.
 */
import type { StepRow, StepState, TaskRow, Template } from "@tasker/engine";
import type { ServedHandlers } from "../ports.ts";
import { stringJson, timeJson } from "./json-text.ts";
import { type TaskItemView, taskHeadJson, taskTailJson } from "./task-item-json.ts";

export interface TaskView {
  readonly task: Omit<TaskItemView, "namespace" | "name" | "version"> & Pick<TaskRow, "context">;
  /** Of the steps that have a row, in any order. */
  readonly steps: readonly Omit<StepRow, "stepId" | "taskId">[];
  readonly template: Template;
  /** JSON text, by position of the step: what its handler saved last with `checkpoint`. */
  readonly cursors?: ReadonlyMap<number, string>;
}

export interface TaskViewOptions {
  /** What the connected workers take now: tells `queued` from `no_worker`. */
  readonly servedHandlers: ServedHandlers;
  /** What running handlers last said about how far they are: step name -> JSON text. */
  readonly progress?: ReadonlyMap<string, string>;
}

/** What is the same for every task of a template version. */
interface TaskShape {
  readonly name: Pick<Template, "namespace" | "name" | "version">;
  readonly steps: readonly StepShape[];
}

interface StepShape {
  readonly name: string;
  /** `"name":...,"status":"` */
  readonly head: string;
  /** `"max_attempts":...,"depends_on":[...]` */
  readonly middle: string;
  readonly handler: string;
  readonly dependencies: readonly number[];
}

type Row = TaskView["steps"][number];

/** Where one step stands. */
interface Standing {
  readonly state: StepState;
  readonly reason: string | null;
  readonly readyAt: number | null;
}

const shapes = new WeakMap<Template, TaskShape>();

/** The task JSON of every surface. */
export function taskJson(view: TaskView, options: TaskViewOptions): string {
  const { task } = view;
  const shape = shapeOf(view.template);
  const rows = rowsByIndex(view);
  const serves = servedTest(options.servedHandlers);
  const standings = shape.steps.map((step, index) => standingOf(step, rows[index], rows, task.createdAt, serves));
  const steps = shape.steps.map((step, index) =>
    stepJson(step, standings[index]!, rows[index], options.progress, view.cursors?.get(index)),
  );
  const reason = task.reason ?? (task.status === "in_progress" ? waitReason(standings) : null);
  const named = { ...task, ...shape.name };
  const startedAt = task.startedAt ?? firstStart(view.steps);
  return `{${taskHeadJson(named, reason)},"context":${task.context},${taskTailJson(named, startedAt)},"steps":[${steps.join(",")}]}`;
}

/** Why nothing of the task runs now, the most pressing reason first; null when something does. */
function waitReason(standings: readonly Standing[]): string | null {
  const present = new Set<string | null>();
  for (const { state, reason } of standings) {
    if (state === "in_progress") return null;
    present.add(state === "ready" ? reason : state);
  }
  return ["no_worker", "queued", "waiting_for_retry", "in_doubt"].find((reason) => present.has(reason)) ?? null;
}

function standingOf(
  step: StepShape,
  row: Row | undefined,
  rows: readonly (Row | undefined)[],
  createdAt: number,
  serves: (handler: string) => boolean,
): Standing {
  if (row !== undefined && row.state !== "ready" && row.state !== "pending") return row;
  const readyAt = row?.state === "ready" ? (row.readyAt ?? createdAt) : readySince(step, rows, createdAt);
  if (readyAt === null) return { state: "pending", reason: null, readyAt: null };
  return { state: "ready", reason: serves(step.handler) ? "queued" : "no_worker", readyAt };
}

/** When the last dependency was satisfied; null while one is open. */
function readySince(step: StepShape, rows: readonly (Row | undefined)[], createdAt: number): number | null {
  let since = createdAt;
  for (const dependency of step.dependencies) {
    const row = rows[dependency];
    if (row?.state !== "completed") return null;
    since = Math.max(since, row.finishedAt ?? createdAt);
  }
  return since;
}

function stepJson(
  step: StepShape,
  { state, reason, readyAt }: Standing,
  row: Row | undefined,
  progress: TaskViewOptions["progress"],
  cursor: string | undefined,
): string {
  const started = `${step.head}${state}","reason":${stringJson(reason)},"attempt":${row?.attempt ?? 0},${step.middle},`;
  const times = `"ready_at":${timeJson(readyAt)},`;
  if (row === undefined) {
    return `${started}"worker_id":null,"output":null,"error":null,${times}"started_at":null,"finished_at":null,"wake_at":null,"progress":null,"checkpoint":null}`;
  }
  return (
    `${started}"worker_id":${stringJson(row.workerId)},"output":${row.output ?? "null"},"error":${row.error ?? "null"},` +
    `${times}"started_at":${timeJson(row.startedAt)},"finished_at":${timeJson(row.finishedAt)},"wake_at":${timeJson(row.wakeAt)},"progress":${progress?.get(step.name) ?? "null"},` +
    `"checkpoint":${cursor ?? "null"}}`
  );
}

function rowsByIndex({ steps, template }: TaskView): (Row | undefined)[] {
  const rows = new Array<Row | undefined>(template.steps.length).fill(undefined);
  for (const row of steps) rows[row.stepIndex] = row;
  return rows;
}

function firstStart(steps: TaskView["steps"]): number | null {
  let first: number | null = null;
  for (const { startedAt } of steps) if (startedAt !== null && (first === null || startedAt < first)) first = startedAt;
  return first;
}

function servedTest(served: ServedHandlers): (handler: string) => boolean {
  if (served === "all") return () => true;
  const names = new Set(served);
  return (handler) => names.has(handler);
}

function shapeOf(template: Template): TaskShape {
  const known = shapes.get(template);
  if (known !== undefined) return known;
  const indexOf = new Map(template.steps.map((step, index) => [step.name, index]));
  const { namespace, name, version } = template;
  const shape = {
    name: { namespace, name, version },
    steps: template.steps.map((step) => ({
      name: step.name,
      head: `{"name":${JSON.stringify(step.name)},"status":"`,
      middle: `"max_attempts":${step.retryable ? step.retry.limit + 1 : 1},"depends_on":${JSON.stringify(step.depends_on)}`,
      handler: step.handler,
      dependencies: step.depends_on.map((dependency) => indexOf.get(dependency)!),
    })),
  };
  shapes.set(template, shape);
  return shape;
}
