"""Checks what a JSON Schema cannot: that the parts of the order agree with each other."""

from __future__ import annotations

from typing import Any

from order import Order
from tasker_worker import PermanentError, Step


def validate_order(step: Step) -> dict[str, Any]:
    """A wrong order stays wrong, so every refusal is permanent; its code tells programs which rule it broke."""
    order: Order = step.context
    item_count = sum(item["quantity"] for item in order["items"])
    total = sum(item["quantity"] * item["unit_price_cents"] for item in order["items"])
    if item_count > step.config["max_items"]:
        raise PermanentError(
            f"{item_count} items; one order may have {step.config['max_items']}", code="too_many_items"
        )
    if total != order["total_cents"]:
        said = order["total_cents"]
        raise PermanentError(f"the items cost {total} cents, the order says {said}", code="total_mismatch")
    if total > step.config["max_total_cents"]:
        raise PermanentError(f"{total} cents is more than one order may cost", code="total_too_high")
    return {"status": "approved", "item_count": item_count, "total_cents": total}
