/** Entries of the history as JSON, for pages and streams alike. */
import type { HistoryEvent } from "@tasker/engine";
import { pageJson, stringJson, timeJson } from "./json-text.ts";

/** `detail` is there only when the entry has one. */
export function eventJson(event: HistoryEvent): string {
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
export function eventPageJson(events: readonly HistoryEvent[], limit: number): string {
  const last = events[events.length - 1];
  return pageJson(events.map(eventJson), last !== undefined && events.length >= limit ? String(last.seq) : null);
}
