/** Workers come, declare what they hold, change their terms and hand leases back. */
import type { Step } from "../domain/task.ts";
import type { World } from "../memory.ts";
import type { WorkerInfo } from "../ports.ts";
import { Worker } from "../roster.ts";
import type { Turn } from "../turn.ts";
import { loseAttempt, revokeLease } from "../upkeep/revoke-leases.ts";
import { leasedStep } from "./leased-step.ts";
import { makeReady } from "./make-ready.ts";

/** A new connection, or a known one that says hello again: its leases are now with this one. */
export function admitWorker(world: World, turn: Turn, info: WorkerInfo): void {
  const known = world.roster.get(info.key);
  const worker = new Worker(info, known?.joinedAt ?? turn.at, world.memory.ready);
  if (known !== undefined) {
    world.roster.remove(known);
    for (const step of known.steps) hand(step, worker);
    for (const [lease, deadline] of known.revokedLeases)
      if (info.heldLeases.includes(lease)) worker.revokedLeases.set(lease, deadline);
  }
  world.roster.add(worker);
  if (known !== undefined) world.roster.forgetUnserved(known, world.memory.ready);
  for (const leaseId of info.heldLeases) {
    const step = leasedStep(world, leaseId);
    if (step === undefined || step.state !== "in_progress") continue;
    step.owner?.steps.delete(step);
    if (world.memory.orphans.delete(step))
      step.deadline = turn.now + step.plan.timeoutMs + world.settings.timeoutSlackMs;
    hand(step, worker);
  }
  world.log.info("worker.joined", {
    worker: info.workerId,
    session: info.key,
    protocol: info.protocol,
    language: info.language,
    pool: info.pool,
    capacity: info.capacity,
    leases: info.heldLeases.length,
  });
}

/** It never started these. Says so because it drains, or because it does not know the handler after all. */
export function returnLeases(world: World, turn: Turn, key: string, leaseIds: readonly string[], reason: string): void {
  const worker = world.roster.get(key);
  if (worker !== undefined && reason === "draining") worker.draining = true;
  for (const leaseId of leaseIds) {
    worker?.revokedLeases.delete(leaseId);
    const step = leasedStep(world, leaseId);
    if (step === undefined || step.state !== "in_progress" || step.owner !== worker) continue;
    if (worker !== undefined && reason === "unknown_handler")
      world.roster.forgetHandler(worker, step.plan.handler, world.memory.ready);
    giveBack(world, turn, step, reason);
  }
}

/** The batch that carried these never arrived. */
export function missLeases(world: World, turn: Turn, key: string, leaseIds: readonly string[]): void {
  const worker = world.roster.get(key);
  for (const leaseId of leaseIds) {
    const step = leasedStep(world, leaseId);
    if (step !== undefined && step.state === "in_progress" && step.owner === worker)
      loseAttempt(world, turn, step, "batch_lost");
    worker?.revokedLeases.delete(leaseId);
  }
}

/** How far a handler says it is. News, not a fact: it is kept in memory until the attempt ends, and nowhere else. */
export function noteProgress(world: World, leaseId: string, progressJson: string): void {
  const step = leasedStep(world, leaseId);
  if (step?.state === "in_progress") step.progress = progressJson;
}

function hand(step: Step, worker: Worker): void {
  step.owner = worker;
  worker.steps.add(step);
}

/** A refusal before the start does not use up an attempt; a batch that the worker could not read does. */
function giveBack(world: World, turn: Turn, step: Step, reason: string): void {
  if (reason === "malformed") {
    loseAttempt(world, turn, step, "batch_lost");
    return;
  }
  const worker = step.owner;
  revokeLease(world, turn, step);
  worker?.revokedLeases.delete(step.leaseId!);
  step.attempt--;
  makeReady(world, turn, step, { actor: "worker", reason: `rejected: ${reason}` });
}
