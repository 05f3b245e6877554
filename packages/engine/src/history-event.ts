/** The history as everybody reads it: one event a transition, with the names that it has on every surface. */
import type { HistoryRow } from "./ports.ts";

export interface HistoryEvent {
  /** Grows in the order of the history, over all tasks. */
  readonly seq: number;
  /** Wall-clock milliseconds; ISO 8601 in JSON. */
  readonly at: number;
  /** UUID. */
  readonly task_id: string;
  /** The step's name; null for the task's own. */
  readonly step: string | null;
  readonly from: string | null;
  readonly to: string;
  readonly attempt: number | null;
  readonly lease_id: string | null;
  readonly worker_id: string | null;
  readonly actor: string;
  readonly reason: string | null;
  /** JSON text, e.g. the content of a late result; null for nearly all. */
  readonly detail: string | null;
}

/** The events of one row. @param taskUuid of the row's task */
export function historyEvents({ seq, at, transitions }: Omit<HistoryRow, "taskId">, taskUuid: string): HistoryEvent[] {
  return transitions.map((transition, position) => ({
    seq: seq + position,
    at,
    task_id: taskUuid,
    step: transition.step,
    from: transition.from,
    to: transition.to,
    attempt: transition.attempt,
    lease_id: transition.leaseId,
    worker_id: transition.workerId,
    actor: transition.actor,
    reason: transition.reason,
    detail: transition.detail,
  }));
}
