/** The store alone, whose turn log goes round all the time: what it committed is on the disk, whenever the power fails. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@tasker/store";
import { SeededRandom } from "@tasker/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cutPower, readDisk, watchDisk } from "./power-cut.ts";
import { Processes } from "./processes.ts";
import { missing, trace } from "./system-faults.ts";

const program = join(import.meta.dirname, "programs/commit-turns.ts");
const turns = 300;
const cuts = 40;

let folder: string;
let processes: Processes;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tasker-power-"));
  processes = new Processes();
});
afterEach(async () => {
  await processes.endAll();
  rmSync(folder, { recursive: true });
});

test("fault 5: power that fails at any moment takes nothing that was committed", {
  timeout: 300_000,
}, async (context) => {
  const lacking = missing("strace");
  if (lacking !== null && process.env.CI !== "true") context.skip(lacking);
  const database = join(folder, "tasker.db");
  const start = join(folder, "start");
  const committer = processes.start("committer", [process.execPath, program, database, start], folder);
  const lines = committer.lines[Symbol.asyncIterator]();
  await lines.next();
  const file = join(folder, "calls");
  const tracer = await trace(processes, committer.pid, [...watchDisk, "-o", file], folder);
  const before = readDisk(database);
  writeFileSync(start, "");
  for (let turn = 0; turn < turns; turn++) await lines.next();
  await committer.kill();
  await tracer.exited;

  let kept = 0;
  const random = new SeededRandom(1);
  await cutPower(readFileSync(file, "latin1"), before, { cuts, random, folder }, async (cut) => {
    const committed = cut.said.flatMap((text) => [...text.matchAll(/committed (\d+)\./g)].map(([, id]) => Number(id)));
    const store = await openStore({ database: cut.database });
    const found = new Set((await store.activeTasks(0, 10_000)).map(({ task }) => task.taskId));
    await store.close();
    expect(committed.filter((taskId) => !found.has(taskId))).toEqual([]);
    kept += committed.length;
  });
  expect(kept).toBeGreaterThan(turns);
});
