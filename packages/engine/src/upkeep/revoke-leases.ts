/**
 * Leases end without an answer when their worker is lost, does not know of them, or runs past the timeout. What really
 * happened is unknown; `on_lost` says what follows. The lease stays the step's last one, so a late result still counts.
 */
import { backoffMs } from "../domain/retry-policy.ts";
import type { Step } from "../domain/task.ts";
import { makeReady } from "../lifecycle/make-ready.ts";
import { type Cause, moveStep } from "../lifecycle/move-step.ts";
import type { World } from "../memory.ts";
import type { Worker } from "../roster.ts";
import type { Turn } from "../turn.ts";

/** The worker is gone for good: all that it held is revoked. */
export function loseWorker(world: World, turn: Turn, worker: Worker, reason: string): void {
  world.roster.remove(worker);
  const fields = { worker: worker.info.workerId, session: worker.info.key, reason, leases: worker.steps.size };
  if (reason === "bye" && worker.steps.size === 0) world.log.info("worker.left", fields);
  else world.log.warn("worker.lost", fields);
  for (const step of [...worker.steps]) loseAttempt(world, turn, step, "worker_lost");
  worker.revokedLeases.clear();
  world.roster.forgetUnserved(worker, world.memory.ready);
}

/** Nobody knows how this attempt ended. */
export function loseAttempt(
  world: World,
  turn: Turn,
  step: Step,
  reason: "worker_lost" | "batch_lost" | "timeout",
): void {
  revokeLease(world, turn, step);
  world.metrics.attempts[reason === "timeout" ? "timeout" : "lost"]++;
  const cause: Cause = { actor: "engine", reason };
  if (step.plan.onLost === "hold") {
    moveStep(world, turn, step, "in_doubt", cause);
  } else if (step.plan.onLost === "fail" || step.attempt >= step.plan.maxAttempts) {
    step.error = lostError(step, reason);
    step.finishedAt = turn.at;
    moveStep(world, turn, step, "failed", cause);
  } else if (reason === "timeout") {
    waitForRetry(world, turn, step, null, cause);
  } else {
    makeReady(world, turn, step, cause);
  }
}

/** Sleeps until the next attempt. @param delayMs null: by the step's backoff */
export function waitForRetry(world: World, turn: Turn, step: Step, delayMs: number | null, cause: Cause): void {
  const delay = delayMs ?? backoffMs(step.plan.retry, step.attempt, world.random.uniform());
  step.finishedAt = turn.at;
  step.wakeAt = turn.at + delay;
  step.deadline = turn.now + delay;
  moveStep(world, turn, step, "waiting_for_retry", cause);
  world.memory.timers.push(step);
}

/** Takes the step from its worker. The slot stays taken until the worker says that it is done with it. */
export function revokeLease(world: World, turn: Turn, step: Step): void {
  const { owner, leaseId, deadline } = step;
  if (owner !== null && leaseId !== null) {
    owner.steps.delete(step);
    turn.released.set(leaseId, owner);
    if (world.roster.get(owner.info.key) === owner) owner.revoke(leaseId, deadline);
  }
  step.owner = null;
  step.leaseMs = null;
  step.progress = null;
  world.memory.orphans.delete(step);
}

const explanations = {
  worker_lost: "its worker was lost",
  batch_lost: "its batch never reached the worker",
  timeout: "it ran past its timeout",
} as const;

function lostError(step: Step, reason: keyof typeof explanations): string {
  const message = `attempt ${step.attempt} of ${step.plan.maxAttempts} ended without a result: ${explanations[reason]}`;
  return JSON.stringify({ code: reason, message });
}
