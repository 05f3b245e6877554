/** What an error of SQLite means to a store: by result code, never by its text (sqlite.org/rescode.html). */
import { StoreError } from "@tasker/engine";

export type SqliteFailure = "conflict" | "full" | "busy" | "io" | "corrupt" | "not_a_database" | "read_only" | "other";

const failures: Readonly<Record<number, SqliteFailure>> = {
  5: "busy", // SQLITE_BUSY
  6: "busy", // SQLITE_LOCKED
  8: "read_only", // SQLITE_READONLY
  10: "io", // SQLITE_IOERR
  11: "corrupt", // SQLITE_CORRUPT
  13: "full", // SQLITE_FULL
  19: "conflict", // SQLITE_CONSTRAINT
  26: "not_a_database", // SQLITE_NOTADB
};

export function failureOf(error: unknown): SqliteFailure {
  const { errcode } = error as { errcode?: number };
  return (errcode === undefined ? undefined : failures[errcode & 0xff]) ?? "other";
}

/**
 * The failure of a commit or a read, for the engine. A damaged or suddenly read-only file is `io`: nothing that it says
 * can be relied on. What is no failure of the store (a bug) comes back as it is.
 */
export function asStoreError(error: unknown, doing: string): unknown {
  if (error instanceof StoreError) return error;
  const failure = failureOf(error);
  if (failure === "other") return error;
  const kind = failure === "corrupt" || failure === "not_a_database" || failure === "read_only" ? "io" : failure;
  return new StoreError(kind, `${doing}: ${(error as Error).message}`, { cause: error });
}
