/** The handlers by themselves: no orchestrator, no sockets, one attempt at a time. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runHandler } from "@tasker/worker/testing";
import { describe, expect, test } from "vitest";
import { processPayment } from "./handlers/process-payment.ts";
import { ReserveInventoryHandler } from "./handlers/reserve-inventory.ts";
import { shipOrder } from "./handlers/ship-order.ts";
import { validateOrder } from "./handlers/validate-order.ts";
import type { Order } from "./order.ts";
import { Inventory } from "./services/inventory.ts";

const order = JSON.parse(readFileSync(join(import.meta.dirname, "../context.json"), "utf8")) as Order;

describe("validate_order", () => {
  const config = { max_items: 50, max_total_cents: 1_000_000 };

  test("approves an order whose parts agree", async () => {
    const { status, output } = await runHandler(validateOrder, { context: order, config });
    expect(status).toBe("completed");
    expect(output).toEqual({ status: "approved", item_count: 3, total_cents: 9300 });
  });

  test("refuses a wrong total for good", async () => {
    const { error, retryable } = await runHandler(validateOrder, { context: { ...order, total_cents: 1 }, config });
    expect(error).toMatchObject({ code: "total_mismatch", message: "the items cost 9300 cents, the order says 1" });
    expect(retryable).toBe(false);
  });

  test("refuses more items than the template allows", async () => {
    const { error } = await runHandler(validateOrder, { context: order, config: { ...config, max_items: 2 } });
    expect(error?.code).toBe("too_many_items");
  });
});

describe("reserve_inventory", () => {
  const config = { hold_minutes: 30 };
  const previousResults = { validate_order: { status: "approved", item_count: 3, total_cents: 9300 } };
  const stocked = () =>
    new Inventory(
      new Map([
        ["TEA-EARL-GREY-250", 5],
        ["TEAPOT-CAST-IRON", 1],
      ]),
    );

  test("sets the goods aside once, however often it is asked", async () => {
    const inventory = stocked();
    const handler = new ReserveInventoryHandler(inventory);
    const step = { context: order, config, previousResults, idempotencyKey: "task-1:reserve_inventory" };
    const first = await runHandler(handler, step);
    const second = await runHandler(handler, { ...step, attempt: 2 });
    expect(first.output.reservation_id).toMatch(/^res_/);
    expect(second.output).toEqual(first.output);
    expect(inventory.available("TEA-EARL-GREY-250")).toBe(3);
  });

  test("asks to be tried again later when something is out of stock, and sets nothing aside", async () => {
    const inventory = stocked();
    inventory.reserve("somebody else", [{ sku: "TEAPOT-CAST-IRON", quantity: 1 }], 30);
    const handler = new ReserveInventoryHandler(inventory);
    const outcome = await runHandler(handler, { context: order, config, previousResults });
    expect(outcome).toMatchObject({ status: "failed", retryable: true, retryAfterMs: 5_000 });
    expect(outcome.error?.code).toBe("out_of_stock");
    expect(inventory.available("TEA-EARL-GREY-250")).toBe(5);
  });

  test("gives up on an article that does not exist", async () => {
    const context = { ...order, items: [{ sku: "MOON", quantity: 1, unit_price_cents: 9300 }] };
    const outcome = await runHandler(new ReserveInventoryHandler(stocked()), { context, config, previousResults });
    expect(outcome).toMatchObject({ retryable: false, error: { code: "unknown_sku" } });
  });
});

describe("process_payment", () => {
  const config = { currency: "USD" };
  const paidWith = (token: string) => ({ context: { ...order, payment: { token } }, config });

  test("charges the order's total, once for one idempotency key", async () => {
    const first = await runHandler(processPayment, { ...paidWith("tok_visa_4242"), idempotencyKey: "a" });
    const again = await runHandler(processPayment, { ...paidWith("tok_visa_4242"), idempotencyKey: "a", attempt: 2 });
    const other = await runHandler(processPayment, { ...paidWith("tok_visa_4242"), idempotencyKey: "b" });
    expect(first.output).toMatchObject({ amount_cents: 9300, currency: "USD" });
    expect(again.output.transaction_id).toBe(first.output.transaction_id);
    expect(other.output.transaction_id).not.toBe(first.output.transaction_id);
  });

  test("a declined card is final", async () => {
    const outcome = await runHandler(processPayment, paidWith("tok_declined"));
    expect(outcome).toMatchObject({ status: "failed", retryable: false, error: { code: "card_declined" } });
  });

  test("a busy gateway says when to come again", async () => {
    const outcome = await runHandler(processPayment, paidWith("tok_busy"));
    expect(outcome).toMatchObject({ retryable: true, retryAfterMs: 500, error: { code: "gateway_busy" } });
  });

  test("stops waiting for the gateway when the task is cancelled", async () => {
    const signal = AbortSignal.abort(new Error("the customer changed her mind"));
    const outcome = await runHandler(processPayment, { ...paidWith("tok_visa_4242"), signal });
    expect(outcome).toMatchObject({ status: "failed", error: { code: "cancelled" } });
  });
});

describe("ship_order", () => {
  const previousResults = { process_payment: { transaction_id: "txn_789" } };
  const config = { shipping_timeout: 60, send_notifications: true };

  test("books a parcel and says how far it is", async () => {
    const { output, heartbeats } = await runHandler(shipOrder, { context: order, config, previousResults });
    expect(output).toMatchObject({ order_id: 12345, carrier: "UPS", transaction_id: "txn_789" });
    expect(output.tracking_number).toMatch(/^1Z\d{16}$/);
    expect(heartbeats).toEqual([
      { stage: "booking", carrier: "UPS" },
      { stage: "booked", carrier: "UPS" },
    ]);
  });

  test("express goes with the faster carrier", async () => {
    const context = { ...order, shipping: { ...order.shipping, method: "express" } };
    const { output } = await runHandler(shipOrder, { context, config, previousResults });
    expect(output.carrier).toBe("DHL");
  });
});
