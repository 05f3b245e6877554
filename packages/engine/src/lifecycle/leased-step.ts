/** From a lease, as executors name it, to the step that it is the last lease of. */
import type { Step } from "../domain/task.ts";
import type { World } from "../memory.ts";

/** The active step whose last lease this is; it may be revoked, but has had no answer. */
export function leasedStep(world: World, leaseId: string): Step | undefined {
  const step = world.memory.leased.get(Number(leaseId.slice(leaseId.lastIndexOf(".") + 1)));
  return step?.leaseId === leaseId ? step : undefined;
}
