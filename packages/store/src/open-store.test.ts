/** Opening: who is let in, who is refused, and what the refusal says. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { TaskerError } from "@tasker/engine";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { taskRow, templateRow, turn, uuidOf } from "./conformance/rows.ts";
import { openQueries } from "./open-queries.ts";
import { openStore } from "./open-store.ts";
import { sqliteMigrations } from "./sqlite/apply-migrations.ts";
import { runProgram } from "./test-programs/run-program.ts";

const holdDatabase = new URL("./test-programs/hold-database.ts", import.meta.url);

let folder: string;
let database: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tasker-open-"));
  database = join(folder, "data", "tasker.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

async function refusal(open: () => unknown): Promise<TaskerError> {
  try {
    await open();
  } catch (error) {
    return error as TaskerError;
  }
  throw new Error("it was let in");
}

describe("a new database", () => {
  test("is made in a folder and files that only their owner may read", async () => {
    const store = await openStore({ database });
    const mode = (path: string) => statSync(path).mode & 0o777;
    expect(mode(join(folder, "data"))).toBe(0o700);
    for (const file of ["", "-wal", "-shm", ".lock", "-turns-a", "-turns-b"])
      expect(mode(database + file), file).toBe(0o600);
    await store.close();
  });

  test("is readable once a store has made it, and not before", async () => {
    expect(await refusal(() => openQueries({ database }))).toMatchObject({ code: "database_unusable" });
    const store = await openStore({ database });
    const queries = openQueries({ database });
    expect((await queries.tasks({ limit: 10 })).items).toEqual([]);
    await queries.close();
    await store.close();
  });
});

describe("the lock", () => {
  test("refuses a second store of this process and leaves the first one locked", async () => {
    const store = await openStore({ database });
    const error = await refusal(() => openStore({ database }));
    expect(error).toMatchObject({ code: "database_locked", message: expect.stringContaining("this process") });
    await refusal(() => openStore({ database }));
    const other = runProgram(holdDatabase, database);
    expect((await other.lines.next()).value).toBe(`process ${process.pid} has the database ${database} open`);
    await other.ended;
    await store.close();
    await (await openStore({ database })).close();
  });

  test("fault 10: refuses a second process, names the first, and vanishes when that is killed", async () => {
    const holder = runProgram(holdDatabase, database);
    expect(await holder.lines.next()).toMatchObject({ value: "open" });
    const error = await refusal(() => openStore({ database }));
    expect(error).toMatchObject({
      code: "database_locked",
      message: `process ${holder.pid} has the database ${database} open`,
      hint: expect.stringContaining("--database"),
    });
    await holder.kill();
    await (await openStore({ database })).close();
    expect(readdirSync(join(folder, "data")).sort()).toEqual([
      "tasker.db",
      "tasker.db-turns-a",
      "tasker.db-turns-b",
      "tasker.db.lock",
    ]);
  });

  test("holds for every link to the file", async () => {
    const store = await openStore({ database });
    const link = join(folder, "link.db");
    symlinkSync(database, link);
    expect(await refusal(() => openStore({ database: link }))).toMatchObject({ code: "database_locked" });
    await store.close();
  });

  test("does not keep readers out", async () => {
    const store = await openStore({ database });
    await store.commit(turn({ newTemplates: [templateRow(1)], newTasks: [taskRow(1)] }));
    await store.publish();
    const readers = [openQueries({ database }), openQueries({ database })];
    for (const reader of readers) expect(await reader.task(uuidOf(1))).not.toBeNull();
    for (const reader of readers) await reader.close();
    await store.close();
  });

  test("is given back when the store cannot be opened", async () => {
    mkdirSync(join(folder, "data"));
    writeFileSync(database, "no database");
    await refusal(() => openStore({ database }));
    writeFileSync(database, "");
    await (await openStore({ database })).close();
  });
});

describe("what cannot be opened", () => {
  test("fault 8: a newer schema is refused, and which version it needs is said", async () => {
    await (await openStore({ database })).close();
    alter((connection) => connection.exec("insert into schema_migrations values (99, 'future', 'abc', 0)"));
    for (const open of [() => openStore({ database }), () => openQueries({ database })]) {
      expect(await refusal(open)).toMatchObject({
        code: "database_unusable",
        message: expect.stringMatching(`version 99.*up to ${sqliteMigrations.length}$`),
        hint: expect.stringContaining("99"),
      });
    }
  });

  test("a migration that was changed after it was applied is refused", async () => {
    await (await openStore({ database })).close();
    alter((connection) => connection.exec("update schema_migrations set checksum = 'other' where version = 1"));
    expect(await refusal(() => openStore({ database }))).toMatchObject({
      code: "database_unusable",
      message: expect.stringContaining("migration 1 (initial)"),
    });
  });

  test("fault 8: a file that is no database is refused and stays as it is", async () => {
    mkdirSync(join(folder, "data"));
    writeFileSync(database, "name: process_order\n".repeat(100));
    expect(await refusal(() => openStore({ database }))).toMatchObject({
      code: "database_unusable",
      message: expect.stringContaining(database),
      hint: expect.stringContaining("another file"),
    });
    expect(statSync(database).size).toBe(2000);
  });

  test("a database of another program is refused and stays as it is", async () => {
    mkdirSync(join(folder, "data"));
    alter((connection) => connection.exec("create table customers (name text)"));
    expect(await refusal(() => openStore({ database }))).toMatchObject({
      code: "database_unusable",
      message: expect.stringContaining("not one of Tasker's"),
    });
    alter((connection) =>
      expect(connection.prepare("select name from sqlite_schema").all()).toEqual([{ name: "customers" }]),
    );
  });

  test.each<[string, () => string, RegExp]>([
    [
      "a folder",
      () => {
        mkdirSync(database, { recursive: true });
        return database;
      },
      /cannot open/,
    ],
    [
      "a path below a file",
      () => {
        writeFileSync(join(folder, "file"), "");
        return join(folder, "file", "tasker.db");
      },
      /cannot make/,
    ],
    ["the address of a server", () => "postgres://localhost/tasker", /postgres:\/\//],
  ])("%s is refused", async (_, path, message) => {
    const error = await refusal(() => openStore({ database: path() }));
    expect(error).toMatchObject({ code: "database_unusable", message: expect.stringMatching(message) });
    expect(error.hint).not.toBe("");
  });

  test("fault 8: a file cut short fails the first read, and the store answers nothing from then on", async () => {
    const store = await openStore({ database });
    await store.commit(turn({ newTemplates: [templateRow(1)], newTasks: [taskRow(1)] }));
    await store.publish();
    await store.close();
    const cut = await openStore({ database });
    // By other processes: closing the file in this one would drop the locks of the store.
    execFileSync("cp", [database, `${database}.whole`]);
    execFileSync("truncate", ["-s", "8192", database]);
    const failure = { name: "StoreError", failure: "io" };
    await expect(async () => cut.payloads({ taskIds: [1], stepIds: [], checkpointsOf: [] })).rejects.toMatchObject(
      failure,
    );
    execFileSync("cp", [`${database}.whole`, database]);
    await expect(async () => cut.templates()).rejects.toMatchObject(failure);
    await expect(async () => cut.commit(turn({ newTasks: [taskRow(2)] }))).rejects.toMatchObject(failure);
    await cut.close();
  });
});

function alter(change: (connection: DatabaseSync) => void): void {
  const connection = new DatabaseSync(database);
  change(connection);
  connection.close();
}
