/** A submission becomes a task: checked against its template, known again by its idempotency key, its roots made ready. */
import { type Issue, TaskerError } from "../domain/errors.ts";
import type { Plan } from "../domain/plan.ts";
import type { PlanRegistry } from "../domain/plan-registry.ts";
import { Task } from "../domain/task.ts";
import type { World } from "../memory.ts";
import type { TaskRow } from "../ports.ts";
import type { Turn } from "../turn.ts";
import { makeReady } from "./make-ready.ts";

export interface SubmitTask {
  readonly namespace: string;
  readonly name: string;
  /** Null: the highest there is. */
  readonly version: string | null;
  /** JSON text of an object; kept as it is. */
  readonly context: string;
  /** The same, parsed, for the template's `input_schema`. */
  readonly contextValue: unknown;
  readonly idempotencyKey: string | null;
  /** Hash of all that makes the submission what it is; null without a key. */
  readonly fingerprint: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly correlationId: string | null;
  readonly initiator: string | null;
  readonly reason: string | null;
}

export type SubmitOutcome =
  | { readonly ok: true; readonly created: boolean; readonly task: TaskRow; readonly plan: Plan }
  | { readonly ok: false; readonly error: TaskerError };

/** A submission whose template is found and whose context fits it. */
export interface CheckedTask {
  readonly request: SubmitTask;
  readonly plan: Plan;
}

/** Submissions that may go into a turn, and answers for the others. `outcomes[places[i]]` is for `checked[i]`. */
export interface CheckedSubmissions {
  readonly outcomes: SubmitOutcome[];
  readonly checked: readonly CheckedTask[];
  readonly places: readonly number[];
}

export function checkSubmissions(plans: PlanRegistry, requests: readonly SubmitTask[]): CheckedSubmissions {
  const outcomes: SubmitOutcome[] = [];
  const checked: CheckedTask[] = [];
  const places: number[] = [];
  for (const [place, request] of requests.entries()) {
    try {
      checked.push(checkSubmission(plans, request));
      places.push(place);
    } catch (error) {
      if (!(error instanceof TaskerError)) throw error;
      outcomes[place] = { ok: false, error };
    }
  }
  return { outcomes, checked, places };
}

/** @throws TaskerError `template_not_found`, `context_invalid` */
function checkSubmission(plans: PlanRegistry, request: SubmitTask): CheckedTask {
  const plan = plans.resolve(request.namespace, request.name, request.version);
  const issues: Issue[] = [];
  for (const issue of plan.validateContext?.(request.contextValue) ?? []) {
    issues.push({ path: issue.path === "" ? "context" : `context.${issue.path}`, message: issue.message });
  }
  if (issues.length === 0) return { request, plan };
  const { namespace, name, version } = plan.template;
  throw new TaskerError("context_invalid", `the context does not fit ${namespace}/${name}@${version}`, {
    hint: `Compare it with the input_schema: \`tasker template show ${namespace}/${name}@${version}\`.`,
    issues,
  });
}

/** Creates the task, or answers with the one that this key already has. */
export function submitTask(
  world: World,
  turn: Turn,
  checked: CheckedTask,
  knownKeys: Map<string, TaskRow>,
): SubmitOutcome {
  const { request, plan } = checked;
  const known = request.idempotencyKey === null ? undefined : knownKeys.get(request.idempotencyKey);
  if (known !== undefined) return sameOrConflict(world, known, request);
  const row = taskRow(world, turn, checked);
  turn.newTasks.push(row);
  if (row.idempotencyKey !== null) knownKeys.set(row.idempotencyKey, row);
  const task = new Task(row.taskId, row.id, plan, row.priority, row.createdAt);
  world.memory.tasks.set(task.id, task);
  task.context = row.context;
  turn.created.push(task);
  world.metrics.tasks.submitted++;
  turn.note(task, {
    step: null,
    from: null,
    to: "in_progress",
    attempt: null,
    leaseId: null,
    workerId: null,
    actor: "client",
    reason: request.reason,
    detail: null,
  });
  for (const index of plan.roots) makeReady(world, turn, task.step(index));
  return { ok: true, created: true, task: row, plan };
}

function taskRow(world: World, turn: Turn, { request, plan }: CheckedTask): TaskRow {
  return {
    taskId: world.memory.nextTaskId++,
    id: world.random.uuid(turn.at),
    templateId: plan.templateId,
    status: "in_progress",
    reason: null,
    context: request.context,
    priority: request.priority,
    tags: request.tags,
    idempotencyKey: request.idempotencyKey,
    fingerprint: request.fingerprint,
    correlationId: request.correlationId,
    initiator: request.initiator,
    createdAt: turn.at,
    startedAt: null,
    finishedAt: null,
  };
}

function sameOrConflict(world: World, known: TaskRow, request: SubmitTask): SubmitOutcome {
  if (known.fingerprint === request.fingerprint) {
    return { ok: true, created: false, task: known, plan: world.plans.byId(known.templateId) };
  }
  const error = new TaskerError(
    "idempotency_conflict",
    `the idempotency key ${JSON.stringify(request.idempotencyKey)} belongs to task ${known.id}, which was submitted differently`,
    { hint: "Send the same body to get that task, or another key for another task." },
  );
  return { ok: false, error };
}
