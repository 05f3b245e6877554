/**
 * Connections to the database file: the one that writes, and readers beside it that can never write or hold the writer
 * up. A database that is not ours, or not a database, is refused before anything in it is touched.
 */
import { DatabaseSync } from "node:sqlite";
import { TaskerError } from "@tasker/engine";
import { failureOf } from "./sqlite-errors.ts";

/** Marks a file as Tasker's: "TASK" in ASCII. */
const applicationId = 0x5441534b;

/** How long a connection waits for somebody else's lock, e.g. a person's `sqlite3` shell. */
const busyTimeoutMs = 1_000;

/**
 * `synchronous` is set with each transaction (publisher.ts): the turn log is what is fsynced; the tables are when the log
 * forgets turns.
 * `wal_autocheckpoint`: a checkpoint runs inside the commit that reaches it. From 1,000 to 16,000 pages the mean cost of
 * a hop was the same (20 to 22 us), the p99 of a commit fell from 8.6 ms over 7.2 (4,000) to 3.8; 4,000 keep the WAL at
 * 16 MB.
 * `cache_size`: more is slower. When pages split out of order SQLite walks its whole page cache in the commit (it moves a
 * page to a number past the end for a moment, then truncates the cache there): 22.7 us a hop with 64 MB, 17.8 with 8.
 * Less than 8 MB is slower too once 20,000 active tasks advance in no order: 62 us with 2 MB, 53 with 8.
 * Foreign keys are not declared: checking them cost 5 to 10 % of a hop, and the engine writes no orphans.
 */
const writerPragmas = `
  pragma journal_mode = wal;
  pragma wal_autocheckpoint = 4000;
  pragma cache_size = -8192;
`;

/** @throws TaskerError `database_unusable` */
export function openWriter(path: string): DatabaseSync {
  return refusing(path, () => {
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: false });
    try {
      assertOurs(database, path, "may be new");
      database.exec(`${writerPragmas} pragma application_id = ${applicationId};`);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** @throws TaskerError `database_unusable`, also when the file does not exist yet */
export function openReader(path: string): DatabaseSync {
  return refusing(path, () => {
    const database = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
    try {
      assertOurs(database, path, "must be ours");
      database.exec("pragma cache_size = -16384");
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function assertOurs(database: DatabaseSync, path: string, newness: "may be new" | "must be ours"): void {
  const { application_id: found } = database.prepare("pragma application_id").get() as { application_id: number };
  if (found === applicationId) return;
  const { tables } = database.prepare("select count(*) as tables from sqlite_schema").get() as { tables: number };
  if (newness === "may be new" && found === 0 && tables === 0) return;
  throw new TaskerError("database_unusable", `${path} is an SQLite database, but not one of Tasker's`, {
    hint: "Name another file with --database; Tasker makes it when it does not exist.",
  });
}

/** Turns SQLite's refusals into one that says what to do. */
function refusing<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof TaskerError) throw error;
    const hint = hints[failureOf(error)] ?? "Check that the file and its folder exist and may be read and written.";
    throw new TaskerError("database_unusable", `cannot open the database ${path}: ${(error as Error).message}`, {
      hint,
      cause: error,
    });
  }
}

const hints: Partial<Record<ReturnType<typeof failureOf>, string>> = {
  not_a_database: "The file is something else, or damaged: name another file with --database, or restore a backup.",
  corrupt: "The file is damaged: restore a backup.",
  full: "The disk is full: free some space and start again.",
  read_only: "The file or its folder may not be written by this user: change its mode or owner.",
  busy: "Another program holds the database: close it and start again.",
};
