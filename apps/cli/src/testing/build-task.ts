/** Tasks and their events as a server would tell them. */
import type { StepView, TaskEvent, TaskView } from "../task-json.ts";

export const taskId = "0198c2f0-0000-7000-8000-000000000001";

/** Wall-clock milliseconds at which every built task was created. */
export const createdAt = Date.UTC(2026, 0, 23, 12, 0, 0);

export function buildStep(name: string, more: Partial<StepView> = {}): StepView {
  return {
    name,
    status: "pending",
    reason: null,
    attempt: 0,
    max_attempts: 4,
    depends_on: [],
    worker_id: null,
    output: null,
    error: null,
    started_at: null,
    finished_at: null,
    ...more,
  };
}

export function buildTask(more: Partial<TaskView> = {}): TaskView {
  return {
    id: taskId,
    namespace: "fulfillment",
    name: "process_order",
    version: "1.0.0",
    status: "in_progress",
    reason: null,
    priority: 0,
    tags: [],
    created_at: new Date(createdAt).toISOString(),
    started_at: null,
    finished_at: null,
    steps: [buildStep("validate"), buildStep("pay"), buildStep("ship")],
    ...more,
  };
}

/** Makes the events of one task, numbered and a tenth of a second apart. */
export class EventLog {
  readonly events: TaskEvent[] = [];

  /** @param step null for the task itself */
  add(step: string | null, from: string | null, to: string, more: Partial<TaskEvent> = {}): this {
    const seq = this.events.length + 1;
    const at = new Date(createdAt + seq * 100).toISOString();
    const rest = { attempt: null, worker_id: null, actor: "engine", reason: null };
    this.events.push({ seq, at, task_id: taskId, step, from, to, ...rest, ...more });
    return this;
  }

  /** The step is leased, and ends so. */
  runs(step: string, to: string, more: Partial<TaskEvent> = {}): this {
    const lease = { attempt: 1, worker_id: "w1" };
    return this.add(step, "pending", "ready")
      .add(step, "ready", "in_progress", lease)
      .add(step, "in_progress", to, { ...lease, ...more });
  }
}
