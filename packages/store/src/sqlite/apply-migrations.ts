/** Brings a database to the schema of this program, one transaction per migration: killed midway, it is rolled back. */
import type { DatabaseSync } from "node:sqlite";
import { type AppliedMigration, type Migration, pendingMigrations, readMigrations } from "../migrate.ts";
import { asStoreError } from "./sqlite-errors.ts";

const createMigrationsTable = `
  create table if not exists schema_migrations (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at integer not null
  ) strict`;

/** All the migrations that this program knows. */
export const sqliteMigrations: readonly Migration[] = readMigrations(new URL("./migrations/", import.meta.url));

/**
 * The caller has the database for itself.
 * @throws TaskerError `database_unusable` when it is newer, or an applied migration was changed; StoreError
 */
export function applyMigrations(
  database: DatabaseSync,
  path: string,
  migrations: readonly Migration[] = sqliteMigrations,
): void {
  database.exec(createMigrationsTable);
  for (const migration of pendingMigrations(migrations, appliedMigrations(database), path)) {
    applyMigration(database, migration);
  }
}

/** For readers. @throws TaskerError `database_unusable` when the schema is another than this program's */
export function assertMigrated(database: DatabaseSync, path: string): void {
  const pending = pendingMigrations(sqliteMigrations, appliedMigrations(database), path);
  if (pending.length > 0) throw new Error(`${path} is not migrated: open it as a store first`);
}

function appliedMigrations(database: DatabaseSync): AppliedMigration[] {
  const rows = database.prepare("select version, name, checksum from schema_migrations order by version").all();
  return rows as unknown as AppliedMigration[];
}

function applyMigration(database: DatabaseSync, { version, name, sql, checksum }: Migration): void {
  const record = database.prepare("insert into schema_migrations values (?, ?, ?, ?)");
  try {
    database.exec("begin immediate");
    database.exec(sql);
    record.run(version, name, checksum, Date.now());
    database.exec("commit");
  } catch (error) {
    if (database.isTransaction) database.exec("rollback");
    throw asStoreError(error, `migration ${version} (${name}) failed`);
  }
}
