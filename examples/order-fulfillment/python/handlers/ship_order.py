"""Books the parcel with a carrier and tells the customer, saying how far it is as it goes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from order import Order
from tasker_worker import Step

_CARRIERS = {"ground": ("UPS", timedelta(days=4)), "express": ("DHL", timedelta(days=1))}


def ship_order(step: Step) -> dict[str, Any]:
    order: Order = step.context
    carrier, takes = _CARRIERS[order["shipping"]["method"]]
    step.heartbeat({"stage": "booking", "carrier": carrier})
    shipment = {
        "order_id": order["order_id"],
        "tracking_number": _tracking_number(step.idempotency_key),
        "carrier": carrier,
        "estimated_delivery": (datetime.now(UTC) + takes).date().isoformat(),
        "transaction_id": step.previous_results["process_payment"]["transaction_id"],
    }
    if step.config["send_notifications"]:
        to = order["customer_info"]["email"]
        step.log.info("customer.notified", to=to, tracking_number=shipment["tracking_number"])
    step.heartbeat({"stage": "booked", "carrier": carrier})
    return shipment


def _tracking_number(idempotency_key: str) -> str:
    """The same for every attempt of this step: a parcel that is booked twice is still one parcel."""
    number = int.from_bytes(hashlib.sha256(idempotency_key.encode()).digest()[:8], "big")
    return f"1Z{str(number).zfill(20)[-16:]}"
