/**
 * The states of tasks and steps, and the one table of legal transitions (seed: "State Manager"). Every change of state
 * goes through `assertTaskTransition` or `assertStepTransition`; the stores repeat the `from` side as a guard in SQL.
 */

export type TaskStatus = "in_progress" | "blocked" | "completed" | "failed" | "cancelled";

export type StepState =
  | "pending"
  | "ready"
  | "in_progress"
  | "waiting_for_retry"
  | "in_doubt"
  | "completed"
  | "failed"
  | "cancelled";

const taskTransitions: Record<TaskStatus, readonly TaskStatus[]> = {
  in_progress: ["completed", "failed", "blocked", "cancelled"],
  blocked: ["in_progress", "completed", "failed", "cancelled"],
  completed: [],
  failed: [],
  cancelled: [],
};

/**
 * `failed -> completed` and `in_doubt -> completed` are the late result of a lease that nobody else was given since;
 * `ready -> completed` and `waiting_for_retry -> completed` the same, before the next attempt was leased.
 */
const stepTransitions: Record<StepState, readonly StepState[]> = {
  pending: ["ready", "cancelled"],
  ready: ["in_progress", "completed", "failed", "waiting_for_retry", "cancelled"],
  in_progress: ["completed", "waiting_for_retry", "ready", "failed", "in_doubt", "cancelled"],
  waiting_for_retry: ["ready", "completed", "failed", "cancelled"],
  in_doubt: ["completed", "failed", "waiting_for_retry", "cancelled"],
  failed: ["completed", "waiting_for_retry", "cancelled"],
  completed: [],
  cancelled: [],
};

export const taskStatuses = Object.keys(taskTransitions) as TaskStatus[];
export const stepStates = Object.keys(stepTransitions) as StepState[];

/** A final task never changes again and leaves memory. */
export function isFinalTask(status: TaskStatus): boolean {
  return taskTransitions[status].length === 0;
}

export function isLegalTaskTransition(from: TaskStatus, to: TaskStatus): boolean {
  return taskTransitions[from].includes(to);
}

export function isLegalStepTransition(from: StepState, to: StepState): boolean {
  return stepTransitions[from].includes(to);
}

/** @throws Error when the engine itself asks for an illegal change: a bug, never the result of bad input. */
export function assertTaskTransition(from: TaskStatus, to: TaskStatus): void {
  if (!isLegalTaskTransition(from, to)) throw new Error(`illegal task transition ${from} -> ${to}`);
}

/** @throws Error when the engine itself asks for an illegal change: a bug, never the result of bad input. */
export function assertStepTransition(from: StepState, to: StepState): void {
  if (!isLegalStepTransition(from, to)) throw new Error(`illegal step transition ${from} -> ${to}`);
}
