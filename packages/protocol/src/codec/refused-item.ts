/** One step or result of a message that cannot be used, while its neighbours can. */
import type { ProtocolError } from "../protocol-error.ts";
import { idRule, isObject, type JsonObject } from "./fields.ts";

export interface RefusedItem {
  /** Position in `steps` or `results`. */
  readonly index: number;
  /** Its `ids` say which step and lease this is, where that could be read. */
  readonly error: ProtocolError;
}

/** The ids of a step or result that was refused, as far as they are legal themselves. */
export function readableItemIds(item: unknown): { stepId: number | null; leaseId: string | null } {
  if (!isObject(item)) return { stepId: null, leaseId: null };
  const metadata = isObject(item.metadata) ? item.metadata : ({} as JsonObject);
  const stepId = item.step_id;
  return {
    stepId: typeof stepId === "number" && Number.isSafeInteger(stepId) && stepId > 0 ? stepId : null,
    leaseId: isId(metadata.lease_id) ? metadata.lease_id : null,
  };
}

export function isId(value: unknown): value is string {
  return typeof value === "string" && value.length <= idRule.maxChars && idRule.pattern.test(value);
}
