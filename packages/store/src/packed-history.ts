/**
 * The transitions of one task as one JSON text, and back: an array per transition, in the order
 * `[step, from, to, attempt, lease_id, worker_id, actor, reason, detail]`, without the nulls at its end. Names stay in
 * full, so that the history can be read with any tool (docs/decisions/0001-history-packed-per-turn.md). What several turns
 * did to a task may stand in one text: `[seq, at]` before the transitions of a later turn is where they begin.
 */
import type { Actor, HistoryRow, Transition } from "@tasker/engine";

/** What one turn did to a task, packed. */
export interface PackedHistoryRow extends Omit<HistoryRow, "transitions"> {
  readonly transitions: string;
}

type PackedTransition = readonly [
  step: string | null,
  from: string | null,
  to: string,
  attempt: number | null,
  leaseId: string | null,
  workerId: string | null,
  actor: Actor,
  reason?: string | null,
  detail?: string | null,
];

type Mark = readonly [seq: number, at: number];

export function packTransitions(transitions: readonly Transition[]): string {
  return JSON.stringify(transitions.map(pack));
}

/** The two rows as one. @param later of the same task, from a later turn */
export function joinPacked(earlier: PackedHistoryRow, later: PackedHistoryRow): PackedHistoryRow {
  const { seq, at, transitions } = later;
  return { ...earlier, transitions: `${earlier.transitions.slice(0, -1)},[${seq},${at}],${transitions.slice(1)}` };
}

/** What each turn did, in order. */
export function unpackHistory({
  seq,
  at,
  transitions,
}: Omit<PackedHistoryRow, "taskId">): Omit<HistoryRow, "taskId">[] {
  let turn = { seq, at, transitions: [] as Transition[] };
  const turns = [turn];
  for (const item of JSON.parse(transitions) as (PackedTransition | Mark)[]) {
    if (isMark(item)) {
      turn = { seq: item[0], at: item[1], transitions: [] };
      turns.push(turn);
    } else turn.transitions.push(unpack(item));
  }
  return turns;
}

function isMark(item: PackedTransition | Mark): item is Mark {
  return typeof item[0] === "number";
}

function unpack(packed: PackedTransition): Transition {
  const [step, from, to, attempt, leaseId, workerId, actor, reason = null, detail = null] = packed;
  return { step, from, to, attempt, leaseId, workerId, actor, reason, detail };
}

function pack({ step, from, to, attempt, leaseId, workerId, actor, reason, detail }: Transition): PackedTransition {
  if (detail !== null) return [step, from, to, attempt, leaseId, workerId, actor, reason, detail];
  if (reason !== null) return [step, from, to, attempt, leaseId, workerId, actor, reason];
  return [step, from, to, attempt, leaseId, workerId, actor];
}
