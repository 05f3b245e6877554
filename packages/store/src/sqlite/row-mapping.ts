/** Rows as SQLite gives them, and what they are to the program. The only place where the names of the two meet. */
import type {
  NewTemplate,
  StepCheckpoint,
  StepRow,
  StepState,
  StoredLease,
  TaskRow,
  TaskStatus,
  Template,
} from "@tasker/engine";
import type { TaskSummary, TemplateSummary } from "../queries.ts";

/** Columns of `tasks`, in the order of the table. */
export const taskColumns = `task_id, id, template_id, status, reason, priority, tags, idempotency_key, fingerprint,
  correlation_id, initiator, created_at, started_at, finished_at`;

/** For what people read, from `tasks t` and `templates m`. A task has started when the first of its steps was leased. */
export const namedTaskColumns = `t.task_id, t.id, t.template_id, t.status, t.reason, t.priority, t.tags,
  t.idempotency_key, t.fingerprint, t.correlation_id, t.initiator, t.created_at, t.finished_at,
  coalesce(t.started_at, (
    select started_at from steps where step_id = (select min(step_id) from steps where task_id = t.task_id)
  )) as started_at,
  m.namespace, m.name, m.version`;

/** Columns of `steps` without the output and what only `leases` needs. */
export const stepColumns = `step_id, task_id, step_index, state, attempt, lease_id, answered, worker_id, lease_ms,
  ready_at, started_at, finished_at, wake_at, reason, error`;

export interface TaskRecord {
  readonly task_id: number;
  readonly id: string;
  readonly template_id: number;
  readonly status: TaskStatus;
  readonly reason: string | null;
  readonly priority: number;
  readonly tags: string | null;
  readonly idempotency_key: string | null;
  readonly fingerprint: string | null;
  readonly correlation_id: string | null;
  readonly initiator: string | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
}

export interface NamedTaskRecord extends TaskRecord {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
}

export interface StepRecord {
  readonly step_id: number;
  readonly task_id: number;
  readonly step_index: number;
  readonly state: StepState;
  readonly attempt: number;
  readonly lease_id: string | null;
  readonly answered: number;
  readonly worker_id: string | null;
  readonly lease_ms: number | null;
  readonly ready_at: number | null;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly wake_at: number | null;
  readonly reason: string | null;
  readonly error: string | null;
}

/** Which cursor a step has, from a left join. */
export interface CheckpointRecord {
  readonly checkpoint_lease: string | null;
  readonly checkpoint_seq: number | null;
}

export interface LeaseRecord {
  readonly step_id: number;
  readonly task_id: number;
  readonly template_id: number;
  readonly step_index: number;
  readonly state: StepState;
  readonly attempt: number;
  readonly lease_id: string | null;
  readonly answered: number;
  readonly earlier_leases: string | null;
}

export interface TemplateRecord {
  readonly template_id: number;
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly document: string;
  readonly source: string;
  readonly created_at: number;
}

export function toTask(record: TaskRecord): Omit<TaskRow, "context"> {
  return {
    taskId: record.task_id,
    id: record.id,
    templateId: record.template_id,
    status: record.status,
    reason: record.reason,
    priority: record.priority,
    tags: toList(record.tags),
    idempotencyKey: record.idempotency_key,
    fingerprint: record.fingerprint,
    correlationId: record.correlation_id,
    initiator: record.initiator,
    createdAt: record.created_at,
    startedAt: record.started_at,
    finishedAt: record.finished_at,
  };
}

export function toStep(record: StepRecord): Omit<StepRow, "output"> {
  return {
    stepId: record.step_id,
    taskId: record.task_id,
    stepIndex: record.step_index,
    state: record.state,
    attempt: record.attempt,
    leaseId: record.lease_id,
    answered: record.answered === 1,
    workerId: record.worker_id,
    leaseMs: record.lease_ms,
    readyAt: record.ready_at,
    startedAt: record.started_at,
    finishedAt: record.finished_at,
    wakeAt: record.wake_at,
    error: record.error,
    reason: record.reason,
  };
}

export function toCheckpoint(record: CheckpointRecord): StepCheckpoint | null {
  if (record.checkpoint_lease === null || record.checkpoint_seq === null) return null;
  return { leaseId: record.checkpoint_lease, seq: record.checkpoint_seq };
}

export function toLease(record: LeaseRecord): StoredLease {
  return {
    stepId: record.step_id,
    taskId: record.task_id,
    templateId: record.template_id,
    stepIndex: record.step_index,
    state: record.state,
    attempt: record.attempt,
    leaseId: record.lease_id,
    answered: record.answered === 1,
    earlierLeases: toList(record.earlier_leases),
  };
}

export function toTemplate(record: TemplateRecord): NewTemplate {
  return {
    templateId: record.template_id,
    template: JSON.parse(record.document) as Template,
    source: record.source,
    createdAt: record.created_at,
  };
}

export function toTaskSummary(record: NamedTaskRecord): TaskSummary {
  const { templateId: _, fingerprint: __, ...task } = toTask(record);
  return { ...task, namespace: record.namespace, name: record.name, version: record.version };
}

export function toTemplateSummary({ template, createdAt }: NewTemplate): TemplateSummary {
  const { namespace, name, version, description, steps } = template;
  return { namespace, name, version, description, steps: steps.length, createdAt };
}

/** A list of texts in one column. */
export function fromList(list: readonly string[]): string | null {
  return list.length === 0 ? null : JSON.stringify(list);
}

function toList(text: string | null): readonly string[] {
  return text === null ? [] : (JSON.parse(text) as string[]);
}
