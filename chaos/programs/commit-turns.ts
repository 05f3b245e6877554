/**
 * Commits turns until it is killed, through a store whose turn log is so short that it goes round all the time, and says
 * the number of each task once its turn is committed. Waits for a file of this name before it begins.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskRow, TurnRecord } from "@tasker/engine";
import { openStore } from "@tasker/store";

const [database, start] = process.argv.slice(2) as [string, string];
const store = await openStore({ database, publishing: "thread", turnLog: { segmentBytes: 20_000 } });
const none: TurnRecord = {
  newTemplates: [],
  newTasks: [],
  checkpoints: [],
  stepWrites: [],
  taskUpdates: [],
  history: [],
};
const template = { namespace: "n", name: "t", version: "1.0.0", description: "", input_schema: null, steps: [] };
await store.commit({ ...none, newTemplates: [{ templateId: 1, template, source: "", createdAt: 1 }] });
await store.publish();
console.log("ready");
while (!existsSync(start)) await sleep(10);

for (let taskId = 1; ; taskId++) {
  const transition = { step: null, from: null, to: "in_progress", attempt: null, leaseId: null, workerId: null };
  const transitions = [{ ...transition, actor: "client" as const, reason: null, detail: null }];
  await store.commit({
    ...none,
    newTasks: [newTask(taskId)],
    history: [{ seq: taskId, taskId, at: taskId, transitions }],
  });
  process.stdout.write(`committed ${taskId}.\n`);
}

function newTask(taskId: number): TaskRow {
  return {
    taskId,
    id: `00000000-0000-7000-8000-${String(taskId).padStart(12, "0")}`,
    templateId: 1,
    status: "in_progress",
    reason: null,
    context: JSON.stringify({ text: "x".repeat(taskId % 1_000) }),
    priority: 0,
    tags: [],
    idempotencyKey: `key-${taskId}`,
    fingerprint: "f",
    correlationId: null,
    initiator: null,
    createdAt: taskId,
    startedAt: null,
    finishedAt: null,
  };
}
