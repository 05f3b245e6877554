/**
 * A turn as two texts: the rows as JSON, and behind each other the payloads, which are JSON already and are never escaped,
 * parsed or written again. What the turn log keeps and the publisher reads.
 */
import type {
  CheckpointWrite,
  NewTemplate,
  StepRow,
  StepState,
  StepWrite,
  TaskRow,
  TaskStatus,
  TaskUpdate,
  Template,
  TurnRecord,
} from "@tasker/engine";
import { packTransitions } from "../packed-history.ts";

export interface TurnText {
  readonly rows: string;
  readonly payloads: string;
}

/** A history row whose transitions stay packed. */
export interface PackedHistoryRow {
  readonly seq: number;
  readonly taskId: number;
  readonly at: number;
  readonly transitions: string;
}

/** A turn as the publisher takes it. */
export interface PackedTurn extends Omit<TurnRecord, "history"> {
  readonly history: readonly PackedHistoryRow[];
}

type Field = string | number | boolean | null | readonly string[];

/** Rows as flat lists of fields: one text of one array is written and read several times faster than one of objects. */
interface Rows {
  readonly templates: readonly {
    readonly id: number;
    readonly template: Template;
    readonly at: number;
    readonly source: number;
  }[];
  readonly tasks: readonly Field[];
  readonly checkpoints: readonly Field[];
  readonly steps: readonly Field[];
  readonly updates: readonly Field[];
  readonly history: readonly number[];
}

const taskFields = 15;
const checkpointFields = 5;
const stepFields = 18;
const updateFields = 5;
const historyFields = 4;
/** The length of a payload that is not there. */
const absent = -1;

export function writeTurn(record: TurnRecord): TurnText {
  const payloads = new Payloads();
  const tasks: Field[] = [];
  const checkpoints: Field[] = [];
  const steps: Field[] = [];
  const updates: Field[] = [];
  const history: number[] = [];
  const templates = record.newTemplates.map(({ templateId, template, source, createdAt }) => {
    return { id: templateId, template, at: createdAt, source: payloads.add(source) };
  });
  for (const task of record.newTasks) writeTask(tasks, task, payloads);
  for (const { stepId, leaseId, seq, savedAt, cursor } of record.checkpoints) {
    checkpoints.push(stepId, leaseId, seq, savedAt, payloads.add(cursor));
  }
  for (const write of record.stepWrites) writeStep(steps, write, payloads);
  for (const { taskId, from, to, reason, finishedAt } of record.taskUpdates) {
    updates.push(taskId, from, to, reason, finishedAt);
  }
  for (const { seq, taskId, at, transitions } of record.history) {
    history.push(seq, taskId, at, payloads.add(packTransitions(transitions)));
  }
  const rows: Rows = { templates, tasks, checkpoints, steps, updates, history };
  return { rows: JSON.stringify(rows), payloads: payloads.text };
}

function writeTask(fields: Field[], task: TaskRow, payloads: Payloads): void {
  fields.push(
    task.taskId,
    task.id,
    task.templateId,
    task.status,
    task.reason,
    task.priority,
    task.tags,
    task.idempotencyKey,
    task.fingerprint,
    task.correlationId,
    task.initiator,
    task.createdAt,
    task.startedAt,
    task.finishedAt,
    payloads.add(task.context),
  );
}

function writeStep(fields: Field[], { guard, row }: StepWrite, payloads: Payloads): void {
  fields.push(
    guard === null ? null : guard.state,
    guard === null ? null : guard.leaseId,
    row.stepId,
    row.taskId,
    row.stepIndex,
    row.state,
    row.attempt,
    row.leaseId,
    row.answered,
    row.workerId,
    row.leaseMs,
    row.readyAt,
    row.startedAt,
    row.finishedAt,
    row.wakeAt,
    row.reason,
    payloads.add(row.output),
    payloads.add(row.error),
  );
}

