/**
 * What a hop of a chain costs in the embedded store alone: no engine, no sockets. A hop is one step answered and the
 * next one leased: two step writes and a history row of three transitions. Prints CPU microseconds per hop, wall time
 * per commit, and bytes of the database per step.
 *
 *     node bench/store.ts [--tasks 4000] [--steps 10] [--hops-per-commit 100] [--output-bytes 40] [--context-bytes 40]
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { HistoryRow, StepRow, StepWrite, TaskRow, TaskUpdate, Transition, TurnRecord } from "@tasker/engine";
import { openStore } from "@tasker/store";

const { values: flags } = parseArgs({
  options: {
    tasks: { type: "string", default: "4000" },
    "hops-per-commit": { type: "string", default: "100" },
    "output-bytes": { type: "string", default: "40" },
    "context-bytes": { type: "string", default: "40" },
    steps: { type: "string", default: "10" },
    runs: { type: "string", default: "3" },
  },
});
const taskCount = Number(flags.tasks);
const perCommit = Number(flags["hops-per-commit"]);
const stepsOfTask = Number(flags.steps);
const now = 1_800_000_000_000;
const output = jsonOfSize(Number(flags["output-bytes"]));
const context = jsonOfSize(Number(flags["context-bytes"]));

const rows = [];
for (let run = 0; run < Number(flags.runs); run++) rows.push(await measure());
console.table(rows);

async function measure() {
  const folder = mkdtempSync(join(process.env.BENCH_FOLDER ?? tmpdir(), "tasker-bench-store-"));
  const database = join(folder, "tasker.db");
  const store = await openStore({ database });
  const without = await runChains(async () => {});
  const withStore = await runChains(async (record) => store.commit(record));
  await store.close();
  const hops = taskCount * stepsOfTask;
  const bytes = statSync(database).size;
  rmSync(folder, { recursive: true });
  const { commitMs } = withStore;
  return {
    "cpu us/hop": round((withStore.cpuUs - without.cpuUs) / hops),
    "user us/hop": round((withStore.userUs - without.userUs) / hops),
    "wall us/hop": round((commitMs.reduce((sum, ms) => sum + ms, 0) * 1000) / hops),
    "commit p50 ms": round(commitMs[Math.floor(commitMs.length * 0.5)]!),
    "commit p99 ms": round(commitMs[Math.floor(commitMs.length * 0.99)]!),
    "bytes/step": Math.round(bytes / hops),
    commits: commitMs.length,
  };
}

async function runChains(commit: (record: TurnRecord) => Promise<void>) {
  const commitMs: number[] = [];
  const before = process.cpuUsage();
  for (const record of chainRecords()) {
    const at = performance.now();
    await commit(record);
    commitMs.push(performance.now() - at);
  }
  const { user, system } = process.cpuUsage(before);
  return { commitMs: commitMs.sort((a, b) => a - b), cpuUs: user + system, userUs: user };
}

/** The turns of `taskCount` chains, `perCommit` tasks advancing one hop in each; tasks begin as others end. */
function* chainRecords(): Generator<TurnRecord> {
  let seq = 1;
  let stepId = 1;
  for (let first = 1; first <= taskCount; first += perCommit) {
    const count = Math.min(perCommit, taskCount - first + 1);
    const tasks = Array.from({ length: count }, (_, index) => taskRow(first + index));
    let leased: StepRow[] = [];
    for (let index = 0; index <= stepsOfTask; index++) {
      const next = index < stepsOfTask ? tasks.map((task) => leasedStep(stepId++, task.taskId, index)) : [];
      const history = tasks.map((task, position): HistoryRow => {
        const transitions = transitionsOf(index, leased[position], next[position]);
        const row = { seq, taskId: task.taskId, at: now, transitions };
        seq += transitions.length;
        return row;
      });
      yield {
        newTemplates: [],
        newTasks: index === 0 ? tasks : [],
        stepWrites: [...leased.map(answer), ...next.map((row) => ({ guard: null, row }))],
        taskUpdates: index < stepsOfTask ? [] : tasks.map(({ taskId }) => completed(taskId)),
        history,
      };
      leased = next;
    }
  }
}

function answer(leased: StepRow): StepWrite {
  const row: StepRow = { ...leased, state: "completed", answered: true, finishedAt: now, output };
  return { guard: { state: leased.state, leaseId: leased.leaseId }, row };
}

function completed(taskId: number): TaskUpdate {
  return { taskId, from: "in_progress", to: "completed", reason: null, finishedAt: now };
}

function transitionsOf(index: number, answered: StepRow | undefined, next: StepRow | undefined): Transition[] {
  const none = { attempt: null, leaseId: null, workerId: null, reason: null, detail: null };
  const list: Transition[] = [];
  if (answered === undefined) list.push({ ...none, step: null, from: null, to: "in_progress", actor: "client" });
  else
    list.push({
      ...none,
      step: `step_${index}`,
      from: "in_progress",
      to: "completed",
      attempt: 1,
      leaseId: answered.leaseId,
      workerId: answered.workerId,
      actor: "worker",
    });
  if (next === undefined) list.push({ ...none, step: null, from: "in_progress", to: "completed", actor: "engine" });
  else {
    const step = `step_${index + 1}`;
    list.push({ ...none, step, from: "pending", to: "ready", actor: "engine" });
    const { leaseId, workerId } = next;
    list.push({ ...none, step, from: "ready", to: "in_progress", attempt: 1, leaseId, workerId, actor: "engine" });
  }
  return list;
}

function taskRow(taskId: number): TaskRow {
  return {
    taskId,
    id: `0198f000-0000-7000-8000-${String(taskId).padStart(12, "0")}`,
    templateId: 1,
    status: "in_progress",
    reason: null,
    context,
    priority: 0,
    tags: [],
    idempotencyKey: null,
    fingerprint: null,
    correlationId: null,
    initiator: null,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
  };
}

function leasedStep(stepId: number, taskId: number, stepIndex: number): StepRow {
  return {
    stepId,
    taskId,
    stepIndex,
    state: "in_progress",
    attempt: 1,
    leaseId: `0a1b2c3d4e5f6071.${stepId}`,
    answered: false,
    workerId: "worker-1",
    leaseMs: null,
    readyAt: now,
    startedAt: now,
    finishedAt: null,
    wakeAt: null,
    output: null,
    error: null,
    reason: null,
  };
}

function jsonOfSize(bytes: number): string {
  return JSON.stringify({ text: "x".repeat(Math.max(0, bytes - 11)) });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
