/**
 * What a hop of a chain costs in the embedded store alone: no engine, no sockets. A hop is one step answered and the
 * next one leased: two step writes and a history row of three transitions. Prints CPU microseconds per hop, time per
 * commit, and bytes of the database per step. `--shuffled` advances any of the active tasks instead of the next in line.
 *
 *     node bench/store.ts [--tasks 4000] [--steps 10] [--hops-per-commit 100] [--active 100] [--shuffled]
 *                         [--output-bytes 40] [--context-bytes 40] [--runs 3]
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { StepRow, StepWrite, TaskRow, TaskUpdate, Transition, TurnRecord } from "@tasker/engine";
import { openStore } from "@tasker/store";

const { values: flags } = parseArgs({
  options: {
    tasks: { type: "string", default: "4000" },
    "hops-per-commit": { type: "string", default: "100" },
    active: { type: "string", default: "100" },
    shuffled: { type: "boolean", default: false },
    "output-bytes": { type: "string", default: "40" },
    "context-bytes": { type: "string", default: "40" },
    steps: { type: "string", default: "10" },
    runs: { type: "string", default: "3" },
  },
});
const taskCount = Number(flags.tasks);
const activeCount = Number(flags.active);
const perCommit = Number(flags["hops-per-commit"]);
const stepsOfTask = Number(flags.steps);
const now = 1_800_000_000_000;
const output = jsonOfSize(Number(flags["output-bytes"]));
const context = jsonOfSize(Number(flags["context-bytes"]));

const rows = [];
for (let run = 0; run < Number(flags.runs); run++) rows.push(await measure());
console.table(rows);

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), "tasker-bench-store-"));
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

interface Chain {
  readonly task: TaskRow;
  /** Steps answered so far. */
  done: number;
  leased: StepRow;
}

/**
 * The turns of `taskCount` chains: `activeCount` of them at a time, `perCommit` of which advance one hop in each turn.
 * A task begins where one has ended. In order, or any of the active ones.
 */
function* chainRecords(): Generator<TurnRecord> {
  const numbers = { taskId: 1, stepId: 1, seq: 1 };
  let active: Chain[] = [];
  while (active.length > 0 || numbers.taskId <= taskCount) {
    const record = {
      newTemplates: [],
      newTasks: [],
      checkpoints: [],
      stepWrites: [],
      taskUpdates: [],
      history: [],
    } as Mutable<TurnRecord>;
    const starting = Math.min(perCommit, activeCount - active.length, taskCount - numbers.taskId + 1);
    const advancing = starting > 0 && active.length < activeCount - perCommit ? [] : takeSome(active);
    active = active.slice(advancing.length);
    for (const chain of advancing) if (advance(chain, record, numbers)) active.push(chain);
    for (let count = 0; count < starting; count++) active.push(begin(record, numbers));
    yield record;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };
type Numbers = { taskId: number; stepId: number; seq: number };

/** The first of the active chains; shuffled to the front when any will do. */
function takeSome(active: Chain[]): Chain[] {
  const count = Math.min(perCommit, active.length);
  if (flags.shuffled) {
    for (let position = 0; position < count; position++) {
      const other = position + Math.floor(Math.random() * (active.length - position));
      [active[position], active[other]] = [active[other]!, active[position]!];
    }
  }
  return active.slice(0, count);
}

function begin(record: Mutable<TurnRecord>, numbers: Numbers): Chain {
  const task = taskRow(numbers.taskId++);
  const leased = leasedStep(numbers.stepId++, task.taskId, 0);
  record.newTasks.push(task);
  record.stepWrites.push({ guard: null, row: leased });
  note(record, numbers, task, transitionsOf(0, undefined, leased));
  return { task, done: 0, leased };
}

/** Answers whether the chain goes on. */
function advance(chain: Chain, record: Mutable<TurnRecord>, numbers: Numbers): boolean {
  const { task, leased } = chain;
  chain.done++;
  const next = chain.done < stepsOfTask ? leasedStep(numbers.stepId++, task.taskId, chain.done) : undefined;
  record.stepWrites.push(answer(leased));
  if (next === undefined) record.taskUpdates.push(completed(task.taskId));
  else record.stepWrites.push({ guard: null, row: next });
  note(record, numbers, task, transitionsOf(chain.done, leased, next));
  if (next !== undefined) chain.leased = next;
  return next !== undefined;
}

function note(record: Mutable<TurnRecord>, numbers: Numbers, { taskId }: TaskRow, transitions: Transition[]): void {
  record.history.push({ seq: numbers.seq, taskId, at: now, transitions });
  numbers.seq += transitions.length;
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
