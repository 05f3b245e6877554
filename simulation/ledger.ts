/**
 * A second book of everything that was committed, kept apart from engine and store: each record is checked against it
 * (guards, the table of transitions, sequences, leases) and then entered. History replayed is all that it believes.
 */
import {
  type HistoryRow,
  isFinalTask,
  isLegalStepTransition,
  isLegalTaskTransition,
  type StepRow,
  type StepState,
  type StepWrite,
  type TaskRow,
  type TaskStatus,
  type TaskUpdate,
  type Template,
  type Transition,
  type TurnRecord,
} from "@tasker/engine";
import { must } from "./violation.ts";

export interface StepAccount {
  readonly index: number;
  readonly name: string;
  /** As the history tells it. */
  state: StepState;
  row: StepRow | null;
  /** Leases given, oldest first; those handed back unstarted are taken out of `counted`. */
  readonly leases: string[];
  counted: number;
  /** Why the last lease ended, null while it has not. */
  lastEnd: { readonly leaseId: string; readonly actor: string; readonly reason: string | null } | null;
}

export interface TaskAccount {
  row: TaskRow;
  /** As the history tells it. */
  status: TaskStatus;
  readonly template: Template;
  readonly steps: ReadonlyMap<string, StepAccount>;
}

/** Hears of each transition once it is checked and before it is entered. */
export type TransitionWatcher = (task: TaskAccount, step: StepAccount, transition: Transition) => void;

export class Ledger {
  readonly templates = new Map<number, Template>();
  readonly tasks = new Map<number, TaskAccount>();
  readonly tasksByUuid = new Map<string, TaskAccount>();
  readonly keys = new Map<string, number>();
  readonly steps = new Map<number, { readonly task: TaskAccount; readonly step: StepAccount }>();
  /** Leases whose result was applied. */
  readonly applied = new Set<string>();
  /** Leases whose result was kept in the history only. */
  readonly recorded = new Set<string>();
  readonly leases = new Map<string, { readonly task: TaskAccount; readonly step: StepAccount; readonly at: number }>();
  nextSeq = 1;
  commits = 0;
  readonly #watch: TransitionWatcher;

  constructor(watch: TransitionWatcher) {
    this.#watch = watch;
  }

  /** Those that are not final. */
  get activeTasks(): TaskAccount[] {
    return [...this.tasks.values()].filter(({ status }) => !isFinalTask(status));
  }

  /** @param now simulated milliseconds @throws Violation */
  enter(record: TurnRecord, now: number): void {
    this.commits++;
    for (const { templateId, template } of record.newTemplates) {
      must("one-template-per-version", !this.templates.has(templateId), () => `template ${templateId} exists`);
      this.templates.set(templateId, template);
    }
    for (const row of record.newTasks) this.#open(row);
    for (const write of record.stepWrites) this.#checkGuard(write);
    for (const row of record.history) this.#replay(row, now);
    for (const { row } of record.stepWrites) this.#write(row);
    for (const update of record.taskUpdates) this.#update(update);
    const touched = new Set(record.history.map(({ taskId }) => taskId));
    for (const { row } of record.stepWrites) touched.add(row.taskId);
    for (const taskId of touched) checkAgreement(this.#task(taskId));
  }

  #open(row: TaskRow): void {
    must("task-ids-unique", !this.tasks.has(row.taskId) && !this.tasksByUuid.has(row.id), () => `task ${row.taskId}`);
    const template = this.templates.get(row.templateId);
    must("task-has-template", template !== undefined, () => `task ${row.taskId} names template ${row.templateId}`);
    const task: TaskAccount = {
      row,
      status: row.status,
      template,
      steps: new Map(template.steps.map(({ name }, index) => [name, openStep(name, index)])),
    };
    this.tasks.set(row.taskId, task);
    this.tasksByUuid.set(row.id, task);
    if (row.idempotencyKey === null) return;
    must("one-task-per-key", !this.keys.has(row.idempotencyKey), () => `key ${row.idempotencyKey} has a second task`);
    this.keys.set(row.idempotencyKey, row.taskId);
  }

