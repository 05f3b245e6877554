/**
 * Enforces attempt timeouts that the worker did not, and the grace of leases whose worker has not come back after a
 * restart. A sweep over what is leased: that is bounded by the workers' slots, so no step needs a timer of its own.
 */
import { sweepIntervalMs } from "../domain/limits.ts";
import type { Step } from "../domain/task.ts";
import type { World } from "../memory.ts";
import type { Turn } from "../turn.ts";
import { loseAttempt } from "./revoke-leases.ts";

/** @param lateMs how much later than planned this sweep is; without leases none is planned */
export function expireLeases(world: World, turn: Turn, lateMs: number): void {
  if (!holdsLeases(world)) return;
  if (lateMs > sweepIntervalMs) forgivePause(world, lateMs);
  for (const worker of world.roster.all()) {
    for (const step of overdue(worker.steps, turn.now)) {
      turn.cancel(worker, step.leaseId!);
      warn(world, step, "timeout");
      loseAttempt(world, turn, step, "timeout");
    }
    worker.forgetLapsed(turn.now);
  }
  for (const step of overdue(world.memory.orphans, turn.now)) {
    warn(world, step, "worker_lost");
    loseAttempt(world, turn, step, "worker_lost");
  }
}

/**
 * The orchestrator itself stood still (SIGSTOP, a laptop asleep, a slow disk). Answers may wait to be read: no lease
 * lapses because of that time.
 */
function forgivePause(world: World, lateMs: number): void {
  world.log.warn("engine.paused", { paused_ms: Math.round(lateMs) });
  for (const worker of world.roster.all()) for (const step of worker.steps) step.deadline += lateMs;
  for (const step of world.memory.orphans) step.deadline += lateMs;
}

/** Whether anything may lapse: while it does, the engine wakes for each sweep. */
export function holdsLeases({ memory, roster }: World): boolean {
  if (memory.orphans.size > 0) return true;
  for (const worker of roster.all()) if (worker.inFlight > 0) return true;
  return false;
}

function overdue(steps: ReadonlySet<Step>, now: number): Step[] {
  const due: Step[] = [];
  for (const step of steps) if (step.deadline <= now) due.push(step);
  return due;
}

function warn(world: World, step: Step, reason: string): void {
  world.log.warn("lease.expired", {
    task: step.task.id,
    step: step.plan.name,
    attempt: step.attempt,
    lease: step.leaseId,
    worker: step.workerId,
    reason,
  });
}
