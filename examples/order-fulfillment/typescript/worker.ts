/** A worker for the order fulfilment: four handlers, named as the template names them. */
import { Worker } from "@tasker/worker";
import { processPayment } from "./handlers/process-payment.ts";
import { ReserveInventoryHandler } from "./handlers/reserve-inventory.ts";
import { shipOrder } from "./handlers/ship-order.ts";
import { validateOrder } from "./handlers/validate-order.ts";

const worker = new Worker({ version: "1.0.0" });
worker.handle("OrderFulfillment::StepHandlers::ValidateOrderHandler", validateOrder);
worker.handle("OrderFulfillment::StepHandlers::ReserveInventoryHandler", ReserveInventoryHandler);
worker.handle("OrderFulfillment::StepHandlers::ProcessPaymentHandler", processPayment);
worker.handle("OrderFulfillment::StepHandlers::ShipOrderHandler", shipOrder);
await worker.run();
