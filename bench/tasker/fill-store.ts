/** Puts finished tasks into an empty store, as a run would have left them: task, step, history. */
import type { HistoryRow, StepRow, StepWrite, Store, TaskRow, Transition } from "@tasker/engine";
import { payload, type Scenario } from "../scenarios.ts";
import { benchTemplate } from "./templates.ts";

const tasksPerCommit = 1_000;
const at = 1_800_000_000_000;

/** @param store one that was just made */
export async function fillStore(store: Store, scenario: Scenario): Promise<void> {
  const template = { templateId: 1, template: benchTemplate(scenario), source: "", createdAt: at };
  await store.commit({
    newTemplates: [template],
    newTasks: [],
    checkpoints: [],
    stepWrites: [],
    taskUpdates: [],
    history: [],
  });
  const text = payload(scenario.payloadBytes);
  for (let first = 1; first <= scenario.finishedTasks; first += tasksPerCommit) {
    const count = Math.min(tasksPerCommit, scenario.finishedTasks - first + 1);
    const ids = Array.from({ length: count }, (_, i) => first + i);
    await store.commit({
      newTemplates: [],
      newTasks: ids.map((id) => finishedTask(id, text)),
      checkpoints: [],
      stepWrites: ids.map((id) => finishedStep(id, text)),
      taskUpdates: [],
      history: ids.map(history),
    });
  }
}

function finishedTask(taskId: number, context: string): TaskRow {
  return {
    taskId,
    id: `0198f000-0000-7000-8000-${taskId.toString(16).padStart(12, "0")}`,
    templateId: 1,
    status: "completed",
    reason: null,
    context,
    priority: 0,
    tags: [],
    idempotencyKey: null,
    fingerprint: null,
    correlationId: null,
    initiator: null,
    createdAt: at,
    startedAt: at,
    finishedAt: at,
  };
}

function finishedStep(stepId: number, output: string): StepWrite {
  const row: StepRow = {
    stepId,
    taskId: stepId,
    stepIndex: 0,
    state: "completed",
    attempt: 1,
    leaseId: leaseOf(stepId),
    answered: true,
    workerId: "bench-1",
    leaseMs: null,
    readyAt: at,
    startedAt: at,
    finishedAt: at,
    wakeAt: null,
    output,
    error: null,
    reason: null,
  };
  return { guard: null, row };
}

const transitionsPerTask = 5;

function history(taskId: number): HistoryRow {
  const none = { attempt: null, leaseId: null, workerId: null, reason: null, detail: null };
  const lease = { attempt: 1, leaseId: leaseOf(taskId), workerId: "bench-1", reason: null, detail: null };
  const transitions: Transition[] = [
    { ...none, step: null, from: null, to: "in_progress", actor: "client" },
    { ...none, step: "step_0", from: "pending", to: "ready", actor: "engine" },
    { ...lease, step: "step_0", from: "ready", to: "in_progress", actor: "engine" },
    { ...lease, step: "step_0", from: "in_progress", to: "completed", actor: "worker" },
    { ...none, step: null, from: "in_progress", to: "completed", actor: "engine" },
  ];
  return { seq: (taskId - 1) * transitionsPerTask + 1, taskId, at, transitions };
}

function leaseOf(stepId: number): string {
  return `batch_0a1b2c3d4e5f6071.${stepId}`;
}