  #checkGuard({ guard, row }: StepWrite): void {
    const before = this.steps.get(row.stepId)?.step.row ?? null;
    const found = before === null ? "no row" : `${before.state} under ${before.leaseId}`;
    const expected = guard === null ? "no row" : `${guard.state} under ${guard.leaseId}`;
    must("guards-hold", found === expected, () => `step ${row.stepId} has ${found}; the turn expected ${expected}`);
  }

  #replay(row: HistoryRow, now: number): void {
    const { seq, taskId, transitions } = row;
    must("sequence-has-no-gap", seq === this.nextSeq, () => `history goes on with ${seq} after ${this.nextSeq - 1}`);
    this.nextSeq += transitions.length;
    const task = this.#task(taskId);
    for (const transition of transitions) {
      if (transition.step === null) this.#moveTask(task, transition);
      else this.#moveStep(task, transition, now);
    }
  }

  #moveTask(task: TaskAccount, { from, to }: Transition): void {
    if (from === null) return;
    must("legal-transitions", from === task.status, () => `task ${task.row.taskId} is ${task.status}, not ${from}`);
    const legal = isLegalTaskTransition(from as TaskStatus, to as TaskStatus);
    must("legal-transitions", legal, () => `task ${task.row.taskId}: ${from} -> ${to}`);
    task.status = to as TaskStatus;
  }

  #moveStep(task: TaskAccount, transition: Transition, now: number): void {
    const step = task.steps.get(transition.step!);
    const name = `step ${task.row.taskId}/${transition.step}`;
    must("legal-transitions", step !== undefined, () => `${name} is not in the template`);
    must("legal-transitions", transition.from === step.state, () => `${name} is ${step.state}, not ${transition.from}`);
    const recordsOnly = transition.from === transition.to && transition.reason === "late_result";
    if (recordsOnly) {
      this.recorded.add(transition.leaseId!);
    } else {
      const to = transition.to as StepState;
      must("legal-transitions", isLegalStepTransition(step.state, to), () => `${name}: ${step.state} -> ${to}`);
      must("final-tasks-rest", !isFinalTask(task.status), () => `${name} moves to ${to}, its task is ${task.status}`);
    }
    this.#watch(task, step, transition);
    if (recordsOnly) return;
    step.state = transition.to as StepState;
    if (transition.to === "in_progress") this.#lease(task, step, transition, now);
    else if (transition.from === "in_progress") endLease(step, transition);
  }

  #lease(task: TaskAccount, step: StepAccount, { leaseId, attempt }: Transition, now: number): void {
    must("leases-unique", leaseId !== null && !this.leases.has(leaseId), () => `lease ${leaseId} is given again`);
    this.leases.set(leaseId, { task, step, at: now });
    step.leases.push(leaseId);
    step.counted++;
    step.lastEnd = null;
    must(
      "attempts-counted",
      attempt === step.counted,
      () => `lease ${leaseId} is attempt ${attempt}, not ${step.counted}`,
    );
    const { retryable, retry } = task.template.steps[step.index]!;
    const most = retryable ? retry.limit + 1 : 1;
    must("attempts-bounded", step.counted <= most, () => `lease ${leaseId} is attempt ${attempt} of ${most}`);
  }

  #write(row: StepRow): void {
    const task = this.#task(row.taskId);
    const step = task.steps.get(task.template.steps[row.stepIndex]!.name)!;
    step.row = keepRow(row);
    this.steps.set(row.stepId, { task, step });
  }

  #update({ taskId, from, to, reason, finishedAt }: TaskUpdate): void {
    const task = this.#task(taskId);
    must(
      "guards-hold",
      task.row.status === from,
      () => `task ${taskId} is ${task.row.status}, the turn expected ${from}`,
    );
    task.row = { ...task.row, status: to, reason, finishedAt };
  }

  #task(taskId: number): TaskAccount {
    const task = this.tasks.get(taskId);
    must("history-of-known-tasks", task !== undefined, () => `no task ${taskId} was committed`);
    return task;
  }
}

function openStep(name: string, index: number): StepAccount {
  return { name, index, state: "pending", row: null, leases: [], counted: 0, lastEnd: null };
}

/** A lease that was handed back unstarted does not count as an attempt. */
function endLease(step: StepAccount, { leaseId, actor, reason, to }: Transition): void {
  step.lastEnd = { leaseId: leaseId!, actor, reason };
  if (to === "ready" && actor === "worker" && reason?.startsWith("rejected: ") === true) step.counted--;
}

/** Rows and replayed history tell the same. A step without a row is one that was never leased. */
function checkAgreement(task: TaskAccount): void {
  const { row, status, steps } = task;
  must("history-is-the-rows", row.status === status, () => `task ${row.taskId}: row ${row.status}, history ${status}`);
  for (const step of steps.values()) {
    const found = step.row?.state ?? (step.state === "ready" ? "ready" : "pending");
    const name = `${row.taskId}/${step.name}`;
    must("history-is-the-rows", found === step.state, () => `step ${name}: row ${found}, history ${step.state}`);
    const lease = step.row?.leaseId ?? null;
    const last = step.leases.at(-1) ?? null;
    must("history-is-the-rows", lease === last, () => `step ${name}: row has lease ${lease}, history ${last}`);
  }
}

/** The row's fields alone: what the engine hands over is a live object. */
function keepRow(row: StepRow): StepRow {
  const { stepId, taskId, stepIndex, state, attempt, leaseId, answered, workerId, leaseMs } = row;
  const { readyAt, startedAt, finishedAt, wakeAt, output, error, reason } = row;
  const owner = { stepId, taskId, stepIndex, state, attempt, leaseId, answered, workerId, leaseMs };
  return { ...owner, readyAt, startedAt, finishedAt, wakeAt, output, error, reason };
}
