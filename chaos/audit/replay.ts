/**
 * Replays the history of a task and holds every entry to the promises: legal changes of state, one accepted result under
 * each lease, parents first, attempts within their limit, `hold` never given again while in doubt. What comes out must
 * be what the rows say.
 */
import {
  type HistoryEvent,
  isFinalTask,
  isLegalStepTransition,
  isLegalTaskTransition,
  type StepState,
  type TaskStatus,
} from "@tasker/engine";
import type { StepAccount, TaskAccount } from "./accounts.ts";
import type { Findings } from "./finding.ts";

/** A lease and what became of it. */
export interface Lease {
  readonly id: string;
  readonly attempt: number;
  readonly at: number;
  /** The worker handed it back before it began: the attempt does not count. */
  returned: boolean;
  /** Null: no result was accepted. */
  accepted: "completed" | "failed" | null;
}

export interface ReplayedStep {
  readonly account: StepAccount;
  state: StepState;
  readonly leases: Lease[];
}

export interface ReplayedTask {
  readonly task: TaskAccount;
  status: TaskStatus;
  readonly steps: ReadonlyMap<string, ReplayedStep>;
}

/** @param leaseIds all lease ids seen so far, in all tasks */
export function replay(task: TaskAccount, leaseIds: Set<string>, findings: Findings): ReplayedTask {
  const steps = [...task.steps].map(([name, account]): [string, ReplayedStep] => [
    name,
    { account, state: "pending", leases: [] },
  ]);
  const replayed: ReplayedTask = { task, status: "in_progress", steps: new Map(steps) };
  for (const event of task.events) {
    if (event.step === null) moveTask(replayed, event, findings);
    else moveStep(replayed, event, leaseIds, findings);
  }
  compare(replayed, findings);
  return replayed;
}

function moveTask(replayed: ReplayedTask, event: HistoryEvent, findings: Findings): void {
  const { from, to } = event;
  if (from !== null) {
    const name = `task ${event.task_id}: ${from} -> ${to}`;
    findings.must("history_differs", from === replayed.status, () => `${name}, but it was ${replayed.status}`);
    findings.must("illegal_transition", isLegalTaskTransition(from as TaskStatus, to as TaskStatus), () => name);
  }
  replayed.status = to as TaskStatus;
}

function moveStep(replayed: ReplayedTask, event: HistoryEvent, leaseIds: Set<string>, findings: Findings): void {
  const step = replayed.steps.get(event.step!);
  const name = `${event.task_id}/${event.step}: ${event.from} -> ${event.to}`;
  if (step === undefined) {
    findings.add("history_differs", `${name}, but its template has no such step`);
    return;
  }
  // The content of a late result that changed nothing.
  if (event.from === event.to) return;
  const from = event.from as StepState;
  const to = event.to as StepState;
  findings.must("history_differs", from === step.state, () => `${name}, but it was ${step.state}`);
  findings.must("illegal_transition", isLegalStepTransition(from, to), () => name);
  findings.must("illegal_transition", !isFinalTask(replayed.status), () => `${name} after its task ended`);
  step.state = to;
  if (to === "in_progress") give(replayed, step, event, leaseIds, findings);
  else if (event.actor === "worker") answer(step, event, findings);
}

function give(
  replayed: ReplayedTask,
  step: ReplayedStep,
  event: HistoryEvent,
  leaseIds: Set<string>,
  findings: Findings,
): void {
  const id = event.lease_id ?? "none";
  const name = `${event.task_id}/${event.step} attempt ${event.attempt} under ${id}`;
  findings.must("lease_reused", event.lease_id !== null && !leaseIds.has(id), () => name);
  leaseIds.add(id);
  const { template } = step.account;
  for (const parent of template.depends_on) {
    const { state } = replayed.steps.get(parent)!;
    findings.must("child_before_parent", state === "completed", () => `${name}: ${parent} is ${state}`);
  }
  const last = step.leases.findLast(({ returned }) => !returned);
  if (template.on_lost === "hold" && last !== undefined) {
    findings.must("hold_broken", last.accepted === "failed", () => `${name}: nobody knows how ${last.id} ended`);
  }
  const counted = step.leases.filter(({ returned }) => !returned).length + 1;
  findings.must("history_differs", event.attempt === counted, () => `${name} should be attempt ${counted}`);
  const most = template.retryable ? template.retry.limit + 1 : 1;
  findings.must("attempts_exceeded", counted <= most, () => `${name} of ${most}`);
  step.leases.push({ id, attempt: counted, at: event.at, returned: false, accepted: null });
}

/** A worker's doing: an accepted result, or a lease handed back. */
function answer(step: ReplayedStep, event: HistoryEvent, findings: Findings): void {
  const lease = step.leases.find(({ id }) => id === event.lease_id);
  const name = `${event.task_id}/${event.step} ${event.to} under ${event.lease_id}`;
  if (event.to === "ready") {
    if (lease !== undefined) lease.returned = true;
    return;
  }
  findings.must("foreign_result", lease !== undefined && lease === step.leases.at(-1), () => name);
  if (lease === undefined) return;
  const completed = step.leases.some(({ accepted }) => accepted === "completed");
  findings.must("applied_twice", lease.accepted === null && !completed, () => name);
  lease.accepted = event.to === "completed" ? "completed" : "failed";
}

/** The rows say what the history says. */
function compare({ task, status, steps }: ReplayedTask, findings: Findings): void {
  const { id } = task.detail;
  findings.must(
    "history_differs",
    status === task.detail.status,
    () => `task ${id}: row ${task.detail.status}, history ${status}`,
  );
  for (const { account, state, leases } of steps.values()) {
    const { row, name } = account;
    const where = `${id}/${name}`;
    const found = row?.state ?? (state === "ready" ? "ready" : "pending");
    findings.must("history_differs", found === state, () => `${where}: row ${found}, history ${state}`);
    const last = leases.at(-1)?.id ?? null;
    const lease = row?.leaseId ?? null;
    findings.must("history_differs", lease === last, () => `${where}: row has lease ${lease}, history ${last}`);
  }
}
