/** A task in a list: what fits a line, without its steps and context. */
import type { TaskRow } from "@tasker/engine";
import { pageJson, stringJson, timeJson } from "./json-text.ts";

export type TaskItemView = Pick<
  TaskRow,
  | "id"
  | "status"
  | "reason"
  | "priority"
  | "tags"
  | "idempotencyKey"
  | "correlationId"
  | "initiator"
  | "createdAt"
  | "startedAt"
  | "finishedAt"
> & { readonly namespace: string; readonly name: string; readonly version: string };

/** How many steps there are, and in which state. */
export interface TaskProgress {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly in_progress: number;
}

/** @param progress left out of the JSON when absent */
export function taskItemJson(task: TaskItemView, progress?: TaskProgress): string {
  const counts =
    progress === undefined
      ? ""
      : `,"progress":{"total":${progress.total},"completed":${progress.completed},"failed":${progress.failed},"in_progress":${progress.in_progress}}`;
  return `{${taskHeadJson(task, task.reason)},${taskTailJson(task)}${counts}}`;
}

/** @param items texts of `taskItemJson` */
export function taskPageJson(items: readonly string[], nextCursor: string | null): string {
  return pageJson(items, nextCursor);
}

/** The members before the context. @param reason may be derived from the steps */
export function taskHeadJson(task: TaskItemView, reason: string | null): string {
  return (
    `"id":"${task.id}","namespace":${stringJson(task.namespace)},"name":${stringJson(task.name)},` +
    `"version":${stringJson(task.version)},"status":"${task.status}","reason":${stringJson(reason)}`
  );
}

/** The members after the context. */
export function taskTailJson(task: TaskItemView, startedAt = task.startedAt): string {
  return (
    `"priority":${task.priority},"tags":${JSON.stringify(task.tags)},"idempotency_key":${stringJson(task.idempotencyKey)},` +
    `"correlation_id":${stringJson(task.correlationId)},"initiator":${stringJson(task.initiator)},` +
    `"created_at":${timeJson(task.createdAt)},"started_at":${timeJson(startedAt)},"finished_at":${timeJson(task.finishedAt)}`
  );
}
