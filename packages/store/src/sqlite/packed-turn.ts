/**
 * A turn as a packed list: what the turn log keeps and the publisher reads. Payloads are JSON already; they are joined in as
 * they are, and nobody parses or escapes them.
 */
import type {
  CheckpointWrite,
  NewTemplate,
  StepState,
  StepWrite,
  TaskRow,
  TaskStatus,
  TaskUpdate,
  Template,
  TurnRecord,
} from "@tasker/engine";
import { type PackedList, PackedListReader, PackedListWriter } from "@tasker/json";
import { type PackedHistoryRow, packTransitions } from "../packed-history.ts";

/** A turn as the publisher takes it. */
export interface PackedTurn extends Omit<TurnRecord, "history"> {
  readonly history: readonly PackedHistoryRow[];
  /** The sequence number after those of its history; 0 when it has none. */
  readonly nextSeq: number;
}

/** Numbers of the log's format: one is never given to another state. */
const statusCodes: Readonly<Record<TaskStatus, number>> = {
  in_progress: 1,
  blocked: 2,
  completed: 3,
  failed: 4,
  cancelled: 5,
};
const stateCodes: Readonly<Record<StepState, number>> = {
  pending: 1,
  ready: 2,
  in_progress: 3,
  waiting_for_retry: 4,
  in_doubt: 5,
  completed: 6,
  failed: 7,
  cancelled: 8,
};
const statuses = byCode(statusCodes);
const states = byCode(stateCodes);

/** How a step's row is guarded: by nothing (it is new), by its lease as it stays, or by another one. */
const guards = { none: 0, sameLease: 1, otherLease: 2 } as const;

export function packTurn(record: TurnRecord): PackedList {
  const { newTemplates, newTasks, checkpoints, stepWrites, taskUpdates, history } = record;
  const list = new PackedListWriter(7 + newTasks.length * 16 + stepWrites.length * 20 + history.length * 4);
  list.number(newTemplates.length);
  for (const template of newTemplates) packTemplate(list, template);
  list.number(newTasks.length);
  for (const task of newTasks) packTask(list, task);
  list.number(checkpoints.length);
  for (const checkpoint of checkpoints) packCheckpoint(list, checkpoint);
  list.number(stepWrites.length);
  for (const write of stepWrites) packStep(list, write);
  list.number(taskUpdates.length);
  for (const update of taskUpdates) packUpdate(list, update);
  list.number(history.length);
  for (const { seq, taskId, at, transitions } of history) {
    list.number(seq);
    list.number(taskId);
    list.number(at);
    list.text(packTransitions(transitions));
  }
  const last = history[history.length - 1];
  list.number(last === undefined ? 0 : last.seq + last.transitions.length);
  return list.end();
}

export function unpackTurn(packed: PackedList): PackedTurn {
  const list = new PackedListReader(packed);
  return {
    newTemplates: unpackEach(list, unpackTemplate),
    newTasks: unpackEach(list, unpackTask),
    checkpoints: unpackEach(list, unpackCheckpoint),
    stepWrites: unpackEach(list, unpackStep),
    taskUpdates: unpackEach(list, unpackUpdate),
    history: unpackEach(list, unpackHistoryRow),
    nextSeq: list.number(),
  };
}

/** Members are read in the order in which they are written here. */
function unpackEach<T>(list: PackedListReader, unpackOne: (list: PackedListReader) => T): T[] {
  const count = list.number();
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(unpackOne(list));
  return items;
}

function packTemplate(list: PackedListWriter, { templateId, template, source, createdAt }: NewTemplate): void {
  list.number(templateId);
  list.text(JSON.stringify(template));
  list.text(source);
  list.number(createdAt);
}

function unpackTemplate(list: PackedListReader): NewTemplate {
  return {
    templateId: list.number(),
    template: JSON.parse(list.text()) as Template,
    source: list.text(),
    createdAt: list.number(),
  };
}

function packTask(list: PackedListWriter, task: TaskRow): void {
  list.number(task.taskId);
  list.text(task.id);
  list.number(task.templateId);
  list.number(statusCodes[task.status]);
  list.text(task.reason);
  list.text(task.context);
  list.number(task.priority);
  list.text(task.tags.length === 0 ? null : JSON.stringify(task.tags));
  list.text(task.idempotencyKey);
  list.text(task.fingerprint);
  list.text(task.correlationId);
  list.text(task.initiator);
  list.number(task.createdAt);
  list.number(task.startedAt);
  list.number(task.finishedAt);
}

