/** Sets goods aside. In the class form of the seed: `process(task, sequence, step)`, with a `VERSION` that results carry. */
import { PermanentError, RetryableError, type Sequence, type Step, type StepHandler, type Task } from "@tasker/worker";
import type { Order } from "../order.ts";
import { inventory } from "../services/index.ts";
import { type Inventory, OutOfStock, UnknownSku } from "../services/inventory.ts";
import type { ValidatedOrder } from "./validate-order.ts";

/** New goods come in every few minutes, so it is worth asking again a little later. */
const restockMs = 5_000;

export class ReserveInventoryHandler implements StepHandler {
  static readonly VERSION = "1.1.0";
  readonly #inventory: Inventory;

  constructor(stock: Inventory = inventory) {
    this.#inventory = stock;
  }

  process(task: Task<Order>, sequence: Sequence, step: Step) {
    const validated: ValidatedOrder = sequence.resultOf("validate_order");
    try {
      const reservation = this.#inventory.reserve(step.idempotencyKey, task.context.items, step.config.hold_minutes);
      step.log.info("inventory.reserved", { reservation: reservation.id, items: validated.item_count });
      return { reservation_id: reservation.id, expires_at: reservation.expiresAt.toISOString() };
    } catch (error) {
      if (error instanceof OutOfStock) {
        throw new RetryableError(error.message, { code: "out_of_stock", retryAfterMs: restockMs, cause: error });
      }
      if (error instanceof UnknownSku) throw new PermanentError(error.message, { code: "unknown_sku", cause: error });
      throw error;
    }
  }
}
