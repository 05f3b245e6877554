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

/** Builds `world.memory` anew. @param now monotonic milliseconds @param at wall-clock milliseconds */
export async function recover(world: World, store: Store, at: number, now: number): Promise<void> {
  const findHolder = leaseHolders(world);
  const memory = new Memory(await store.sequences(), world.settings.payloadCacheBytes);
  world.memory = memory;
  for (const state of Object.keys(world.metrics.steps) as (keyof typeof world.metrics.steps)[])
    world.metrics.steps[state] = 0;
  for (const worker of world.roster.all()) worker.reset(memory.ready);
  const ready: Step[] = [];
  for (let after = 0; ; ) {
    const page = await store.activeTasks(after, pageSize);
    for (const stored of page) restoreTask(world, stored, findHolder, at, now, ready);
    if (page.length < pageSize) break;
    after = page[page.length - 1]!.task.taskId;
  }
  ready.sort((a, b) => a.readyAt! - b.readyAt!);
  for (const step of ready) enqueue(world, step, now);
}

/** Finds the connected worker that holds a lease; undefined when there is none. */
type FindHolder = (leaseId: string | null, workerId: string | null) => Worker | undefined;

/** A lease that the failed turn had ended is in no list any more; its row still names the worker. */
function leaseHolders(world: World): FindHolder {
  const byLease = new Map<string | null, Worker>();
  const byName = new Map<string | null, Worker>();
  for (const worker of world.roster.all()) {
    byName.set(worker.info.workerId, worker);
    for (const leaseId of worker.revokedLeases) byLease.set(leaseId, worker);
    for (const { leaseId } of worker.steps) byLease.set(leaseId, worker);
  }
  return (leaseId, workerId) => byLease.get(leaseId) ?? byName.get(workerId);
}

function restoreTask(
  world: World,
  stored: StoredTask,
  findHolder: FindHolder,
  at: number,
  now: number,
  ready: Step[],
): void {
  const { taskId, id, templateId, priority, createdAt, status } = stored.task;
  const task = new Task(taskId, id, world.plans.byId(templateId), priority, createdAt);
  task.status = status;
  world.memory.tasks.set(id, task);
  for (const row of stored.steps) restoreStep(world, task, row, findHolder, at, now, ready);
  for (const step of task.steps) if (step?.state === "completed") satisfy(task, step);
  for (const index of task.plan.roots) task.step(index);
  for (const step of task.steps)
    if (step?.state === "pending" && step.openDependencies === 0) restoreReady(world, step, ready);
}

function restoreStep(
  world: World,
  task: Task,
  row: StoredTask["steps"][number],
  findHolder: FindHolder,
  at: number,
  now: number,
  ready: Step[],
): void {
  const step = task.step(row.stepIndex);
  const {
    stepId,
    state,
    attempt,
    leaseId,
    answered,
    workerId,
    leaseMs,
    readyAt,
    startedAt,
    finishedAt,
    wakeAt,
    error,
    reason,
  } = row;
  Object.assign(step, {
    stepId,
    state,
    attempt,
    leaseId,
    answered,
    workerId,
    leaseMs,
    readyAt,
    startedAt,
    finishedAt,
    wakeAt,
    error,
    reason,
  });
  step.storedState = state;
  step.storedLease = leaseId;
  task.count(state, 1);
  world.metrics.steps[state]++;
  if (leaseId !== null && !answered) world.memory.leased.set(stepId, step);
  if (state === "in_progress") restoreLease(world, step, findHolder(leaseId, workerId), now);
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

function restoreLease(world: World, step: Step, owner: Worker | undefined, now: number): void {
  if (owner !== undefined) {
    step.owner = owner;
    owner.steps.add(step);
    owner.revokedLeases.delete(step.leaseId!);
    step.deadline = now + (step.leaseMs ?? step.plan.timeoutMs + world.settings.timeoutSlackMs);
  } else {
    world.memory.orphans.add(step);
    step.deadline = now + (step.leaseMs ?? world.settings.leaseGraceMs);
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
