"""Takes the money. The step's idempotency key goes to the gateway, so an attempt that is repeated charges nothing twice; and
where nobody knows whether the gateway was reached, the template's `on_lost: hold` waits for a person instead."""

from __future__ import annotations

from typing import Any

from order import Order
from services import gateway
from services.payment_gateway import CardDeclined, GatewayBusy
from tasker_worker import AsyncStep, PermanentError, RetryableError


async def process_payment(step: AsyncStep) -> dict[str, Any]:
    order: Order = step.context
    amount_cents, currency = order["total_cents"], step.config["currency"]
    try:
        charge = await gateway.charge(
            idempotency_key=step.idempotency_key,
            token=order["payment"]["token"],
            amount_cents=amount_cents,
            currency=currency,
        )
    except CardDeclined as error:
        raise PermanentError(str(error), code="card_declined") from error
    except GatewayBusy as error:
        raise RetryableError(str(error), code="gateway_busy", retry_after=error.retry_after) from error
    step.log.info("payment.charged", transaction=charge.transaction_id, amount_cents=amount_cents)
    return {"transaction_id": charge.transaction_id, "amount_cents": amount_cents, "currency": currency}
