/**
 * Opens a store: the embedded one, from the path of a file. Afterwards this process alone writes to it, its schema is this
 * program's, and its tables show every turn that was ever committed.
 */
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type Store, TaskerError } from "@tasker/engine";
import { applyMigrations } from "./sqlite/apply-migrations.ts";
import { openReader, openWriter } from "./sqlite/connection.ts";
import { InlinePublishing } from "./sqlite/inline-publishing.ts";
import { lockDatabase, type ProcessLock } from "./sqlite/lock.ts";
import { makePrivateFile } from "./sqlite/private-file.ts";
import { Publisher } from "./sqlite/publisher.ts";
import { PublisherClient } from "./sqlite/publisher-client.ts";
import { getPublished } from "./sqlite/queries/get-published.ts";
import { SqliteStore } from "./sqlite/sqlite-store.ts";
import { TurnLog, type TurnLogOptions } from "./sqlite/turn-log.ts";

export interface DatabaseOptions {
  /** Path of the database file; it and its folder are made when they do not exist. */
  readonly database: string;
}

export interface StoreOptions extends DatabaseOptions {
  /** Who brings the tables up to date: the thread that commits, or one of its own (for servers). By default the former. */
  readonly publishing?: "inline" | "thread";
  readonly turnLog?: TurnLogOptions;
}

/**
 * @throws TaskerError `database_locked` when another process has it open; `database_unusable` when it cannot be read,
 * is not Tasker's, or belongs to a newer Tasker; StoreError when turns in its log cannot be published, e.g. on a full disk
 */
export async function openStore({ database, publishing = "inline", turnLog }: StoreOptions): Promise<Store> {
  const path = databasePath(database);
  const lock = lockDatabase(path);
  try {
    makePrivateFile(path);
    const writer = openWriter(path);
    try {
      applyMigrations(writer, path);
      return openOn(writer, path, lock, publishing, turnLog);
    } catch (error) {
      if (writer.isOpen) writer.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** First the tables catch up with the log, for good; then the log starts over. */
function openOn(
  writer: DatabaseSync,
  path: string,
  lock: ProcessLock,
  publishing: "inline" | "thread",
  turnLog: TurnLogOptions | undefined,
): Store {
  const { turn: published, lineage } = getPublished(writer);
  const { log, unpublished } = TurnLog.open(path, lineage, published, turnLog);
  try {
    const publisher = new Publisher(writer, published);
    for (const { turn, packed } of unpublished) publisher.take(turn, packed);
    const turn = publisher.publish(true);
    log.startOver();
    return new SqliteStore(openReader(path), lock, log, turn, (events) => {
      if (publishing === "inline") return new InlinePublishing(publisher, events);
      publisher.close();
      return new PublisherClient(path, turn, events);
    });
  } catch (error) {
    log.close();
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
