/**
 * A payment gateway as real ones behave: it takes a moment, declines some cards, is sometimes busy, and charges once for one
 * idempotency key however often it is asked, also by another process: the transaction's id follows from the key.
 */
import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

export class CardDeclined extends Error {}

export class GatewayBusy extends Error {
  readonly retryAfterMs: number;
  constructor(retryAfterMs: number) {
    super("the gateway is busy");
    this.retryAfterMs = retryAfterMs;
  }
}

export interface ChargeRequest {
  readonly idempotencyKey: string;
  /** `tok_declined` is declined, `tok_busy` meets a busy gateway; every other card is good. */
  readonly token: string;
  readonly amountCents: number;
  readonly currency: string;
}

export interface Charge {
  readonly transactionId: string;
}

const answersAfterMs = 2;
const busyForMs = 500;

export class PaymentGateway {
  /** @throws CardDeclined, GatewayBusy; the signal's reason when it aborts first, and then the charge may have been made or not */
  async charge(request: ChargeRequest, signal: AbortSignal): Promise<Charge> {
    await wait(answersAfterMs, undefined, { signal });
    if (request.token === "tok_declined") throw new CardDeclined("the bank declined the card");
    if (request.token === "tok_busy") throw new GatewayBusy(busyForMs);
    const { idempotencyKey, amountCents, currency } = request;
    const digest = createHash("sha256").update(`${idempotencyKey} ${amountCents} ${currency}`).digest("hex");
    return { transactionId: `txn_${digest.slice(0, 16)}` };
  }
}
