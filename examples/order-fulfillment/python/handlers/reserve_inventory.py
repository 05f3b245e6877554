"""Sets goods aside. In the class form of the seed: `process(task, sequence, step)`, with a `VERSION` that results carry."""

from __future__ import annotations

from typing import Any

from services import inventory
from services.inventory import Inventory, OutOfStock, UnknownSku
from tasker_worker import PermanentError, RetryableError, Sequence, Step, Task

# New goods come in every few minutes, so it is worth asking again a little later.
_RESTOCK_SECONDS = 5


class ReserveInventoryHandler:
    VERSION = "1.1.0"

    def __init__(self, stock: Inventory = inventory) -> None:
        self._inventory = stock

    def process(self, task: Task, sequence: Sequence, step: Step) -> dict[str, Any]:
        validated = sequence.result_of("validate_order")
        items, hold_minutes = task.context["items"], step.config["hold_minutes"]
        try:
            reservation = self._inventory.reserve(step.idempotency_key, items, hold_minutes)
        except OutOfStock as error:
            raise RetryableError(str(error), code="out_of_stock", retry_after=_RESTOCK_SECONDS) from error
        except UnknownSku as error:
            raise PermanentError(str(error), code="unknown_sku") from error
        step.log.info("inventory.reserved", reservation=reservation.id, items=validated["item_count"])
        expires_at = reservation.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"reservation_id": reservation.id, "expires_at": expires_at}
