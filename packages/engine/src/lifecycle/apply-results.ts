/**
 * Results are applied once under their lease. One that comes late is applied if its lease is still the step's last and
 * has had no answer; any other is recorded in the history with its content. All are acknowledged, after the commit.
 */
import type { Step } from "../domain/task.ts";
import type { World } from "../memory.ts";
import type { StepResult, StoredLease, Transition } from "../ports.ts";
import type { Worker } from "../roster.ts";
import type { Turn } from "../turn.ts";
import { loseAttempt, revokeLease, waitForRetry } from "../upkeep/revoke-leases.ts";
import { releaseDependents } from "./make-ready.ts";
import { type Cause, moveStep } from "./move-step.ts";

/** Rows of steps that a result names and memory does not know, by step id; undefined: looked for, and there is none. */
export type StoredLeases = ReadonlyMap<number, StoredLease | undefined>;

/** The lease of this result is not one that memory holds: its row has to be looked at. */
export function needsLookup(world: World, result: StepResult): boolean {
  return world.memory.leased.get(result.stepId)?.leaseId !== result.leaseId;
}

export function applyResult(
  world: World,
  turn: Turn,
  sender: Worker | undefined,
  result: StepResult,
  stored: StoredLeases,
): void {
  const step = world.memory.leased.get(result.stepId);
  const owner = step?.owner;
  if (turn.answered.has(result.leaseId)) world.metrics.results.duplicate++;
  else if (step === undefined || step.leaseId !== result.leaseId) {
    // Without a row at hand the lease ended in this very turn: unacknowledged, the result comes again and is looked up.
    if (!stored.has(result.stepId)) return;
    recordStale(world, turn, result, stored.get(result.stepId));
  } else if (result.errorCode === "timeout") applyTimeout(world, turn, step);
  else if (step.state === "in_progress") applyInTime(world, turn, step, result);
  else applyLate(world, turn, step, result);
  // Whoever had the lease is done with it; a late result may come when its step has another owner by now.
  owner?.revokedLeases.delete(result.leaseId);
  sender?.revokedLeases.delete(result.leaseId);
  turn.acknowledge(sender, result);
}

/** The worker gave up waiting for its handler: not an answer. The handler may still finish, and its result may come. */
function applyTimeout(world: World, turn: Turn, step: Step): void {
  if (step.state === "in_progress") loseAttempt(world, turn, step, "timeout");
}

function applyInTime(world: World, turn: Turn, step: Step, result: StepResult): void {
  revokeLease(world, turn, step);
  const problem = result.outcome === "completed" ? outputProblem(world, step, result) : null;
  if (result.outcome === "completed" && problem === null) complete(world, turn, step, result, null);
  else fail(world, turn, step, result, problem);
  world.metrics.results.applied++;
  if (world.settings.traceSteps) traceResult(world, step);
}

/** Its lease was revoked, but nobody else has been given one since: a completion counts, a failure is only news. */
function applyLate(world: World, turn: Turn, step: Step, result: StepResult): void {
  const problem = result.outcome === "completed" ? outputProblem(world, step, result) : null;
  if (result.outcome === "completed" && problem === null) {
    complete(world, turn, step, result, "late_result");
    world.metrics.results.late_applied++;
    return;
  }
  if (step.state === "in_doubt") {
    fail(world, turn, step, result, problem);
    world.metrics.results.late_applied++;
    return;
  }
  answer(world, turn, step);
  turn.note(step.task, lateTransition(step.plan.name, step.state, step.attempt, result));
  world.metrics.results.late_recorded++;
}

function complete(world: World, turn: Turn, step: Step, result: StepResult, reason: string | null): void {
  answer(world, turn, step);
  step.output = result.output ?? "null";
  step.error = null;
  step.wakeAt = null;
  step.finishedAt = turn.at;
  world.metrics.attempts.completed++;
  moveStep(world, turn, step, "completed", { actor: "worker", reason });
  releaseDependents(world, turn, step);
}

