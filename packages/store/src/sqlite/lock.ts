/**
 * One process per database file: an exclusive lock on an SQLite file beside it, held as long as the store is open. The
 * operating system drops it with the process, however that ends, so a stale one cannot exist. Its `user_version` is the
 * pid of the holder.
 */
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { TaskerError } from "@tasker/engine";
import { makePrivateFile } from "./private-file.ts";
import { failureOf } from "./sqlite-errors.ts";

export interface ProcessLock {
  release(): void;
}

/** @throws TaskerError `database_locked` when another process (or another store of this one) has it */
export function lockDatabase(databasePath: string): ProcessLock {
  const path = `${databasePath}.lock`;
  makePrivateFile(path);
  const connection = new DatabaseSync(path);
  try {
    // In this locking mode the lock that a transaction takes is kept until the connection closes.
    connection.exec(`
      pragma locking_mode = exclusive;
      pragma journal_mode = memory;
      pragma synchronous = off;
      begin exclusive;
    `);
  } catch (error) {
    connection.close();
    if (failureOf(error) !== "busy") throw unusable(path, error);
    throw lockedBy(databasePath, holderOf(path));
  }
  sayWhoHoldsIt(connection);
  return { release: () => connection.close() };
}

/** On a full disk the lock holds without saying whose it is. */
function sayWhoHoldsIt(connection: DatabaseSync): void {
  try {
    connection.exec(`pragma user_version = ${process.pid}; commit;`);
  } catch {
    if (connection.isTransaction) connection.exec("rollback");
  }
}

function lockedBy(databasePath: string, pid: number | null): TaskerError {
  const holder = pid === null ? "another process" : pid === process.pid ? "this process" : `process ${pid}`;
  return new TaskerError("database_locked", `${holder} has the database ${databasePath} open`, {
    hint: "One orchestrator owns an embedded database: stop that one, or give this one its own file with --database.",
  });
}

/**
 * Read with SQLite's `immutable`, which takes no lock. A plain read would be wrong here: closing a file drops all POSIX
 * locks that the same process has on it.
 */
function holderOf(path: string): number | null {
  try {
    const url = pathToFileURL(path);
    url.searchParams.set("immutable", "1");
    const connection = new DatabaseSync(url, { readOnly: true });
    try {
      const { user_version: pid } = connection.prepare("pragma user_version").get() as { user_version: number };
      return pid > 0 ? pid : null;
    } finally {
      connection.close();
    }
  } catch {
    return null;
  }
}

function unusable(path: string, error: unknown): TaskerError {
  return new TaskerError("database_unusable", `cannot lock ${path}: ${(error as Error).message}`, {
    hint: "The file only carries a lock: check that it may be written; if it is damaged, delete it.",
    cause: error,
  });
}
