/**
 * The transitions of one task in one turn as one JSON text, and back: an array per transition, in the order
 * `[step, from, to, attempt, lease_id, worker_id, actor, reason, detail]`, without the nulls at its end. Names stay in
 * full, so that the history can be read with any tool (docs/decisions/0001-history-packed-per-turn.md).
 */
import type { Actor, Transition } from "@tasker/engine";

type PackedTransition = [
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

export function packTransitions(transitions: readonly Transition[]): string {
  return JSON.stringify(transitions.map(pack));
}

export function unpackTransitions(packed: string): Transition[] {
  return (JSON.parse(packed) as PackedTransition[]).map(
    ([step, from, to, attempt, leaseId, workerId, actor, reason = null, detail = null]) => ({
      step,
      from,
      to,
      attempt,
      leaseId,
      workerId,
      actor,
      reason,
      detail,
    }),
  );
}

function pack(transition: Transition): PackedTransition {
  const { step, from, to, attempt, leaseId, workerId, actor, reason, detail } = transition;
  const packed: PackedTransition = [step, from, to, attempt, leaseId, workerId, actor];
  if (detail !== null) packed.push(reason, detail);
  else if (reason !== null) packed.push(reason);
  return packed;
}
