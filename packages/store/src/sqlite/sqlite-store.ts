/**
 * The embedded store: one connection, one transaction per turn, statements prepared once. Every method answers at once.
 * A commit that fails leaves nothing behind; after an `io` failure nobody knows what is durable, so the store refuses
 * everything from then on.
 */
import type { DatabaseSync } from "node:sqlite";
import { type PayloadRequest, type Store, StoreError, type TurnRecord } from "@tasker/engine";
import { prepareAppendHistory } from "./commands/append-history.ts";
import { prepareInsertTasks } from "./commands/insert-tasks.ts";
import { prepareInsertTemplates } from "./commands/insert-templates.ts";
import { prepareSaveCheckpoints } from "./commands/save-checkpoints.ts";
import { prepareUpdateTasks } from "./commands/update-tasks.ts";
import { prepareWriteSteps } from "./commands/write-steps.ts";
import type { ProcessLock } from "./lock.ts";
import { prepareFindActiveTasks } from "./queries/find-active-tasks.ts";
import { prepareFindLeases } from "./queries/find-leases.ts";
import { prepareFindPayloads } from "./queries/find-payloads.ts";
import { prepareFindTasksByKey } from "./queries/find-tasks-by-key.ts";
import { prepareListTemplates } from "./queries/list-templates.ts";
import { prepareNextSequences } from "./queries/next-sequences.ts";
import { asStoreError } from "./sqlite-errors.ts";

export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #lock: ProcessLock;
  readonly #statements: ReturnType<typeof prepareStatements>;
  /** Set once: why nothing is answered any more. */
  #broken: StoreError | null = null;

  /** Takes a migrated database, and the lock on it, until `close`. */
  constructor(database: DatabaseSync, lock: ProcessLock) {
    this.#database = database;
    this.#lock = lock;
    this.#statements = prepareStatements(database);
  }

  sequences() {
    return this.#read("reading the sequences", () => this.#statements.nextSequences());
  }

  templates() {
    return this.#read("reading the templates", () => this.#statements.listTemplates());
  }

  activeTasks(after: number, limit: number) {
    return this.#read("reading the active tasks", () => this.#statements.findActiveTasks(after, limit));
  }

  tasksByIdempotencyKey(keys: readonly string[]) {
    return this.#read("reading idempotency keys", () => this.#statements.findTasksByKey(keys));
  }

  leases(stepIds: readonly number[]) {
    return this.#read("reading leases", () => this.#statements.findLeases(stepIds));
  }

  payloads(request: PayloadRequest) {
    return this.#read("reading payloads", () => this.#statements.findPayloads(request));
  }

  commit(record: TurnRecord): void {
    this.#assertUsable();
    const { begin, commit, insertTemplates, insertTasks, saveCheckpoints, writeSteps, updateTasks, appendHistory } =
      this.#statements;
    try {
      begin.run();
      insertTemplates(record.newTemplates);
      insertTasks(record.newTasks);
      saveCheckpoints(record.checkpoints);
      writeSteps(record.stepWrites);
      updateTasks(record.taskUpdates);
      appendHistory(record.history);
      commit.run();
    } catch (error) {
      this.#rollBack();
      throw this.#failure(error, "committing a turn");
    }
  }

  /** Idempotent. */
  close(): void {
    if (!this.#database.isOpen) return;
    try {
      this.#database.close();
    } finally {
      this.#lock.release();
    }
  }

  #read<T>(doing: string, read: () => T): T {
    this.#assertUsable();
    try {
      return read();
    } catch (error) {
      throw this.#failure(error, doing);
    }
  }

  /** Some failures have ended the transaction already. One that cannot be ended is a store that cannot go on. */
  #rollBack(): void {
    if (!this.#database.isTransaction) return;
    try {
      this.#statements.rollback.run();
    } catch (error) {
      this.#broken ??= new StoreError("io", "a transaction could not be rolled back", { cause: error });
    }
  }

  #failure(error: unknown, doing: string): unknown {
    const failure = this.#broken ?? asStoreError(error, doing);
    if (failure instanceof StoreError && failure.failure === "io") this.#broken = failure;
    return failure;
  }

  #assertUsable(): void {
    if (this.#broken === null) return;
    throw new StoreError("io", `the store stopped after a failure: ${this.#broken.message}`, { cause: this.#broken });
  }
}

function prepareStatements(database: DatabaseSync) {
  return {
    begin: database.prepare("begin immediate"),
    commit: database.prepare("commit"),
    rollback: database.prepare("rollback"),
    insertTemplates: prepareInsertTemplates(database),
    insertTasks: prepareInsertTasks(database),
    saveCheckpoints: prepareSaveCheckpoints(database),
    writeSteps: prepareWriteSteps(database),
    updateTasks: prepareUpdateTasks(database),
    appendHistory: prepareAppendHistory(database),
    nextSequences: prepareNextSequences(database),
    listTemplates: prepareListTemplates(database),
    findActiveTasks: prepareFindActiveTasks(database),
    findTasksByKey: prepareFindTasksByKey(database),
    findLeases: prepareFindLeases(database),
    findPayloads: prepareFindPayloads(database),
  };
}
