"""A payment gateway as real ones behave: it takes a moment, declines some cards, is sometimes busy, and charges once for one
idempotency key however often it is asked, also by another process: the transaction's id follows from the key."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass


class CardDeclined(Exception):
    pass


class GatewayBusy(Exception):
    def __init__(self, retry_after: float) -> None:
        super().__init__("the gateway is busy")
        self.retry_after = retry_after
        """Seconds."""


@dataclass(frozen=True)
class Charge:
    transaction_id: str


_ANSWERS_AFTER = 0.002
_BUSY_FOR = 0.5


class PaymentGateway:
    async def charge(self, *, idempotency_key: str, token: str, amount_cents: int, currency: str) -> Charge:
        """`tok_declined` is declined, `tok_busy` meets a busy gateway; every other card is good.

        Raises CardDeclined or GatewayBusy. When it is cancelled, the charge may have been made or not.
        """
        await asyncio.sleep(_ANSWERS_AFTER)
        if token == "tok_declined":
            raise CardDeclined("the bank declined the card")
        if token == "tok_busy":
            raise GatewayBusy(_BUSY_FOR)
        digest = hashlib.sha256(f"{idempotency_key} {amount_cents} {currency}".encode()).hexdigest()
        return Charge(f"txn_{digest[:16]}")
