/** Checks what a JSON Schema cannot: that the parts of the order agree with each other. */
import { PermanentError, type Step } from "@tasker/worker";
import type { Order } from "../order.ts";

interface Config {
  readonly max_items: number;
  readonly max_total_cents: number;
}

export interface ValidatedOrder {
  readonly status: "approved";
  readonly item_count: number;
  readonly total_cents: number;
}

/** A wrong order stays wrong, so every refusal is permanent; its code tells programs which rule it broke. */
export function validateOrder(step: Step<Order, Config>): ValidatedOrder {
  const { items, total_cents } = step.context;
  const itemCount = items.reduce((sum, item) => sum + item.quantity, 0);
  const sum = items.reduce((total, item) => total + item.quantity * item.unit_price_cents, 0);
  if (itemCount > step.config.max_items) {
    throw new PermanentError(`${itemCount} items; one order may have ${step.config.max_items}`, {
      code: "too_many_items",
    });
  }
  if (sum !== total_cents) {
    throw new PermanentError(`the items cost ${sum} cents, the order says ${total_cents}`, { code: "total_mismatch" });
  }
  if (sum > step.config.max_total_cents) {
    throw new PermanentError(`${sum} cents is more than one order may cost`, { code: "total_too_high" });
  }
  return { status: "approved", item_count: itemCount, total_cents: sum };
}
