/**
 * Ready steps go to workers that have credit: first the choice and the leases (in memory, part of the turn), then the
 * requests, once all the payloads that they carry are at hand.
 */
import { ancestorsOf } from "../domain/plan.ts";
import type { Step, Task } from "../domain/task.ts";
import type { World } from "../memory.ts";
import { leaseIdOf, type PayloadRequest, type Payloads, type StepRequest } from "../ports.ts";
import type { Worker } from "../roster.ts";
import type { Turn } from "../turn.ts";
import { byEngine, moveStep } from "./move-step.ts";

/** The slack a plain 1.0 worker's batch gets beyond the sum of its timeouts. */
const plainSlackMs = 5_000;

/** Leases as many ready steps as there is credit for, in rounds so that the work spreads over the workers. */
export function leaseReadySteps(world: World, turn: Turn): void {
  let workers = world.roster.withCredit();
  while (workers.length > 0) {
    const share = Math.max(1, Math.ceil(world.metrics.steps.ready / workers.length));
    workers = workers.filter((worker) => {
      const count = Math.min(worker.credit, world.settings.batchSize, share);
      const steps = world.memory.ready.take(worker.queues, count);
      if (steps.length > 0) lease(world, turn, worker, steps);
      return steps.length === count && worker.credit > 0;
    });
  }
}

/** Finds what the requests of the turn will carry. Answers with what has to be read from the store first, or null. */
export function missingPayloads(world: World, turn: Turn): PayloadRequest | null {
  const taskIds = new Set<number>();
  const stepIds = new Set<number>();
  const checkpointsOf: number[] = [];
  const { payloads } = world.memory;
  for (const assignment of turn.assignments) {
    for (const step of assignment.steps) {
      const results = resultsFor(step);
      assignment.results.push(results);
      if (step.task.context === null && payloads.get(step.task) === undefined) taskIds.add(step.taskId);
      for (const parent of results) {
        if (parent.output === null && payloads.get(parent) === undefined) stepIds.add(parent.stepId);
      }
      if (step.checkpoint !== null && turn.cursorOf(step) === undefined) checkpointsOf.push(step.stepId);
    }
  }
  if (taskIds.size + stepIds.size + checkpointsOf.length === 0) return null;
  return { taskIds: [...taskIds], stepIds: [...stepIds], checkpointsOf };
}

/** Joins the requests of every assignment. `loaded` holds what the cache did not. */
export function buildRequests(world: World, turn: Turn, loaded: Payloads | null): void {
  for (const { steps, results, requests } of turn.assignments) {
    for (const [i, step] of steps.entries()) requests.push(request(world, turn, step, results[i]!, loaded));
  }
}

function lease(world: World, turn: Turn, worker: Worker, steps: readonly Step[]): void {
  const batchId = worker.info.batchPrefix + world.random.token();
  const { oneBatchAtATime, workerId } = worker.info;
  const batchTimeoutMs = oneBatchAtATime ? steps.reduce((sum, step) => sum + step.plan.timeoutMs, 0) : 0;
  for (const step of steps) {
    if (step.stepId === 0) step.stepId = world.memory.nextStepId++;
    world.metrics.queueTime.observe(turn.at - (step.readyAt ?? turn.at));
    step.attempt++;
    step.leaseId = leaseIdOf(batchId, step.stepId);
    step.answered = false;
    step.workerId = workerId;
    step.leaseMs = oneBatchAtATime ? batchTimeoutMs + plainSlackMs : null;
    step.deadline = turn.now + (step.leaseMs ?? step.plan.timeoutMs + world.settings.timeoutSlackMs);
    step.startedAt = turn.at;
    step.finishedAt = null;
    step.owner = worker;
    worker.steps.add(step);
    world.memory.leased.set(step.stepId, step);
    moveStep(world, turn, step, "in_progress", byEngine);
    if (world.settings.traceSteps) traceLease(world, step, batchId);
  }
  turn.assignments.push({ worker, batchId, steps, results: [], requests: [] });
}

function request(world: World, turn: Turn, step: Step, results: readonly Step[], loaded: Payloads | null): StepRequest {
  const { task, plan } = step;
  return {
    stepId: step.stepId,
    taskId: task.taskId,
    stepName: plan.name,
    handler: plan.handler,
    staticJson: plan.staticJson,
    context: required(contextOf(world, task, loaded), task.id),
    previousResults: previousResults(world, results, loaded),
    leaseId: step.leaseId!,
    attempt: step.attempt,
    retryLimit: plan.retry.limit,
    timeoutMs: plan.timeoutMs,
    idempotencyKey: `${task.id}:${plan.name}`,
    taskUuid: task.id,
    checkpoint: step.checkpoint === null ? null : cursorOf(turn, step, loaded),
  };
}

/** A cursor of `null` is none: its handler wants to begin anew. */
function cursorOf(turn: Turn, step: Step, loaded: Payloads | null): string | null {
  const cursor = required(turn.cursorOf(step) ?? loaded?.checkpoints.get(step.stepId), step.plan.name);
  return cursor === "null" ? null : cursor;
}

function contextOf(world: World, task: Task, loaded: Payloads | null): string | undefined {
  return task.context ?? world.memory.payloads.get(task) ?? loaded?.contexts.get(task.taskId);
}

function previousResults(world: World, results: readonly Step[], loaded: Payloads | null): string {
  if (results.length === 0) return "{}";
  let json = "{";
  for (const parent of results) {
    const output = parent.output ?? world.memory.payloads.get(parent) ?? loaded?.outputs.get(parent.stepId);
    if (json.length > 1) json += ",";
    json += parent.plan.nameKeyJson + required(output, parent.plan.name);
  }
  return `${json}}`;
}

/** The steps whose outputs this one is given: all its ancestors, or just its dependencies. */
function resultsFor(step: Step): readonly Step[] {
  const { plan, task } = step;
  if (plan.dependencies.length === 0) return none;
  const indexes = plan.previousResults === "direct" ? plan.dependencies : ancestorsOf(task.plan, plan);
  return indexes.map((index) => task.step(index));
}

const none: readonly Step[] = [];

function required(text: string | undefined, of: string): string {
  if (text === undefined) throw new Error(`the store has no payload for ${of}`);
  return text;
}

function traceLease(world: World, step: Step, batchId: string): void {
  world.log.debug("step.leased", {
    task: step.task.id,
    step: step.plan.name,
    attempt: step.attempt,
    lease: step.leaseId,
    batch: batchId,
    worker: step.workerId,
  });
}
