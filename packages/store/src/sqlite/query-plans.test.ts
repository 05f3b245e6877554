/** Lists cost by the page: a filter that lost its index would walk a million tasks and still answer rightly. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { taskStatuses } from "@tasker/engine";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStore } from "../open-store.ts";
import { hasStatus, isIndexed } from "./status-condition.ts";

let folder: string;
let connection: DatabaseSync;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tasker-plans-"));
  const database = join(folder, "tasker.db");
  await (await openStore({ database })).close();
  connection = new DatabaseSync(database);
});
afterAll(() => {
  connection.close();
  rmSync(folder, { recursive: true });
});

function planOf(sql: string): string {
  const steps = connection.prepare(`explain query plan ${sql}`).all() as unknown as { detail: string }[];
  return steps.map((step) => step.detail).join("; ");
}

test.each(taskStatuses.filter(isIndexed))("tasks that are %s are found by the index of their status", (status) => {
  const plan = planOf(`select task_id from tasks where ${hasStatus(status)} and task_id < 9 order by task_id desc`);
  expect(plan).toMatch(/USING COVERING INDEX (active|unsuccessful)_tasks \(status=\? AND task_id<\?\)$/);
});

test("tasks of a template are found by its index, in the order of the page", () => {
  const plan = planOf("select task_id from tasks where template_id = 1 and task_id < 9 order by task_id desc");
  expect(plan).toMatch(/tasks_by_template \(template_id=\? AND rowid<\?\)$/);
});