function unpackTask(list: PackedListReader): TaskRow {
  return {
    taskId: list.number(),
    id: list.text(),
    templateId: list.number(),
    status: statuses[list.number()]!,
    reason: list.textOrNull(),
    context: list.text(),
    priority: list.number(),
    tags: tagsOf(list.textOrNull()),
    idempotencyKey: list.textOrNull(),
    fingerprint: list.textOrNull(),
    correlationId: list.textOrNull(),
    initiator: list.textOrNull(),
    createdAt: list.number(),
    startedAt: list.numberOrNull(),
    finishedAt: list.numberOrNull(),
  };
}

function tagsOf(text: string | null): readonly string[] {
  return text === null ? [] : (JSON.parse(text) as string[]);
}

function packCheckpoint(list: PackedListWriter, { stepId, leaseId, seq, cursor, savedAt }: CheckpointWrite): void {
  list.number(stepId);
  list.text(leaseId);
  list.number(seq);
  list.text(cursor);
  list.number(savedAt);
}

function unpackCheckpoint(list: PackedListReader): CheckpointWrite {
  return {
    stepId: list.number(),
    leaseId: list.text(),
    seq: list.number(),
    cursor: list.text(),
    savedAt: list.number(),
  };
}

function packStep(list: PackedListWriter, { guard, row }: StepWrite): void {
  list.number(row.stepId);
  list.number(row.taskId);
  list.number(row.stepIndex);
  list.number(stateCodes[row.state]);
  list.number(row.attempt);
  list.text(row.leaseId);
  list.flag(row.answered);
  list.text(row.workerId);
  list.number(row.leaseMs);
  list.number(row.readyAt);
  list.number(row.startedAt);
  list.number(row.finishedAt);
  list.number(row.wakeAt);
  list.text(row.output);
  list.text(row.error);
  list.text(row.reason);
  if (guard === null) list.number(guards.none);
  else {
    const same = guard.leaseId === row.leaseId;
    list.number(same ? guards.sameLease : guards.otherLease);
    list.number(stateCodes[guard.state]);
    if (!same) list.text(guard.leaseId);
  }
}

function unpackStep(list: PackedListReader): StepWrite {
  const row = {
    stepId: list.number(),
    taskId: list.number(),
    stepIndex: list.number(),
    state: states[list.number()]!,
    attempt: list.number(),
    leaseId: list.textOrNull(),
    answered: list.flag(),
    workerId: list.textOrNull(),
    leaseMs: list.numberOrNull(),
    readyAt: list.numberOrNull(),
    startedAt: list.numberOrNull(),
    finishedAt: list.numberOrNull(),
    wakeAt: list.numberOrNull(),
    output: list.textOrNull(),
    error: list.textOrNull(),
    reason: list.textOrNull(),
  };
  const guarded = list.number();
  if (guarded === guards.none) return { guard: null, row };
  const state = states[list.number()]!;
  return { guard: { state, leaseId: guarded === guards.sameLease ? row.leaseId : list.textOrNull() }, row };
}

function packUpdate(list: PackedListWriter, { taskId, from, to, reason, finishedAt }: TaskUpdate): void {
  list.number(taskId);
  list.number(statusCodes[from]);
  list.number(statusCodes[to]);
  list.text(reason);
  list.number(finishedAt);
}

function unpackUpdate(list: PackedListReader): TaskUpdate {
  return {
    taskId: list.number(),
    from: statuses[list.number()]!,
    to: statuses[list.number()]!,
    reason: list.textOrNull(),
    finishedAt: list.numberOrNull(),
  };
}

function unpackHistoryRow(list: PackedListReader): PackedHistoryRow {
  return { seq: list.number(), taskId: list.number(), at: list.number(), transitions: list.text() };
}

function byCode<Name extends string>(codes: Readonly<Record<Name, number>>): readonly Name[] {
  const names: Name[] = [];
  for (const name of Object.keys(codes) as Name[]) names[codes[name]] = name;
  return names;
}
