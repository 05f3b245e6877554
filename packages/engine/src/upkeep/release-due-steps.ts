/** Steps whose time has come: a retry becomes ready, a step that nobody took in time fails. */

import { makeReady } from "../lifecycle/make-ready.ts";
import { moveStep } from "../lifecycle/move-step.ts";
import type { World } from "../memory.ts";
import type { Turn } from "../turn.ts";

/** @param most how many one turn releases, so that ten thousand due at once do not stop everything else */
export function releaseDueSteps(world: World, turn: Turn, most: number): void {
  for (let released = 0; released < most; released++) {
    const step = world.memory.timers.takeDue(turn.now);
    if (step === undefined) return;
    if (step.state === "waiting_for_retry") {
      makeReady(world, turn, step);
      continue;
    }
    step.finishedAt = turn.at;
    step.error = JSON.stringify({
      code: "queue_timeout",
      message: `no worker took it within ${step.plan.queueTimeoutMs} ms; is one running that handles ${step.plan.handler}?`,
    });
    moveStep(world, turn, step, "failed", { actor: "engine", reason: "queue_timeout" });
  }
}
