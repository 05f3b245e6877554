/** The history, unpacked into events: of one task, or of all. */
import type { DatabaseSync } from "node:sqlite";
import { type HistoryEvent, historyEvents } from "@tasker/engine";
import { unpackHistory } from "../../packed-history.ts";

/** Begins with the row that holds `after`, or the next one; a row holds at least one event. */
const ofTaskSql = `
  select h.seq, t.id, h.at, h.transitions
  from tasks t cross join history h on h.task_id = t.task_id
  where t.id = :id
    and h.seq >= coalesce((select max(seq) from history where task_id = t.task_id and seq <= :after), 0)
  order by h.seq limit :limit + 1`;

/** Begins with the publication that holds `after`, or the next one. */
const ofAllSql = `
  select h.seq, t.id, h.at, h.transitions, h.publication
  from history h join tasks t on t.task_id = h.task_id
  where h.seq >= coalesce((select publication from history where seq <= :after order by seq desc limit 1), 0)
  order by h.seq`;

interface HistoryRecord {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly transitions: string;
}

interface PublishedRecord extends HistoryRecord {
  readonly publication: number;
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
  return (after, limit) => {
    const events: HistoryEvent[] = [];
    const records = list.iterate({ after }) as Iterable<unknown> as Iterable<PublishedRecord>;
    for (const published of eventsByPublication(records)) {
      for (const event of published) if (event.seq > after && events.length < limit) events.push(event);
      if (events.length >= limit) break;
    }
    return events;
  };
}

/** Rows of one publication overlap, so their events are put in order before the next one's. */
function* eventsByPublication(records: Iterable<PublishedRecord>): Generator<HistoryEvent[]> {
  let publication = 0;
  let events: HistoryEvent[] = [];
  for (const record of records) {
    if (record.publication !== publication) {
      yield events.sort((a, b) => a.seq - b.seq);
      events = [];
      publication = record.publication;
    }
    for (const event of eventsOf(record)) events.push(event);
  }
  yield events.sort((a, b) => a.seq - b.seq);
}

function unpack(records: Iterable<HistoryRecord>, after: number, limit: number): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const record of records) {
    for (const event of eventsOf(record)) if (event.seq > after && events.length < limit) events.push(event);
    if (events.length >= limit) break;
  }
  return events;
}

function eventsOf({ id, ...row }: HistoryRecord): HistoryEvent[] {
  return unpackHistory(row).flatMap((turn) => historyEvents(turn, id));
}
