/**
 * Opens a store: the embedded one, from the path of a file. Afterwards this process alone writes to it and its schema
 * is this program's.
 */
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { type Store, TaskerError } from "@tasker/engine";
import { applyMigrations } from "./sqlite/apply-migrations.ts";
import { openWriter } from "./sqlite/connection.ts";
import { lockDatabase } from "./sqlite/lock.ts";
import { makePrivateFile } from "./sqlite/private-file.ts";
import { SqliteStore } from "./sqlite/sqlite-store.ts";

export interface DatabaseOptions {
  /** Path of the database file; it and its folder are made when they do not exist. */
  readonly database: string;
}

/**
 * @throws TaskerError `database_locked` when another process has it open; `database_unusable` when it cannot be read,
 * is not Tasker's, or belongs to a newer Tasker
 */
export async function openStore({ database }: DatabaseOptions): Promise<Store> {
  const path = databasePath(database);
  const lock = lockDatabase(path);
  try {
    makePrivateFile(path);
    const connection = openWriter(path);
    try {
      applyMigrations(connection, path);
      return new SqliteStore(connection, lock);
    } catch (error) {
      connection.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** @throws TaskerError `database_unusable` for the address of a database server */
export function databasePath(database: string): string {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(database)?.[1];
  if (scheme === undefined) return realPath(resolve(database));
  throw new TaskerError("database_unusable", `this Tasker has no store for ${scheme}:// databases`, {
    hint: "Name a file: --database .tasker/tasker.db",
  });
}

/** The lock lies beside the file itself, whatever links lead to it. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
