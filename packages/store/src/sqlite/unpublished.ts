/**
 * What committed turns have changed and the tables do not show yet: the guards of the next turn are held against it, and reads
 * of the engine look here first. Rows of live steps and the status of tasks in progress stay known after they are published, so
 * that a guard on them costs no query.
 */
import {
  type CheckpointWrite,
  type StepCheckpoint,
  type StepRow,
  type StepWrite,
  StoreError,
  type TaskRow,
  type TaskStatus,
  type TaskUpdate,
  type TurnRecord,
} from "@tasker/engine";

/** The stored row of a step, as far as the engine asks for it. */
export interface KnownStep
  extends Pick<StepRow, "stepId" | "taskId" | "stepIndex" | "state" | "attempt" | "leaseId" | "answered"> {
  readonly turn: number;
  /** Null also when it is published: the table has it then. */
  output: string | null;
  /** Leases that are its last one no more, as far as the table does not show it. */
  replacedLeases: readonly string[];
}

interface KnownTask {
  readonly turn: number;
  readonly status: TaskStatus;
}

interface KnownCheckpoint {
  readonly turn: number;
  readonly leaseId: string;
  readonly seq: number;
  readonly cursor: string;
}

/** What the tables say, for rows that are not known here. */
export interface StoredGuards {
  step(stepId: number): Pick<StepRow, "state" | "leaseId"> | undefined;
  checkpoint(stepId: number): StepCheckpoint | undefined;
  taskStatus(taskId: number): TaskStatus | undefined;
  hasTask(task: TaskRow): boolean;
  hasTemplate(key: {
    readonly templateId: number;
    readonly namespace: string;
    readonly name: string;
    readonly version: string;
  }): boolean;
}

interface TurnKeys {
  readonly turn: number;
  readonly chars: number;
  readonly steps: readonly KnownStep[];
  readonly created: readonly TaskRow[];
  readonly checkpoints: readonly CheckpointWrite[];
  readonly updated: readonly number[];
}

const mostRows = 6_000;
const mostChars = 16 * 1024 * 1024;

export class Unpublished {
  readonly #steps = new Map<number, KnownStep>();
  readonly #tasks = new Map<number, KnownTask>();
  readonly #created = new Map<number, TaskRow>();
  readonly #byKey = new Map<string, TaskRow>();
  readonly #checkpoints = new Map<number, KnownCheckpoint>();
  readonly #turns: TurnKeys[] = [];
  #rows = 0;
  #chars = 0;
  #highest: { stepId: number; taskId: number; seq: number };

  /** @param highest numbers that the tables have: no row beyond them needs to be looked for */
  constructor(highest: { readonly stepId: number; readonly taskId: number; readonly seq: number }) {
    this.#highest = { ...highest };
  }

  /** More waits for the tables than should be held in memory. */
  get isTooMuch(): boolean {
    return this.#rows > mostRows || this.#chars > mostChars;
  }

  step(stepId: number): KnownStep | undefined {
    return this.#steps.get(stepId);
  }

  /** A task that the tables do not have yet, as it was created. */
  created(taskId: number): TaskRow | undefined {
    return this.#created.get(taskId);
  }

  createdByKey(key: string): TaskRow | undefined {
    return this.#byKey.get(key);
  }

  /** JSON text: what a step saved, as far as the tables do not have it yet. */
  cursor(stepId: number): string | undefined {
    return this.#checkpoints.get(stepId)?.cursor;
  }

  taskStatus(taskId: number): TaskStatus | undefined {
    return this.#tasks.get(taskId)?.status;
  }

  /** @throws StoreError `conflict` when the turn does not fit what is stored */
  assertFits(record: TurnRecord, stored: StoredGuards): void {
    for (const { templateId, template } of record.newTemplates) {
      const { namespace, name, version } = template;
      if (!stored.hasTemplate({ templateId, namespace, name, version })) continue;
      throw new StoreError("conflict", `template ${namespace}/${name}@${version} (number ${templateId}) exists`);
    }
    for (const task of record.newTasks) this.#assertNew(task, stored);
    for (const write of record.checkpoints) this.#assertCheckpoint(write, stored);
    for (const write of record.stepWrites) this.#assertStep(write, stored);
    for (const update of record.taskUpdates) this.#assertStatus(update, record, stored);
    let last = this.#highest.seq;
    for (const { seq, taskId, transitions } of record.history) {
      if (seq <= last) throw new StoreError("conflict", `history entry ${seq} of task ${taskId} exists`);
      last = seq + transitions.length - 1;
    }
  }

  #assertNew(task: TaskRow, stored: StoredGuards): void {
    const { taskId, idempotencyKey } = task;
    const known = taskId <= this.#highest.taskId && (this.#tasks.has(taskId) || stored.hasTask(task));
    const keyTaken = idempotencyKey !== null && (this.#byKey.has(idempotencyKey) || stored.hasTask(task));
    if (known || keyTaken) throw new StoreError("conflict", taskExists(task));
  }

