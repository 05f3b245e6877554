/** Compares what the engine holds in memory with what was committed, at the end of each turn. */
import type { Engine } from "@tasker/engine";
import type { Ledger, TaskAccount } from "./ledger.ts";
import { must } from "./violation.ts";

export type Memory = Engine["memory"];
export type RosterWorker = ReturnType<Engine["workers"]>[number];
type Task = NonNullable<ReturnType<Memory["tasks"]["get"]>>;

/** What is looked at. */
export interface Inspected {
  readonly memory: Memory;
  readonly metrics: Engine["metrics"];
  readonly workers: readonly RosterWorker[];
}

export class MemoryJudge {
  readonly #ledger: Ledger;
  /** Tasks that the engine had in memory at the end of its last turn. */
  readonly #remembered = new Map<string, Task>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Memory is the store's, every lease has somebody to end it, and of finished tasks nothing is left. */
  compare({ memory, metrics, workers }: Inspected): void {
    const active = this.#ledger.activeTasks;
    const { size } = memory.tasks;
    must("memory-is-the-store", size === active.length, () => `${size} tasks in memory, ${active.length} are active`);
    for (const account of active) compareTask(account, memory, workers);
    for (const step of memory.orphans)
      must("leases-have-owners", step.state === "in_progress" && step.owner === null, () => `orphan ${step.leaseId}`);
    for (const step of memory.leased.values()) {
      const known = memory.tasks.get(step.task.id) === step.task;
      must("memory-ends-with-the-task", known, () => `lease ${step.leaseId} of a finished task is still in memory`);
    }
    this.#checkForgotten(memory);
    for (const state of ["ready", "in_progress", "waiting_for_retry", "in_doubt"] as const) {
      const count = active.flatMap(({ steps }) => [...steps.values()]).filter((step) => step.state === state).length;
      const shown = metrics.steps[state];
      must("metrics-are-true", shown === count, () => `${shown} steps are said to be ${state}, ${count} are`);
    }
  }

  /** Of a task that left memory nothing is left in the payload cache. */
  #checkForgotten(memory: Memory): void {
    for (const task of memory.tasks.values()) this.#remembered.set(task.id, task);
    for (const [id, task] of this.#remembered) {
      if (memory.tasks.has(id)) continue;
      const kept = [task, ...task.steps].some((holder) => holder !== null && memory.payloads.get(holder) !== undefined);
      must("memory-ends-with-the-task", !kept, () => `payloads of task ${task.taskId} are still in memory`);
      this.#remembered.delete(id);
    }
  }
}

function compareTask(account: TaskAccount, memory: Memory, workers: readonly RosterWorker[]): void {
  const task = memory.tasks.get(account.row.id);
  must("memory-is-the-store", task?.status === account.status, () => `task ${account.row.taskId} is ${task?.status}`);
  for (const step of account.steps.values()) {
    const held = task.steps[step.index];
    const state = held?.state ?? "pending";
    must("memory-is-the-store", state === step.state, () => `${account.row.taskId}/${step.name} is ${state}`);
    if (held == null || state !== "in_progress") continue;
    const { owner, deadline, leaseId } = held;
    must("leases-have-owners", memory.leased.get(held.stepId) === held, () => `${leaseId} cannot be answered`);
    const owned = owner === null ? memory.orphans.has(held) : workers.includes(owner) && owner.steps.has(held);
    must("leases-have-owners", owned && Number.isFinite(deadline), () => `${leaseId} has no owner and no deadline`);
  }
}