export function readTurn({ rows, payloads: text }: TurnText): PackedTurn {
  const { templates, tasks, checkpoints, steps, updates, history } = JSON.parse(rows) as Rows;
  const payloads = new PayloadReader(text);
  return {
    newTemplates: templates.map(({ id, template, at, source }): NewTemplate => {
      return { templateId: id, template, source: payloads.take(source), createdAt: at };
    }),
    newTasks: readEach(tasks, taskFields, (at) => readTask(tasks, at, payloads)),
    checkpoints: readEach(checkpoints, checkpointFields, (at) => readCheckpoint(checkpoints, at, payloads)),
    stepWrites: readEach(steps, stepFields, (at) => readStep(steps, at, payloads)),
    taskUpdates: readEach(updates, updateFields, (at) => readUpdate(updates, at)),
    history: readEach(history, historyFields, (at): PackedHistoryRow => {
      const [seq, taskId, writtenAt, length] = history.slice(at, at + historyFields) as [
        number,
        number,
        number,
        number,
      ];
      return { seq, taskId, at: writtenAt, transitions: payloads.take(length) };
    }),
  };
}

/** Reads rows from front to back: the order in which their payloads stand. */
function readEach<T>(fields: readonly unknown[], perRow: number, read: (at: number) => T): T[] {
  const rows: T[] = [];
  for (let at = 0; at < fields.length; at += perRow) rows.push(read(at));
  return rows;
}

function readTask(fields: readonly Field[], at: number, payloads: PayloadReader): TaskRow {
  return {
    taskId: fields[at] as number,
    id: fields[at + 1] as string,
    templateId: fields[at + 2] as number,
    status: fields[at + 3] as TaskStatus,
    reason: fields[at + 4] as string | null,
    priority: fields[at + 5] as number,
    tags: fields[at + 6] as readonly string[],
    idempotencyKey: fields[at + 7] as string | null,
    fingerprint: fields[at + 8] as string | null,
    correlationId: fields[at + 9] as string | null,
    initiator: fields[at + 10] as string | null,
    createdAt: fields[at + 11] as number,
    startedAt: fields[at + 12] as number | null,
    finishedAt: fields[at + 13] as number | null,
    context: payloads.take(fields[at + 14] as number),
  };
}

function readCheckpoint(fields: readonly Field[], at: number, payloads: PayloadReader): CheckpointWrite {
  return {
    stepId: fields[at] as number,
    leaseId: fields[at + 1] as string,
    seq: fields[at + 2] as number,
    savedAt: fields[at + 3] as number,
    cursor: payloads.take(fields[at + 4] as number),
  };
}

function readStep(fields: readonly Field[], at: number, payloads: PayloadReader): StepWrite {
  const state = fields[at] as StepState | null;
  const row: StepRow = {
    stepId: fields[at + 2] as number,
    taskId: fields[at + 3] as number,
    stepIndex: fields[at + 4] as number,
    state: fields[at + 5] as StepState,
    attempt: fields[at + 6] as number,
    leaseId: fields[at + 7] as string | null,
    answered: fields[at + 8] as boolean,
    workerId: fields[at + 9] as string | null,
    leaseMs: fields[at + 10] as number | null,
    readyAt: fields[at + 11] as number | null,
    startedAt: fields[at + 12] as number | null,
    finishedAt: fields[at + 13] as number | null,
    wakeAt: fields[at + 14] as number | null,
    reason: fields[at + 15] as string | null,
    output: payloads.takeIfPresent(fields[at + 16] as number),
    error: payloads.takeIfPresent(fields[at + 17] as number),
  };
  return { guard: state === null ? null : { state, leaseId: fields[at + 1] as string | null }, row };
}

function readUpdate(fields: readonly Field[], at: number): TaskUpdate {
  return {
    taskId: fields[at] as number,
    from: fields[at + 1] as TaskStatus,
    to: fields[at + 2] as TaskStatus,
    reason: fields[at + 3] as string | null,
    finishedAt: fields[at + 4] as number | null,
  };
}

class Payloads {
  text = "";

  /** @returns the length by which it is found again */
  add(payload: string | null): number {
    if (payload === null) return absent;
    this.text += payload;
    return payload.length;
  }
}

class PayloadReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(length: number): string {
    const from = this.#at;
    this.#at += length;
    return this.#text.slice(from, this.#at);
  }

  takeIfPresent(length: number): string | null {
    return length === absent ? null : this.take(length);
  }
}
