/**
 * Where every step of a task stands, kept up to date by its events. An event costs the same for ten steps and for ten
 * thousand; a frame reads only the counts and the first few of each group.
 */
import { errorMessage, isSettled, progressText, type TaskEvent, type TaskView, templateName } from "../task-json.ts";

export interface BoardStep {
  readonly name: string;
  readonly maxAttempts: number;
  status: string;
  attempt: number;
  workerId: string | null;
  reason: string | null;
  error: string | null;
  /** What its handler last said about how far it is. */
  progress: string | null;
  /** Wall-clock milliseconds of the last change; 0: none yet. */
  since: number;
}

/** The order in which states are counted and shown: what needs a person first. */
export const stateOrder = [
  "failed",
  "in_doubt",
  "waiting_for_retry",
  "in_progress",
  "ready",
  "waiting",
  "pending",
  "skipped",
  "cancelled",
  "resolved_manually",
  "completed",
];

const failing = new Set(["failed", "in_doubt", "waiting_for_retry"]);
/** A step in one of these will not run again by itself. */
const ended = new Set(["completed", "failed", "cancelled", "skipped", "resolved_manually"]);

export class TaskBoard {
  readonly id: string;
  readonly title: string;
  readonly createdAt: number;
  readonly total: number;
  status = "in_progress";
  reason: string | null = null;
  finishedAt: number | null = null;
  /** Steps that will not run again by themselves. */
  ended = 0;
  readonly counts = new Map<string, number>();
  /** Failed, in doubt, or waiting for another attempt; in the order in which that happened. */
  readonly failing = new Set<BoardStep>();
  /** In the order in which they started. */
  readonly running = new Set<BoardStep>();
  /** A step has failed since the errors were last read. */
  missesErrors = false;
  readonly #steps = new Map<string, BoardStep>();

  /** The board before anything has happened: the events of the task, from the first one on, bring it up to date. */
  constructor(task: TaskView) {
    this.id = task.id;
    this.title = templateName(task);
    this.createdAt = Date.parse(task.created_at);
    this.total = task.steps.length;
    for (const { name, max_attempts } of task.steps) {
      const unset = { workerId: null, reason: null, error: null, progress: null, since: 0 };
      this.#steps.set(name, { name, maxAttempts: max_attempts, status: "pending", attempt: 0, ...unset });
    }
    if (this.total > 0) this.counts.set("pending", this.total);
  }

  apply(event: TaskEvent): void {
    // A late result that was only recorded changes nothing.
    if (event.from === event.to) return;
    if (event.step === null) this.#moveTask(event);
    else {
      const step = this.#steps.get(event.step);
      if (step !== undefined) this.#moveStep(step, event);
    }
  }

  /** Takes what events do not carry: errors, what handlers say about how far they are, and how the task ended. */
  learn(task: TaskView): void {
    for (const { name, error, progress } of task.steps) {
      const step = this.#steps.get(name);
      if (step === undefined) continue;
      step.error = errorMessage(error);
      step.progress = progressText(progress);
    }
    this.missesErrors = false;
    this.reason = task.reason;
    if (task.finished_at !== null) this.finishedAt = Date.parse(task.finished_at);
  }

  get isSettled(): boolean {
    return isSettled(this.status);
  }

  #moveTask(event: TaskEvent): void {
    this.status = event.to;
    this.reason = event.reason;
    this.finishedAt = this.isSettled ? Date.parse(event.at) : null;
  }

  #moveStep(step: BoardStep, event: TaskEvent): void {
    this.#count(step.status, -1);
    this.#count(event.to, 1);
    this.failing.delete(step);
    this.running.delete(step);
    step.status = event.to;
    step.attempt = event.attempt ?? step.attempt;
    step.workerId = event.worker_id;
    step.reason = event.reason;
    step.since = Date.parse(event.at);
    step.progress = null;
    if (failing.has(event.to)) {
      this.failing.add(step);
      this.missesErrors = true;
    }
    if (event.to === "in_progress") this.running.add(step);
  }

  #count(status: string, by: 1 | -1): void {
    const count = (this.counts.get(status) ?? 0) + by;
    if (count === 0) this.counts.delete(status);
    else this.counts.set(status, count);
    if (ended.has(status)) this.ended += by;
  }
}

/** `completed 21 · in_progress 8 · pending 16`, what needs a person first. */
export function countsOf(counts: ReadonlyMap<string, number>): [status: string, count: number][] {
  const rank = (status: string) => {
    const at = stateOrder.indexOf(status);
    return at < 0 ? stateOrder.length : at;
  };
  return [...counts].sort(([a], [b]) => rank(a) - rank(b));
}
