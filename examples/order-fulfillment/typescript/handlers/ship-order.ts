/** Books the parcel with a carrier and tells the customer, saying how far it is as it goes. */
import { createHash } from "node:crypto";
import type { Step } from "@tasker/worker";
import type { Order } from "../order.ts";
import type { Payment } from "./process-payment.ts";

interface Config {
  /** Seconds (the seed's name). */
  readonly shipping_timeout: number;
  readonly send_notifications: boolean;
}

interface Results {
  readonly process_payment: Payment;
}

const carriers = { ground: { name: "UPS", days: 4 }, express: { name: "DHL", days: 1 } } as const;
const dayMs = 86_400_000;

export function shipOrder(step: Step<Order, Config, Results>) {
  const { order_id, shipping, customer_info } = step.context;
  const carrier = carriers[shipping.method];
  step.heartbeat({ stage: "booking", carrier: carrier.name });
  const shipment = {
    order_id,
    tracking_number: trackingNumber(step.idempotencyKey),
    carrier: carrier.name,
    estimated_delivery: new Date(Date.now() + carrier.days * dayMs).toISOString().slice(0, 10),
    transaction_id: step.previousResults.process_payment.transaction_id,
  };
  if (step.config.send_notifications) {
    step.log.info("customer.notified", { to: customer_info.email, tracking_number: shipment.tracking_number });
  }
  step.heartbeat({ stage: "booked", carrier: carrier.name });
  return shipment;
}

/** The same for every attempt of this step: a parcel that is booked twice is still one parcel. */
function trackingNumber(idempotencyKey: string): string {
  const digest = createHash("sha256").update(idempotencyKey).digest();
  return `1Z${digest.readBigUInt64BE().toString().padStart(20, "0").slice(-16)}`;
}
