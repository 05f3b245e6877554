/**
 * Numbered SQL files and which of them a database still needs. Each is applied once, in one transaction together with
 * its row in `schema_migrations`; a database that a newer program migrated, or whose past differs from ours, is refused.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { TaskerError } from "@tasker/engine";

export interface Migration {
  /** From the file's name: 1 for `0001_initial.sql`. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the SQL, hexadecimal. */
  readonly checksum: string;
}

/** A row of `schema_migrations`. */
export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

export function makeMigration(version: number, name: string, sql: string): Migration {
  return { version, name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
}

/** The migrations of a folder, in order. @throws Error when a file's name or number is out of order: a bug of ours */
export function readMigrations(folder: URL): Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((file, index) => {
      const [, number, name] = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file) ?? [];
      if (name === undefined || Number(number) !== index + 1) throw new Error(`migration ${file} is out of order`);
      return makeMigration(index + 1, name, readFileSync(new URL(file, folder), "utf8"));
    });
}

/**
 * What is left to apply.
 * @param database what to call it in errors
 * @throws TaskerError `database_unusable` when it is newer than `known`, or was made by other migrations
 */
export function pendingMigrations(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
  database: string,
): Migration[] {
  const newest = applied.reduce((max, { version }) => Math.max(max, version), 0);
  if (newest > known.length) {
    throw new TaskerError(
      "database_unusable",
      `${database} has schema version ${newest}; this Tasker knows versions up to ${known.length}`,
      { hint: `Start a Tasker that knows schema version ${newest}: the newer one that migrated this database.` },
    );
  }
  for (const { version, name, checksum } of applied) {
    if (known[version - 1]?.checksum === checksum) continue;
    throw new TaskerError(
      "database_unusable",
      `migration ${version} (${name}) of ${database} differs from the one that this Tasker has`,
      { hint: "Start the Tasker release that made this database; an applied migration is never edited." },
    );
  }
  return known.slice(applied.length);
}
