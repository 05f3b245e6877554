/**
 * Where a task stands once nothing of it is live (seed: "Task Finalizer"). `completed`: every step is. `blocked`: work is
 * left that waits for a person (a step in doubt, or steps behind a failed one). `failed`: nothing is left to do, and
 * something failed. Decided by counts, never by a walk over the steps.
 */
import { planName } from "../domain/plan.ts";
import { isFinalTask, type TaskStatus } from "../domain/states.ts";
import type { Task } from "../domain/task.ts";
import type { World } from "../memory.ts";
import type { Turn } from "../turn.ts";
import { byEngine, moveTask } from "./move-step.ts";

/** Looks once at every task that the turn has touched. */
export function finaliseTasks(world: World, turn: Turn): void {
  for (const task of turn.touched) {
    const status = statusOf(task);
    if (status !== task.status) settleTask(world, turn, task, status);
  }
}

/** A final task leaves memory at once. */
export function forgetTask(world: World, task: Task): void {
  world.memory.tasks.delete(task.id);
  world.memory.payloads.dropTask(task);
  for (const step of task.steps) {
    if (step === null) continue;
    if (step.stepId !== 0) world.memory.leased.delete(step.stepId);
    if (step.state !== "pending") world.metrics.steps[step.state]--;
  }
}

function statusOf(task: Task): TaskStatus {
  if (isFinalTask(task.status)) return task.status;
  if (task.completed === task.steps.length) return "completed";
  if (task.live > 0) return "in_progress";
  const pending = task.steps.length - task.completed - task.failed - task.inDoubt - task.cancelled;
  return task.inDoubt > 0 || pending > 0 ? "blocked" : "failed";
}

function settleTask(world: World, turn: Turn, task: Task, status: TaskStatus): void {
  const reason =
    status === "completed" || status === "in_progress" ? null : task.inDoubt > 0 ? "in_doubt" : "step_failed";
  const final = isFinalTask(status);
  moveTask(turn, task, status, { ...byEngine, reason }, final ? turn.at : null);
  if (status !== "in_progress") world.metrics.tasks[status]++;
  if (final) forgetTask(world, task);
  world.log.info("task.settled", { task: task.id, template: planName(task.plan.template), status, reason });
}
