/**
 * Brings the tables up to date with the turn log: takes turns in their order, keeps of each row what is left after them, and
 * writes all that in one transaction. A step that was leased and completed since the last time is one insert, a task that
 * came and went too. The guards of the first change of each row are repeated in SQL.
 */
import type { DatabaseSync } from "node:sqlite";
import { type CheckpointWrite, type StepWrite, StoreError, type TaskRow, type TaskUpdate } from "@tasker/engine";
import type { PackedList } from "@tasker/json";
import { joinPacked, type PackedHistoryRow } from "../packed-history.ts";
import { prepareAppendHistory } from "./commands/append-history.ts";
import { prepareInsertTasks } from "./commands/insert-tasks.ts";
import { prepareInsertTemplates } from "./commands/insert-templates.ts";
import { prepareSaveCheckpoints } from "./commands/save-checkpoints.ts";
import { prepareUpdateTasks } from "./commands/update-tasks.ts";
import { type MergedStepWrite, prepareWriteSteps } from "./commands/write-steps.ts";
import { type PackedTurn, unpackTurn } from "./packed-turn.ts";
import { asStoreError } from "./sqlite-errors.ts";

/** Larger transactions cost less a row, up to about here; and what waits is held in memory. */
const rowsPerPublication = 3_000;
const charsPerPublication = 4 * 1024 * 1024;

export class Publisher {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #merged: MergedTurns[] = [];
  #rows = 0;
  #chars = 0;
  /** Of the history that waits: the first sequence number (0: nothing waits), and the one after the last. */
  #firstSeq = 0;
  #nextSeq = 0;
  /** The last turn that was taken. */
  #taken: number;

  /** @param database a migrated one, its tables being at turn `published` */
  constructor(database: DatabaseSync, published: number) {
    this.#database = database;
    this.#statements = prepareStatements(database);
    this.#taken = published;
  }

  /** Enough waits to be written. */
  get isDue(): boolean {
    return this.#rows >= rowsPerPublication || this.#chars >= charsPerPublication;
  }

  take(turn: number, list: PackedList): void {
    const packed = unpackTurn(list);
    let merged = this.#merged[this.#merged.length - 1];
    // A cursor is guarded by its step's row as it was before the turn: what came earlier must be written first.
    if (merged === undefined || packed.checkpoints.length > 0) {
      merged = new MergedTurns(packed.checkpoints);
      this.#merged.push(merged);
    }
    this.#rows += merged.add(packed);
    if (this.#firstSeq === 0) this.#firstSeq = packed.history[0]?.seq ?? 0;
    this.#nextSeq = Math.max(this.#nextSeq, packed.nextSeq);
    this.#chars += list.text.length;
    this.#taken = turn;
  }

  /**
   * Writes what was taken. When it fails nothing is written and everything is kept: it may be called again.
   * @param durable fsynced when it returns, and all that was written before it too
   * @returns the turn at which the tables are
   * @throws StoreError
   */
  publish(durable: boolean): number {
    const { begin, commit, setTurn } = this.#statements;
    try {
      this.#database.exec(`pragma synchronous = ${durable ? "full" : "normal"}`);
      begin.run();
      for (const merged of this.#merged) this.#write(merged, this.#firstSeq);
      setTurn.run(this.#taken, this.#nextSeq);
      commit.run();
    } catch (error) {
      this.#rollBack();
      throw asStoreError(error, "publishing turns");
    }
    this.#merged = [];
    this.#rows = 0;
    this.#chars = 0;
    this.#firstSeq = 0;
    return this.#taken;
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #write({ templates, tasks, checkpoints, steps, updates, history }: MergedTurns, publication: number): void {
    const { insertTemplates, insertTasks, saveCheckpoints, writeSteps, updateTasks, appendHistory } = this.#statements;
    insertTemplates(templates);
    insertTasks([...tasks.values()]);
    saveCheckpoints(checkpoints);
    writeSteps(steps.values());
    updateTasks([...updates.values()]);
    appendHistory(history.values(), publication);
  }

  /** Some failures have ended the transaction already. */
  #rollBack(): void {
    if (!this.#database.isTransaction) return;
    try {
      this.#statements.rollback.run();
    } catch (error) {
      throw new StoreError("io", "a transaction could not be rolled back", { cause: error });
    }
  }
}

/** What is left of some turns, row by row. Only the first of them may have checkpoints. */
class MergedTurns {
  readonly checkpoints: readonly CheckpointWrite[];
  readonly templates: PackedTurn["newTemplates"][number][] = [];
  readonly tasks = new Map<number, TaskRow>();
  readonly steps = new Map<number, MergedStepWrite>();
  readonly updates = new Map<number, TaskUpdate>();
  readonly history = new Map<number, PackedHistoryRow>();

  constructor(checkpoints: readonly CheckpointWrite[]) {
    this.checkpoints = checkpoints;
  }

  /** @returns how many rows there were in it */
  add({ newTemplates, newTasks, stepWrites, taskUpdates, history }: PackedTurn): number {
    this.templates.push(...newTemplates);
    for (const task of newTasks) this.tasks.set(task.taskId, task);
    for (const write of stepWrites) this.#addStep(write);
    for (const update of taskUpdates) this.#addUpdate(update);
    for (const row of history) this.#addHistory(row);
    return newTasks.length + stepWrites.length + taskUpdates.length + history.length;
  }

  #addStep({ guard, row }: StepWrite): void {
    const earlier = this.steps.get(row.stepId);
    const replaced = guard === null || guard.leaseId === null || guard.leaseId === row.leaseId ? [] : [guard.leaseId];
    if (earlier === undefined) this.steps.set(row.stepId, { guard, row, replacedLeases: replaced });
    else {
      earlier.row = row;
      if (replaced.length > 0) earlier.replacedLeases = [...earlier.replacedLeases, ...replaced];
    }
  }

  #addHistory(row: PackedHistoryRow): void {
    const earlier = this.history.get(row.taskId);
    this.history.set(row.taskId, earlier === undefined ? row : joinPacked(earlier, row));
  }

  #addUpdate(update: TaskUpdate): void {
    const { taskId, to, reason, finishedAt } = update;
    const created = this.tasks.get(taskId);
    if (created !== undefined) this.tasks.set(taskId, { ...created, status: to, reason, finishedAt });
    else this.updates.set(taskId, { ...update, from: this.updates.get(taskId)?.from ?? update.from });
  }
}

function prepareStatements(database: DatabaseSync) {
  return {
    begin: database.prepare("begin immediate"),
    commit: database.prepare("commit"),
    rollback: database.prepare("rollback"),
    setTurn: database.prepare("update published set turn = ?, next_seq = max(next_seq, ?)"),
    insertTemplates: prepareInsertTemplates(database),
    insertTasks: prepareInsertTasks(database),
    saveCheckpoints: prepareSaveCheckpoints(database),
    writeSteps: prepareWriteSteps(database),
    updateTasks: prepareUpdateTasks(database),
    appendHistory: prepareAppendHistory(database),
  };
}
