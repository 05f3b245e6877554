/** What is committed stays, whatever happens to the process, the disk or the readers beside it. */
import { execFileSync } from "node:child_process";
import { on } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Store } from "@tasker/engine";
import { startThread } from "@tasker/threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { historyRow, stepRow, taskRow, templateRow, transition, turn, uuidOf } from "../conformance/rows.ts";
import { openQueries } from "../open-queries.ts";
import { openStore } from "../open-store.ts";
import { runProgram } from "../test-programs/run-program.ts";
import { applyMigrations } from "./apply-migrations.ts";
import { openReader, openWriter } from "./connection.ts";
import { InlinePublishing } from "./inline-publishing.ts";
import { lockDatabase } from "./lock.ts";
import { Publisher } from "./publisher.ts";
import { getPublished } from "./queries/get-published.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { TurnLog } from "./turn-log.ts";

const commitUntilKilled = new URL("../test-programs/commit-until-killed.ts", import.meta.url);

let folder: string;
let database: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tasker-durable-"));
  database = join(folder, "tasker.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("fault 1: kill -9 during commits", () => {
  test("loses nothing that was acknowledged and leaves no half of a turn", async () => {
    const acknowledged: number[] = [];
    for (const kills of [1, 7, 40, 150]) {
      const writer = runProgram(commitUntilKilled, database);
      for (let count = 0; count < kills; count++) acknowledged.push(Number((await writer.lines.next()).value));
      acknowledged.push(...(await writer.kill()).filter((line) => line !== "").map(Number));
      await expectWhole(acknowledged);
    }
  });

  async function expectWhole(acknowledged: readonly number[]): Promise<void> {
    const store = await openStore({ database });
    const check = new DatabaseSync(database, { readOnly: true });
    expect(check.prepare("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    check.close();
    const queries = openQueries({ database });
    for (const taskId of acknowledged) expect(await queries.task(uuidOf(taskId)), `task ${taskId}`).not.toBeNull();
    const { taskId: next } = await store.sequences();
    for (let taskId = 1; taskId < next; taskId++) {
      expect((await queries.task(uuidOf(taskId)))?.steps).toHaveLength(1);
      expect(await queries.events(uuidOf(taskId), 0, 10)).toHaveLength(2);
    }
    await queries.close();
    await store.close();
  }
});

describe("fault 7: a full disk", () => {
  /** Commits until there is no more room; answers how many went in. */
  async function fill(store: Store): Promise<number> {
    const context = JSON.stringify("x".repeat(50_000));
    await store.commit(turn({ newTemplates: [templateRow(1)] }));
    for (let taskId = 1; taskId < 10_000; taskId++) {
      try {
        await store.commit(
          turn({
            newTasks: [taskRow(taskId, { context })],
            stepWrites: [{ guard: null, row: stepRow(taskId, taskId) }],
            history: [historyRow(taskId, taskId, transition(null, null, "in_progress"))],
          }),
        );
      } catch (error) {
        expect(error).toMatchObject({ name: "StoreError", failure: "full" });
        return taskId - 1;
      }
    }
    throw new Error("the disk never filled up");
  }

  /** What is committed can be read; what has to be in the tables for that waits for space. */
  async function expectUsable(store: Store, tasks: number): Promise<void> {
    await expect(async () => store.activeTasks(0, 10_000)).rejects.toMatchObject({ failure: "full" });
    expect((await store.payloads({ taskIds: [tasks, tasks + 1], stepIds: [], checkpointsOf: [] })).contexts.size).toBe(
      1,
    );
  }

  test("refuses the turn as `full`, keeps reading, and goes on once there is room (limit of pages)", async () => {
    const connection = openWriter(database);
    applyMigrations(connection, database);
    connection.exec("pragma max_page_count = 200");
    const { log } = TurnLog.open(database, getPublished(connection).lineage, 0);
    const publisher = new Publisher(connection, 0);
    const store = new SqliteStore(openReader(database), lockDatabase(database), log, 0, (events) => {
      return new InlinePublishing(publisher, events);
    });
    const tasks = await fill(store);
    await expectUsable(store, tasks);
    connection.exec("pragma max_page_count = 40000");
    await store.commit(turn({ newTasks: [taskRow(tasks + 1)] }));
    expect(await store.activeTasks(0, 10_000)).toHaveLength(tasks + 1);
    expect((await store.sequences()).seq).toBe(tasks + 1);
    await store.close();
  });

  test("refuses the turn as `full`, keeps reading, and goes on once there is room (small tmpfs)", async (context) => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    if (!mount(disk)) return context.skip("needs root, to mount a small tmpfs");
    try {
      const ballast = join(disk, "ballast");
      execFileSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1M", "count=24"], { stdio: "ignore" });
      const path = join(disk, "tasker.db");
      const store = await openStore({ database: path });
      const tasks = await fill(store);
      await expectUsable(store, tasks);
      rmSync(ballast);
      await store.commit(turn({ newTasks: [taskRow(tasks + 1)] }));
      await store.close();
      const again = await openStore({ database: path });
      expect(await again.activeTasks(0, 10_000)).toHaveLength(tasks + 1);
      await again.close();
    } finally {
      execFileSync("umount", [disk]);
    }
  });

  function mount(disk: string): boolean {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=36m", "tmpfs", disk], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  }
});

describe("a commit that fails", () => {
  test("is none while another program writes: the tables wait, and follow after that", async () => {
    const store = await openStore({ database });
    const queries = openQueries({ database });
    const other = new DatabaseSync(database);
    other.exec("begin immediate");
    await store.commit(turn({ newTemplates: [templateRow(1)] }));
    await expect(async () => store.publish()).rejects.toMatchObject({ name: "StoreError", failure: "busy" });
    await store.commit(turn({ newTasks: [taskRow(1)] }));
    expect(await queries.templates()).toEqual([]);
    other.exec("rollback");
    other.close();
    await store.publish();
    expect(await queries.templates()).toHaveLength(1);
    expect(await queries.task(uuidOf(1))).not.toBeNull();
    await queries.close();
    await store.close();
  });

  test("leaves no transaction open, whatever it failed of", async () => {
    const store = await openStore({ database });
    const impossible = turn({ newTasks: [taskRow(1), taskRow(2, { context: undefined as never })] });
    await expect(async () => store.commit(impossible)).rejects.toThrow(TypeError);
    expect(await store.activeTasks(0, 10)).toEqual([]);
    await store.commit(turn({ newTasks: [taskRow(1)] }));
    expect(await store.activeTasks(0, 10)).toHaveLength(1);
    await store.close();
  });
});

describe("readers beside the writer", () => {
  test("see whole turns and nothing before its commit", async () => {
    const tasks = 400;
    const store = await openStore({ database });
    await store.commit(turn({ newTemplates: [templateRow(1)] }));
    const reader = startThread(new URL("../test-programs/read-while-written.ts", import.meta.url), {
      workerData: { database, tasks },
    });
    const messages = on(reader, "message");
    expect(await nextOf(messages)).toBe("begun");
    for (let taskId = 1; taskId <= tasks; taskId += 2) {
      const both = [taskId, taskId + 1];
      await store.commit(
        turn({
          newTasks: both.map((number) => taskRow(number)),
          history: both.map((number) => historyRow(number, number, transition(null, null, "in_progress"))),
        }),
      );
      await store.publish();
    }
    let last: unknown;
    do last = await nextOf(messages);
    while (last === "begun");
    expect(last).toEqual([]);
    await store.close();
  });

  async function nextOf(messages: AsyncIterator<unknown[]>): Promise<unknown> {
    return (await messages.next()).value[0];
  }
});
