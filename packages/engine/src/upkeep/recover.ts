/**
 * The one way into memory: all active tasks are read from the store, at start-up and after a failed commit. Leases of
 * workers that are still connected stay with them; the others wait for their worker to declare them.
 */
import { type Step, Task } from "../domain/task.ts";
import { enqueue } from "../lifecycle/make-ready.ts";
import { Memory, type World } from "../memory.ts";
import type { Store, StoredTask } from "../ports.ts";
import type { Worker } from "../roster.ts";

const pageSize = 2_000;

/**
 * Builds `world.memory` anew.
 * @param at wall-clock milliseconds @param now monotonic milliseconds
 * @param released what the failed turn had taken from workers, by lease
 */
export async function recover(
  world: World,
  store: Store,
  at: number,
  now: number,
  released: ReadonlyMap<string, Worker>,
): Promise<void> {
  const known = knownLeases(world, released);
  const memory = new Memory(await store.sequences(), world.settings.payloadCacheBytes);
  world.memory = memory;
  for (const state of Object.keys(world.metrics.steps) as (keyof typeof world.metrics.steps)[])
    world.metrics.steps[state] = 0;
  for (const worker of world.roster.all()) worker.reset(memory.ready);
  const ready: Step[] = [];
  for (let after = 0; ; ) {
    const page = await store.activeTasks(after, pageSize);
    for (const stored of page) restoreTask(world, stored, known, at, now, ready);
    if (page.length < pageSize) break;
    after = page[page.length - 1]!.task.taskId;
  }
  ready.sort((a, b) => a.readyAt! - b.readyAt!);
  for (const step of ready) enqueue(world, step, now);
}

/** What memory knew of a lease before it was thrown away. */
interface KnownLease {
  /** Null: nobody has declared it. */
  readonly owner: Worker | null;
  /** Null: it is not known any more. */
  readonly deadline: number | null;
}

function knownLeases(world: World, released: ReadonlyMap<string, Worker>): ReadonlyMap<string, KnownLease> {
  const known = new Map<string, KnownLease>();
  for (const [leaseId, owner] of released)
    if (world.roster.get(owner.info.key) === owner) known.set(leaseId, { owner, deadline: null });
  for (const owner of world.roster.all()) {
    for (const leaseId of owner.revokedLeases.keys()) known.set(leaseId, { owner, deadline: null });
    for (const { leaseId, deadline } of owner.steps) known.set(leaseId!, { owner, deadline });
  }
  for (const { leaseId, deadline } of world.memory.orphans) known.set(leaseId!, { owner: null, deadline });
  return known;
}

function restoreTask(
  world: World,
  stored: StoredTask,
  known: ReadonlyMap<string, KnownLease>,
  at: number,
  now: number,
  ready: Step[],
): void {
  const { taskId, id, templateId, priority, createdAt, status } = stored.task;
  const task = new Task(taskId, id, world.plans.byId(templateId), priority, createdAt);
  task.status = status;
  world.memory.tasks.set(id, task);
  for (const row of stored.steps) restoreStep(world, task, row, known, at, now, ready);
  for (const step of task.steps) if (step?.state === "completed") satisfy(task, step);
  for (const index of task.plan.roots) task.step(index);
  for (const step of task.steps)
    if (step?.state === "pending" && step.openDependencies === 0) restoreReady(world, step, ready);
}

function restoreStep(
  world: World,
  task: Task,
  row: StoredTask["steps"][number],
  known: ReadonlyMap<string, KnownLease>,
  at: number,
  now: number,
  ready: Step[],
): void {
  const step = task.step(row.stepIndex);
  // The row has the step's own names, and nothing else that could overwrite the graph.
  const { taskId: _, stepIndex: __, ...stored } = row;
  Object.assign(step, stored);
  const { stepId, state, leaseId, answered } = step;
  step.storedState = state;
  step.storedLease = leaseId;
  task.count(state, 1);
  world.metrics.steps[state]++;
  if (leaseId !== null && !answered) world.memory.leased.set(stepId, step);
  if (state === "in_progress") restoreLease(world, step, known.get(leaseId ?? ""), now);
  if (state === "ready") ready.push(step);
  if (state === "waiting_for_retry") {
    step.deadline = now + remainingDelay(step, at);
    world.memory.timers.push(step);
  }
}

/** Never longer than it was in the beginning: the wall clock may have been set back in the meantime. */
function remainingDelay({ wakeAt, finishedAt }: Step, at: number): number {
  if (wakeAt === null) return 0;
  return Math.max(0, Math.min(wakeAt - at, wakeAt - (finishedAt ?? at)));
}

function restoreLease(world: World, step: Step, known: KnownLease | undefined, now: number): void {
  const owner = known?.owner ?? null;
  step.owner = owner;
  if (owner === null) {
    world.memory.orphans.add(step);
    step.deadline = known?.deadline ?? now + (step.leaseMs ?? world.settings.leaseGraceMs);
  } else {
    owner.steps.add(step);
    owner.revokedLeases.delete(step.leaseId!);
    step.deadline = known?.deadline ?? now + (step.leaseMs ?? step.plan.timeoutMs + world.settings.timeoutSlackMs);
  }
}

function satisfy(task: Task, step: Step): void {
  for (const index of step.plan.dependents) task.step(index).openDependencies--;
}

/** It became ready when the last of its dependencies was done, and has had no lease since. */
function restoreReady(world: World, step: Step, ready: Step[]): void {
  const { task, plan } = step;
  step.readyAt = plan.dependencies.reduce(
    (last, index) => Math.max(last, task.step(index).finishedAt ?? 0),
    task.createdAt,
  );
  step.state = "ready";
  task.count("ready", 1);
  world.metrics.steps.ready++;
  ready.push(step);
}
