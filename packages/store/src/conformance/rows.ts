/** Rows for the cases: say what matters, the rest is ordinary. */
import type { HistoryRow, NewTemplate, StepRow, TaskRow, Template, Transition, TurnRecord } from "@tasker/engine";

export const emptyRecord: TurnRecord = {
  newTemplates: [],
  newTasks: [],
  checkpoints: [],
  stepWrites: [],
  taskUpdates: [],
  history: [],
};

export function turn(changes: Partial<TurnRecord>): TurnRecord {
  return { ...emptyRecord, ...changes };
}

/** A chain `s0 -> s1 -> ...`. */
export function templateRow(templateId: number, template: Partial<Template> = {}, steps = 3): NewTemplate {
  return {
    templateId,
    template: {
      namespace: "test",
      name: "chain",
      version: `1.0.${templateId}`,
      description: "",
      input_schema: null,
      steps: Array.from({ length: steps }, (_, index) => ({
        name: `s${index}`,
        handler: "work",
        config: "{}",
        depends_on: index === 0 ? [] : [`s${index - 1}`],
        retryable: true,
        retry: { limit: 3, backoff: "fixed", base_ms: 1_000, max_ms: 30_000, jitter: 0 },
        timeout_ms: 30_000,
        queue_timeout_ms: null,
        on_lost: "retry",
        priority: 0,
        previous_results: "all",
        result_schema: null,
      })),
      ...template,
    },
    source: `name: chain # ${templateId}\n`,
    createdAt: 1_000,
  };
}

/** The UUID of the task with this number. */
export function uuidOf(taskId: number): string {
  return `0198f000-0000-7000-8000-${String(taskId).padStart(12, "0")}`;
}

export function taskRow(taskId: number, rest: Partial<TaskRow> = {}): TaskRow {
  return {
    taskId,
    id: uuidOf(taskId),
    templateId: 1,
    status: "in_progress",
    reason: null,
    context: `{"task":${taskId}}`,
    priority: 0,
    tags: [],
    idempotencyKey: null,
    fingerprint: null,
    correlationId: null,
    initiator: null,
    createdAt: 1_000 + taskId,
    startedAt: null,
    finishedAt: null,
    ...rest,
  };
}

/** A step under its first lease. */
export function stepRow(stepId: number, taskId: number, rest: Partial<StepRow> = {}): StepRow {
  return {
    stepId,
    taskId,
    stepIndex: 0,
    state: "in_progress",
    attempt: 1,
    leaseId: `lease-${stepId}-1`,
    answered: false,
    workerId: "worker-1",
    leaseMs: null,
    readyAt: 2_000,
    startedAt: 2_001,
    finishedAt: null,
    wakeAt: null,
    output: null,
    error: null,
    reason: null,
    ...rest,
  };
}

export function transition(
  step: string | null,
  from: string | null,
  to: string,
  rest: Partial<Transition> = {},
): Transition {
  return {
    step,
    from,
    to,
    attempt: null,
    leaseId: null,
    workerId: null,
    actor: "engine",
    reason: null,
    detail: null,
    ...rest,
  };
}

export function historyRow(seq: number, taskId: number, ...transitions: Transition[]): HistoryRow {
  return { seq, taskId, at: 5_000 + seq, transitions };
}
