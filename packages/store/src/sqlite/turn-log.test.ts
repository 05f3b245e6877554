/** The turn log: what a start makes of whole, torn, foreign and missing records. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PackedList } from "@tasker/json";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { taskRow, templateRow, turn, uuidOf } from "../conformance/rows.ts";
import { openQueries } from "../open-queries.ts";
import { openStore } from "../open-store.ts";
import { TurnLog } from "./turn-log.ts";

let folder: string;
let database: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tasker-turn-log-"));
  database = join(folder, "tasker.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const lineage = 7;

function listOf(number: number): PackedList {
  return { text: `[${number}]é😀`, numbers: Float64Array.of(number, Number.NaN) };
}

/** A log with these turns, closed again. */
function write(turns: readonly number[], options = { segmentBytes: 1_000_000 }): void {
  const { log } = TurnLog.open(database, lineage, 0, options);
  for (const number of turns) log.append(number, listOf(number));
  log.close();
}

function read(published = 0): readonly number[] {
  const { log, unpublished } = TurnLog.open(database, lineage, published);
  log.close();
  for (const { turn: number, packed } of unpublished) expect(packed).toEqual(listOf(number));
  return unpublished.map((logged) => logged.turn);
}

describe("what a log gives back", () => {
  test("is every turn that the tables do not have", () => {
    write([1, 2, 3]);
    expect(read()).toEqual([1, 2, 3]);
    expect(read(2)).toEqual([3]);
    expect(read(3)).toEqual([]);
  });

  test.each([1, 12, 30])("ends before a record of which the last %i bytes are missing", (missing) => {
    write([1, 2, 3]);
    const whole = readFileSync(`${database}-turns-a`);
    const end = whole.lastIndexOf("😀") + Buffer.byteLength("😀");
    writeFileSync(`${database}-turns-a`, whole.subarray(0, end - missing));
    expect(read()).toEqual([1, 2]);
  });

  test("ends before a record in which one bit has changed", () => {
    write([1, 2, 3]);
    const bytes = readFileSync(`${database}-turns-a`);
    bytes[bytes.lastIndexOf("[3]") + 1]! ^= 1;
    writeFileSync(`${database}-turns-a`, bytes);
    expect(read()).toEqual([1, 2]);
  });

  test("does not contain what an earlier use of the file has left behind", () => {
    const { log } = TurnLog.open(database, lineage, 0);
    for (let number = 1; number <= 20; number++) log.append(number, listOf(number));
    log.startOver();
    log.append(21, listOf(21));
    log.close();
    expect(read(20)).toEqual([21]);
  });

  test("comes from both files, in order", () => {
    const { log } = TurnLog.open(database, lineage, 0, { segmentBytes: 100 });
    let number = 0;
    const fill = () => {
      while (!log.isFull) log.append(++number, listOf(number));
    };
    fill();
    log.swap();
    fill();
    const published = log.otherLastTurn;
    log.swap();
    log.append(++number, listOf(number));
    log.close();
    expect(read(published)).toEqual(Array.from({ length: number - published }, (_, index) => published + 1 + index));
  });
});

describe("a log that is refused", () => {
  test("begins after the turn that the tables need next", () => {
    write([5, 6]);
    expect(() => read(3)).toThrow(/turns 4 to 4 of .* are missing/);
  });

  test("belongs to another database", () => {
    write([1]);
    expect(() => TurnLog.open(database, lineage + 1, 0)).toThrow(/another database/);
  });
});

describe("a store on its log", () => {
  test("fault 1: shows after a crash what was committed and never published", async () => {
    const store = await openStore({ database });
    await store.commit(turn({ newTemplates: [templateRow(1)], newTasks: [taskRow(1)] }));
    await store.close();
    const before = openQueries({ database });
    expect(await before.task(uuidOf(1))).toBeNull();
    await before.close();
    await (await openStore({ database })).close();
    const queries = openQueries({ database });
    expect(await queries.task(uuidOf(1))).not.toBeNull();
    await queries.close();
  });

  test("goes round both files many times and loses nothing", async () => {
    const tasks = 300;
    for (const publishing of ["inline", "thread"] as const) {
      const path = join(folder, publishing, "tasker.db");
      const store = await openStore({ database: path, publishing, turnLog: { segmentBytes: 2_000 } });
      await store.commit(turn({ newTemplates: [templateRow(1)] }));
      for (let taskId = 1; taskId <= tasks; taskId++) await store.commit(turn({ newTasks: [taskRow(taskId)] }));
      await store.close();
      const again = await openStore({ database: path });
      expect((await again.activeTasks(0, 1_000)).map(({ task }) => task.taskId)).toHaveLength(tasks);
      await again.close();
    }
  });

  test("is refused when its log belongs to another database", async () => {
    const store = await openStore({ database });
    await store.commit(turn({ newTemplates: [templateRow(1)] }));
    await store.close();
    const other = join(folder, "other.db");
    await (await openStore({ database: other })).close();
    writeFileSync(`${other}-turns-a`, readFileSync(`${database}-turns-a`));
    await expect(openStore({ database: other })).rejects.toMatchObject({ code: "database_unusable" });
  });

  test("fault 5: that was written by half is as if the turn had never been", async () => {
    const store = await openStore({ database });
    await store.commit(turn({ newTemplates: [templateRow(1)] }));
    await store.commit(turn({ newTasks: [taskRow(1)] }));
    await store.close();
    const bytes = readFileSync(`${database}-turns-a`);
    const file = openSync(`${database}-turns-a`, "r+");
    writeSync(file, Buffer.alloc(8), 0, 8, bytes.lastIndexOf(uuidOf(1)));
    closeSync(file);
    const again = await openStore({ database });
    expect(await again.templates()).toHaveLength(1);
    expect(await again.activeTasks(0, 10)).toEqual([]);
    await again.commit(turn({ newTasks: [taskRow(2)] }));
    expect(await again.activeTasks(0, 10)).toHaveLength(1);
    await again.close();
  });
});
