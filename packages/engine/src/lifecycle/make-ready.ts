/** A step may run: it stands in its queue, and a clock runs if it may not wait there for ever. */
import type { Step } from "../domain/task.ts";
import type { World } from "../memory.ts";
import type { Turn } from "../turn.ts";
import { byEngine, type Cause, moveStep } from "./move-step.ts";

export function makeReady(world: World, turn: Turn, step: Step, cause: Cause = byEngine): void {
  step.readyAt = turn.at;
  step.wakeAt = null;
  moveStep(world, turn, step, "ready", cause);
  enqueue(world, step, turn.now);
}

/** Puts a step that is `ready` into its queue. */
export function enqueue(world: World, step: Step, now: number): void {
  world.memory.ready.push(step);
  if (step.plan.queueTimeoutMs === null) {
    step.deadline = Number.POSITIVE_INFINITY;
    return;
  }
  step.deadline = now + step.plan.queueTimeoutMs;
  world.memory.timers.push(step);
}

/** This step is satisfied: those that only waited for it become ready. Touches its dependants and nothing else. */
export function releaseDependents(world: World, turn: Turn, step: Step): void {
  for (const index of step.plan.dependents) {
    const dependent = step.task.step(index);
    dependent.openDependencies--;
    if (dependent.openDependencies === 0 && dependent.state === "pending") makeReady(world, turn, dependent);
  }
}
