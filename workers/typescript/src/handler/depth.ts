/** How deep what a handler gives may be nested: a message that holds it is refused as a whole beyond the protocol's limit. */
import { exceedsDepth } from "@tasker/json";
import { defaultLimits } from "@tasker/protocol";

/** A cursor stands deepest: in the metadata of a step, in the list of steps, in the batch (spec sections 5.6 and 14). */
export const deepestPayload = defaultLimits.depth - 4;

/** @param text JSON text */
export function isTooDeep(text: string): boolean {
  return exceedsDepth(text, deepestPayload);
}
