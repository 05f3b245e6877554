/** The history, unpacked into events: of one task, or of all. */
import type { DatabaseSync } from "node:sqlite";
import { type HistoryEvent, historyEvents } from "@tasker/engine";
import { unpackTransitions } from "../../packed-history.ts";

/** Begins with the row that holds `after`, or the next one; a row holds at least one event. */
const ofTaskSql = `
  select h.seq, t.id, h.at, h.transitions
  from tasks t cross join history h on h.task_id = t.task_id
  where t.id = :id
    and h.seq >= coalesce((select max(seq) from history where task_id = t.task_id and seq <= :after), 0)
  order by h.seq limit :limit + 1`;

const ofAllSql = `
  select h.seq, t.id, h.at, h.transitions
  from history h join tasks t on t.task_id = h.task_id
  where h.seq >= coalesce((select max(seq) from history where seq <= :after), 0)
  order by h.seq limit :limit + 1`;

interface HistoryRecord {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly transitions: string;
}

export function prepareEventsOfTask(
  database: DatabaseSync,
): (id: string, after: number, limit: number) => HistoryEvent[] {
  const list = database.prepare(ofTaskSql);
  return (id, after, limit) =>
    unpack(list.iterate({ id, after, limit }) as Iterable<unknown> as Iterable<HistoryRecord>, after, limit);
}

export function prepareEventsOfAll(database: DatabaseSync): (after: number, limit: number) => HistoryEvent[] {
  const list = database.prepare(ofAllSql);
  return (after, limit) =>
    unpack(list.iterate({ after, limit }) as Iterable<unknown> as Iterable<HistoryRecord>, after, limit);
}

function unpack(records: Iterable<HistoryRecord>, after: number, limit: number): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const record of records) {
    for (const event of eventsOf(record)) if (event.seq > after && events.length < limit) events.push(event);
    if (events.length >= limit) break;
  }
  return events;
}

function eventsOf({ seq, id, at, transitions }: HistoryRecord): HistoryEvent[] {
  return historyEvents({ seq, at, transitions: unpackTransitions(transitions) }, id);
}
