/** Migrations: each once, whole or not at all. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeMigration, pendingMigrations } from "./migrate.ts";
import { openStore } from "./open-store.ts";
import { applyMigrations, sqliteMigrations } from "./sqlite/apply-migrations.ts";
import { runProgram } from "./test-programs/run-program.ts";

const dieInMigration = new URL("./test-programs/die-in-migration.ts", import.meta.url);

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tasker-migrate-"));
  path = join(folder, "tasker.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const first = makeMigration(1, "first", "create table a (x integer) strict");
const second = makeMigration(2, "second", "create table b (x integer) strict; insert into b values (1)");

function tables(database: DatabaseSync): string[] {
  const rows = database.prepare("select name from sqlite_schema where type = 'table' order by name").all();
  return rows.map((row) => row.name as string);
}

test("applies what is new, in order, and nothing twice", () => {
  const database = new DatabaseSync(path);
  applyMigrations(database, path, [first]);
  applyMigrations(database, path, [first, second]);
  applyMigrations(database, path, [first, second]);
  expect(tables(database)).toEqual(["a", "b", "schema_migrations"]);
  expect(database.prepare("select version, name, checksum from schema_migrations").all()).toEqual(
    [first, second].map(({ version, name, checksum }) => ({ version, name, checksum })),
  );
  database.close();
});

test("a migration that fails leaves nothing of itself and can be tried again", () => {
  const database = new DatabaseSync(path);
  const broken = makeMigration(2, "broken", "create table b (x integer) strict; insert into missing values (1)");
  expect(() => applyMigrations(database, path, [first, broken])).toThrow(/missing/);
  expect(tables(database)).toEqual(["a", "schema_migrations"]);
  applyMigrations(database, path, [first, second]);
  expect(tables(database)).toEqual(["a", "b", "schema_migrations"]);
  database.close();
});

test("fault 9: a migration killed midway is rolled back, and the database opens again", async () => {
  await (await openStore({ database: path })).close();
  expect(await runProgram(dieInMigration, path).ended).toBe("SIGKILL");
  const database = new DatabaseSync(path);
  expect(tables(database)).not.toContain("half");
  expect(tables(database)).not.toContain("whole");
  database.close();
  await (await openStore({ database: path })).close();
});

test("fault 9: a new database killed midway in its first migration opens as a new one", async () => {
  const database = new DatabaseSync(path);
  const broken = makeMigration(1, "broken", "create table tasks (x integer) strict; select nothing");
  expect(() => applyMigrations(database, path, [broken])).toThrow();
  database.close();
  // Like a first start that got no further than the table of migrations.
  const again = new DatabaseSync(path);
  again.exec("pragma application_id = 0x5441534b");
  again.close();
  await (await openStore({ database: path })).close();
});

test("numbers its files without a gap", () => {
  expect(sqliteMigrations.map(({ version }) => version)).toEqual(sqliteMigrations.map((_, index) => index + 1));
});

test("a change of one character changes the checksum", () => {
  const applied = [{ version: 1, name: "first", checksum: first.checksum }];
  expect(pendingMigrations([first, second], applied, "x")).toEqual([second]);
  const edited = makeMigration(1, "first", `${first.sql} `);
  expect(() => pendingMigrations([edited], applied, "x")).toThrow(/migration 1 \(first\)/);
});
