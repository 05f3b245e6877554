/** The one door through which the state of a step or task changes: the table is asked, history and rows follow. */
import { assertStepTransition, assertTaskTransition, type StepState, type TaskStatus } from "../domain/states.ts";
import type { Step, Task } from "../domain/task.ts";
import type { World } from "../memory.ts";
import type { Actor } from "../ports.ts";
import type { Turn } from "../turn.ts";

export interface Cause {
  readonly actor: Actor;
  readonly reason: string | null;
}

export const byEngine: Cause = { actor: "engine", reason: null };

/** @throws Error when the table does not allow it: a bug of the engine. */
export function moveStep(world: World, turn: Turn, step: Step, to: StepState, cause: Cause): void {
  const from = step.state;
  assertStepTransition(from, to);
  const { task } = step;
  task.count(from, -1);
  task.count(to, 1);
  if (from !== "pending") world.metrics.steps[from]--;
  world.metrics.steps[to]++;
  step.state = to;
  step.reason = cause.reason;
  turn.touched.add(task);
  turn.note(task, {
    step: step.plan.name,
    from,
    to,
    attempt: step.attempt === 0 ? null : step.attempt,
    leaseId: step.leaseId,
    workerId: step.workerId,
    actor: cause.actor,
    reason: cause.reason,
    detail: null,
  });
  if (to !== "ready" || step.stepId !== 0) turn.markDirty(world.memory, step);
}

/** @throws Error when the table does not allow it: a bug of the engine. */
export function moveTask(turn: Turn, task: Task, to: TaskStatus, cause: Cause, finishedAt: number | null): void {
  assertTaskTransition(task.status, to);
  turn.note(task, {
    step: null,
    from: task.status,
    to,
    attempt: null,
    leaseId: null,
    workerId: null,
    actor: cause.actor,
    reason: cause.reason,
    detail: null,
  });
  turn.taskUpdates.push({ taskId: task.taskId, from: task.status, to, reason: cause.reason, finishedAt });
  task.status = to;
}