  #assertCheckpoint({ stepId, leaseId, seq }: CheckpointWrite, stored: StoredGuards): void {
    const step = this.#steps.get(stepId) ?? stored.step(stepId);
    const kept = this.#checkpoints.get(stepId) ?? stored.checkpoint(stepId);
    const live = step?.state === "in_progress" && step.leaseId === leaseId;
    if (live && (kept?.leaseId !== leaseId || kept.seq < seq)) return;
    const message = `step ${stepId} is not in progress under lease ${leaseId}, or has a newer checkpoint than ${seq}`;
    throw new StoreError("conflict", message);
  }

  #assertStep({ guard, row }: StepWrite, stored: StoredGuards): void {
    const { stepId, taskId, stepIndex } = row;
    const mayExist = stepId <= this.#highest.stepId;
    const found = mayExist ? (this.#steps.get(stepId) ?? stored.step(stepId)) : undefined;
    if (guard === null) {
      if (found === undefined) return;
      throw new StoreError("conflict", `step ${stepId} (position ${stepIndex} of task ${taskId}) has a row already`);
    }
    if (found !== undefined && found.state === guard.state && found.leaseId === guard.leaseId) return;
    const lease = guard.leaseId === null ? " without a lease" : ` under lease ${guard.leaseId}`;
    throw new StoreError("conflict", `step ${stepId} of task ${taskId} is not ${guard.state}${lease}`);
  }

  #assertStatus({ taskId, from }: TaskUpdate, record: TurnRecord, stored: StoredGuards): void {
    const status =
      this.#tasks.get(taskId)?.status ??
      (taskId <= this.#highest.taskId ? stored.taskStatus(taskId) : undefined) ??
      record.newTasks.find((task) => task.taskId === taskId)?.status;
    if (status !== from) throw new StoreError("conflict", `task ${taskId} is not ${from}`);
  }

  /** The turn is durable in the log. @param chars what it took there */
  add(turn: number, record: TurnRecord, chars: number): void {
    const updated: number[] = [];
    for (const task of record.newTasks) {
      this.#created.set(task.taskId, task);
      this.#tasks.set(task.taskId, { turn, status: task.status });
      if (task.idempotencyKey !== null) this.#byKey.set(task.idempotencyKey, task);
      if (task.taskId > this.#highest.taskId) this.#highest.taskId = task.taskId;
    }
    for (const { taskId, to } of record.taskUpdates) {
      this.#tasks.set(taskId, { turn, status: to });
      updated.push(taskId);
    }
    for (const { stepId, leaseId, seq, cursor } of record.checkpoints) {
      this.#checkpoints.set(stepId, { turn, leaseId, seq, cursor });
    }
    const steps = record.stepWrites.map((write) => this.#addStep(turn, write));
    const last = record.history[record.history.length - 1];
    if (last !== undefined) this.#highest.seq = last.seq + last.transitions.length - 1;
    this.#turns.push({ turn, chars, steps, created: record.newTasks, checkpoints: record.checkpoints, updated });
    this.#rows += steps.length + record.newTasks.length;
    this.#chars += chars;
  }

  #addStep(turn: number, { guard, row }: StepWrite): KnownStep {
    const before = this.#steps.get(row.stepId);
    const replaced = guard === null || guard.leaseId === null || guard.leaseId === row.leaseId ? [] : [guard.leaseId];
    const step: KnownStep = {
      turn,
      stepId: row.stepId,
      taskId: row.taskId,
      stepIndex: row.stepIndex,
      state: row.state,
      attempt: row.attempt,
      leaseId: row.leaseId,
      answered: row.answered,
      output: row.output,
      replacedLeases: before === undefined ? replaced : [...before.replacedLeases, ...replaced],
    };
    this.#steps.set(row.stepId, step);
    if (row.stepId > this.#highest.stepId) this.#highest.stepId = row.stepId;
    return step;
  }

  /** The tables show everything up to this turn. */
  published(turn: number): void {
    let count = 0;
    for (; count < this.#turns.length && this.#turns[count]!.turn <= turn; count++) this.#forget(this.#turns[count]!);
    this.#turns.splice(0, count);
  }

  #forget({ turn, chars, steps, created, checkpoints, updated }: TurnKeys): void {
    for (const step of steps) {
      if (this.#steps.get(step.stepId) !== step) continue;
      step.output = null;
      step.replacedLeases = none;
      if (step.state !== "in_progress") this.#steps.delete(step.stepId);
    }
    for (const task of created) {
      this.#created.delete(task.taskId);
      this.#settleStatus(task.taskId, turn);
      if (task.idempotencyKey !== null) this.#byKey.delete(task.idempotencyKey);
    }
    for (const { stepId } of checkpoints) {
      if (this.#checkpoints.get(stepId)?.turn === turn) this.#checkpoints.delete(stepId);
    }
    for (const taskId of updated) this.#settleStatus(taskId, turn);
    this.#rows -= steps.length + created.length;
    this.#chars -= chars;
  }

  #settleStatus(taskId: number, turn: number): void {
    const known = this.#tasks.get(taskId);
    if (known?.turn !== turn) return;
    if (known.status === "in_progress") this.#tasks.set(taskId, inProgress);
    else this.#tasks.delete(taskId);
  }
}

const none: readonly string[] = [];
/** Of a task that the tables have. One object for all: there may be a hundred thousand. */
const inProgress: KnownTask = { turn: 0, status: "in_progress" };

function taskExists({ id, taskId }: TaskRow): string {
  return `task ${id} (number ${taskId}) or its idempotency key exists`;
}
