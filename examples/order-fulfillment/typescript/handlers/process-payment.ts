/**
 * Takes the money. The step's idempotency key goes to the gateway, so an attempt that is repeated charges nothing twice; and
 * where nobody knows whether the gateway was reached, the template's `on_lost: hold` waits for a person instead.
 */
import { PermanentError, RetryableError, type Step } from "@tasker/worker";
import type { Order } from "../order.ts";
import { gateway } from "../services/index.ts";
import { CardDeclined, GatewayBusy } from "../services/payment-gateway.ts";

interface Config {
  readonly currency: string;
}

export interface Payment {
  readonly transaction_id: string;
  readonly amount_cents: number;
  readonly currency: string;
}

export async function processPayment(step: Step<Order, Config>): Promise<Payment> {
  const { payment, total_cents: amountCents } = step.context;
  const { currency } = step.config;
  try {
    const charge = await gateway.charge(
      { idempotencyKey: step.idempotencyKey, token: payment.token, amountCents, currency },
      step.signal,
    );
    step.log.info("payment.charged", { transaction: charge.transactionId, amount_cents: amountCents });
    return { transaction_id: charge.transactionId, amount_cents: amountCents, currency };
  } catch (error) {
    if (error instanceof CardDeclined) throw new PermanentError(error.message, { code: "card_declined", cause: error });
    if (error instanceof GatewayBusy) {
      throw new RetryableError(error.message, { code: "gateway_busy", retryAfterMs: error.retryAfterMs, cause: error });
    }
    throw error;
  }
}
