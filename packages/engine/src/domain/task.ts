/**
 * A task and its steps in memory, while the task is active. A `Step` has the fields of its row (`StepRow`), so that a
 * turn can hand it to the store as it is. A step object exists once one of its dependencies is satisfied; before that
 * it is `pending`, which needs no memory.
 */
import type { StepCheckpoint, StepRow, Transition } from "../ports.ts";
import type { Worker } from "../roster.ts";
import type { Plan, PlanStep } from "./plan.ts";
import type { StepState, TaskStatus } from "./states.ts";

export class Step implements StepRow {
  readonly task: Task;
  readonly plan: PlanStep;
  /** 0 until it has a row. */
  stepId = 0;
  state: StepState = "pending";
  attempt = 0;
  leaseId: string | null = null;
  answered = false;
  workerId: string | null = null;
  leaseMs: number | null = null;
  readyAt: number | null = null;
  startedAt: number | null = null;
  finishedAt: number | null = null;
  wakeAt: number | null = null;
  /** Only from the result to its commit; after that the payload cache or the store has it. */
  output: string | null = null;
  error: string | null = null;
  reason: string | null = null;

  /** JSON text: what the handler of the current attempt last said. */
  progress: string | null = null;
  /** Which cursor the store keeps for the next attempt, or will after this turn. */
  checkpoint: StepCheckpoint | null = null;
  /** Dependencies that are not satisfied yet. */
  openDependencies: number;
  /** Who holds the lease, while it is `in_progress` and its worker is here. */
  owner: Worker | null = null;
  /** Monotonic: when the lease lapses (`in_progress`) or the step wakes (`ready`, `waiting_for_retry`). */
  deadline = Number.POSITIVE_INFINITY;
  /** What the row holds: null when there is none. The guard of the next write. */
  storedState: StepState | null = null;
  storedLease: string | null = null;
  /** This turn writes its row. */
  dirty = false;

  constructor(task: Task, plan: PlanStep) {
    this.task = task;
    this.plan = plan;
    this.openDependencies = plan.dependencies.length;
  }

  get taskId(): number {
    return this.task.taskId;
  }

  get stepIndex(): number {
    return this.plan.index;
  }
}

export class Task {
  readonly taskId: number;
  readonly id: string;
  readonly plan: Plan;
  readonly priority: number;
  readonly createdAt: number;
  status: TaskStatus = "in_progress";
  /** Only from the submission to its commit; after that the payload cache or the store has it. */
  context: string | null = null;
  /** By position; null is a step nothing has happened to. */
  readonly steps: (Step | null)[];
  completed = 0;
  failed = 0;
  inDoubt = 0;
  cancelled = 0;
  /** `ready`, `in_progress` or `waiting_for_retry`: something will happen without anybody's help. */
  live = 0;
  /** Transitions of this turn, null when there are none. */
  transitions: Transition[] | null = null;

  constructor(taskId: number, id: string, plan: Plan, priority: number, createdAt: number) {
    this.taskId = taskId;
    this.id = id;
    this.plan = plan;
    this.priority = priority;
    this.createdAt = createdAt;
    this.steps = new Array<Step | null>(plan.steps.length).fill(null);
  }

  /** The step at this position, made when it is first asked for. */
  step(index: number): Step {
    const known = this.steps[index];
    if (known) return known;
    const made = new Step(this, this.plan.steps[index]!);
    this.steps[index] = made;
    return made;
  }

  /** Keeps the counts that finalisation reads. */
  count(state: StepState, by: 1 | -1): void {
    switch (state) {
      case "ready":
      case "in_progress":
      case "waiting_for_retry":
        this.live += by;
        break;
      case "completed":
        this.completed += by;
        break;
      case "failed":
        this.failed += by;
        break;
      case "in_doubt":
        this.inDoubt += by;
        break;
      case "cancelled":
        this.cancelled += by;
        break;
      case "pending":
        break;
    }
  }
}
