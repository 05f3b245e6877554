/** Entries of the history as JSON, for pages and streams alike. */
import type { HistoryRow } from "@tasker/engine";
import type { LiveEvent } from "../ports.ts";
import { pageJson, stringJson, timeJson } from "./json-text.ts";

/** `detail` is there only when the entry has one. */
export function eventJson(event: LiveEvent): string {
  const detail = event.detail === null ? "" : `,"detail":${event.detail}`;
  return (
    `{"seq":${event.seq},"at":${timeJson(event.at)},"task_id":"${event.task_id}","step":${stringJson(event.step)},` +
    `"from":${stringJson(event.from)},"to":${stringJson(event.to)},"attempt":${event.attempt},` +
    `"lease_id":${stringJson(event.lease_id)},"worker_id":${stringJson(event.worker_id)},` +
    `"actor":${stringJson(event.actor)},"reason":${stringJson(event.reason)}${detail}}`
  );
}

/**
 * One page of a history. A full page has a cursor, the `seq` to go on after.
 * @param limit what was asked for; `events` has no more
 */
export function eventPageJson(events: readonly LiveEvent[], limit: number): string {
  const last = events[events.length - 1];
  return pageJson(events.map(eventJson), last !== undefined && events.length >= limit ? String(last.seq) : null);
}

/** The entries of a committed history row. @param taskUuid of the row's task */
export function historyEvents(row: HistoryRow, taskUuid: string): LiveEvent[] {
  return row.transitions.map((transition, index) => ({
    seq: row.seq + index,
    at: row.at,
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