function fail(world: World, turn: Turn, step: Step, result: StepResult, problem: OutputProblem | null): void {
  answer(world, turn, step);
  step.error = problem === null ? boundedError(world, result) : JSON.stringify(problem);
  step.finishedAt = turn.at;
  world.metrics.attempts.failed++;
  const again = result.retryable !== false && step.attempt < step.plan.maxAttempts;
  const cause: Cause = { actor: "worker", reason: problem?.code ?? result.errorCode };
  if (again) waitForRetry(world, turn, step, result.retryAfterMs, cause);
  else moveStep(world, turn, step, "failed", cause);
}

/** Whatever else comes under this lease is a duplicate. */
function answer(world: World, turn: Turn, step: Step): void {
  step.answered = true;
  turn.answered.add(step.leaseId!);
  world.memory.leased.delete(step.stepId);
  turn.markDirty(world.memory, step);
}

interface OutputProblem {
  readonly code: "output_too_large" | "result_invalid";
  readonly message: string;
}

/** Why an output is not accepted, as the step's error; null when it is. */
function outputProblem(world: World, step: Step, result: StepResult): OutputProblem | null {
  const output = result.output ?? "null";
  const limit = world.settings.maxOutputBytes;
  if (output.length > limit) {
    const message = `the output has ${output.length} bytes, ${limit} are allowed; store it elsewhere and return a reference`;
    return { code: "output_too_large", message };
  }
  if (step.plan.validateOutput === null) return null;
  const issues = step.plan.validateOutput(JSON.parse(output));
  if (issues.length === 0) return null;
  const places = issues.slice(0, 10).map((issue) => `${issue.path || "output"}: ${issue.message}`);
  return { code: "result_invalid", message: `the output does not fit the step's result_schema: ${places.join("; ")}` };
}

function boundedError(world: World, result: StepResult): string {
  const error = result.error ?? '{"message":"the worker gave no reason"}';
  if (error.length <= world.settings.maxErrorBytes) return error;
  const message = `${error.slice(0, world.settings.maxErrorBytes / 8)}...`;
  return JSON.stringify({ code: result.errorCode, message, shortened_from_bytes: error.length });
}

/** No lease in memory matches: a duplicate is forgotten, a result of an older lease is kept in the history. */
function recordStale(world: World, turn: Turn, result: StepResult, row: StoredLease | undefined): void {
  const last = row?.leaseId === result.leaseId;
  const known = last || row?.earlierLeases.includes(result.leaseId) === true;
  if (row === undefined || !known) {
    world.metrics.results.unknown++;
    world.complaints.raise("result.unknown_lease", { step_id: result.stepId, lease: result.leaseId });
    return;
  }
  if ((last && row.answered) || result.errorCode === "timeout") {
    world.metrics.results.duplicate++;
    return;
  }
  world.metrics.results.late_recorded++;
  const name = world.plans.byId(row.templateId).steps[row.stepIndex]!.name;
  turn.noteInactive(world.memory, row.taskId, lateTransition(name, row.state, null, result));
  world.complaints.raise("result.late", { step_id: result.stepId, step: name, lease: result.leaseId });
}

function lateTransition(step: string, state: string, attempt: number | null, result: StepResult): Transition {
  const content =
    result.outcome === "completed" ? `"output":${result.output ?? "null"}` : `"error":${result.error ?? "null"}`;
  return {
    step,
    from: state,
    to: state,
    attempt,
    leaseId: result.leaseId,
    workerId: null,
    actor: "worker",
    reason: "late_result",
    detail: `{"outcome":"${result.outcome}",${content}}`,
  };
}

function traceResult(world: World, step: Step): void {
  world.log.debug("step.answered", {
    task: step.task.id,
    step: step.plan.name,
    attempt: step.attempt,
    lease: step.leaseId,
    worker: step.workerId,
    state: step.state,
    reason: step.reason,
  });
}
