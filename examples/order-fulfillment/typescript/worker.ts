/**
 * A worker for the order fulfilment: four handlers, named as the template names them. Arguments are the steps that this
 * process runs, so that others may run the rest; without any it runs them all.
 */
import { Worker } from "@tasker/worker";
import { processPayment } from "./handlers/process-payment.ts";
import { ReserveInventoryHandler } from "./handlers/reserve-inventory.ts";
import { shipOrder } from "./handlers/ship-order.ts";
import { validateOrder } from "./handlers/validate-order.ts";

const worker = new Worker({ version: "1.0.0" });
const register: Record<string, () => unknown> = {
  validate_order: () => worker.handle("OrderFulfillment::StepHandlers::ValidateOrderHandler", validateOrder),
  reserve_inventory: () =>
    worker.handle("OrderFulfillment::StepHandlers::ReserveInventoryHandler", ReserveInventoryHandler),
  process_payment: () => worker.handle("OrderFulfillment::StepHandlers::ProcessPaymentHandler", processPayment),
  ship_order: () => worker.handle("OrderFulfillment::StepHandlers::ShipOrderHandler", shipOrder),
};
const named = process.argv.slice(2);
for (const step of named.length > 0 ? named : Object.keys(register)) register[step]!();
await worker.run();
