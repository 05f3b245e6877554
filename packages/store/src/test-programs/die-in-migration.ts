/** Applies a migration that kills this process between two of its statements. */
import { makeMigration } from "../migrate.ts";
import { applyMigrations, sqliteMigrations } from "../sqlite/apply-migrations.ts";
import { openWriter } from "../sqlite/connection.ts";

const path = process.argv[2]!;
const database = openWriter(path);
database.function("die", () => {
  process.kill(process.pid, "SIGKILL");
  return null;
});
const deadly = makeMigration(
  sqliteMigrations.length + 1,
  "deadly",
  "create table half (a integer) strict; insert into half values (1); select die(); create table whole (a integer) strict;",
);
applyMigrations(database, path, [...sqliteMigrations, deadly]);
