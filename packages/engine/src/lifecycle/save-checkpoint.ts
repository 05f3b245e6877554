/**
 * A handler saves how far it is, and the step's next attempt goes on from there (spec section 20). Kept only under a live
 * lease, so that an attempt that was given up cannot overwrite what a later one saved; settled after the commit.
 */
import type { World } from "../memory.ts";
import type { SavedCheckpoint } from "../ports.ts";
import type { Worker } from "../roster.ts";
import type { Turn } from "../turn.ts";
import { leasedStep } from "./leased-step.ts";

export function saveCheckpoint(
  world: World,
  turn: Turn,
  sender: Worker | undefined,
  { leaseId, seq, cursor }: SavedCheckpoint,
): void {
  const step = leasedStep(world, leaseId);
  if (step?.state !== "in_progress") {
    world.metrics.checkpoints.stale++;
    turn.settleCheckpoint(sender, { leaseId, seq, refused: "stale_lease" });
    return;
  }
  const kept = step.checkpoint;
  // One that comes twice, or behind a newer one, is only confirmed.
  if (kept === null || kept.leaseId !== leaseId || kept.seq < seq) {
    step.checkpoint = { leaseId, seq };
    turn.keepCheckpoint(step, { stepId: step.stepId, leaseId, seq, cursor, savedAt: turn.at });
    world.metrics.checkpoints.kept++;
  }
  turn.settleCheckpoint(sender, { leaseId, seq, refused: null });
}
