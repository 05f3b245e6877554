/** A person or program ends a task: nothing of it runs again, and workers that hold its leases are told. */
import { TaskerError } from "../domain/errors.ts";
import type { World } from "../memory.ts";
import type { Turn } from "../turn.ts";
import { revokeLease } from "../upkeep/revoke-leases.ts";
import { forgetTask } from "./finalise-task.ts";
import { type Cause, moveStep, moveTask } from "./move-step.ts";

export interface CancelTask {
  /** The task's UUID. */
  readonly id: string;
  readonly cause: Cause;
}

/** @throws TaskerError `task_not_found` when no active task has this id */
export function cancelTask(world: World, turn: Turn, { id, cause }: CancelTask): void {
  const task = world.memory.tasks.get(id);
  if (task === undefined) {
    throw new TaskerError("task_not_found", `no active task has the id ${id}`, {
      hint: "`tasker task list` shows the tasks that there are.",
    });
  }
  for (let index = 0; index < task.steps.length; index++) {
    const step = task.step(index);
    if (step.state === "completed" || step.state === "failed") continue;
    if (step.state === "in_progress") {
      if (step.owner !== null) turn.cancel(step.owner, step.leaseId!);
      revokeLease(world, turn, step);
      world.metrics.attempts.cancelled++;
    }
    step.finishedAt = turn.at;
    moveStep(world, turn, step, "cancelled", cause);
  }
  moveTask(turn, task, "cancelled", cause, turn.at);
  world.metrics.tasks.cancelled++;
  forgetTask(world, task);
  world.log.info("task.cancelled", { task: id, reason: cause.reason });
}
