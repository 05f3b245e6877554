"""A worker for the order fulfilment: four handlers, named as the template names them. Arguments are the steps that this process
runs, so that others may run the rest; without any it runs them all."""

from __future__ import annotations

import sys
from typing import Any

from handlers.process_payment import process_payment
from handlers.reserve_inventory import ReserveInventoryHandler
from handlers.ship_order import ship_order
from handlers.validate_order import validate_order
from tasker_worker import Worker

HANDLERS: dict[str, tuple[str, Any]] = {
    "validate_order": ("OrderFulfillment::StepHandlers::ValidateOrderHandler", validate_order),
    "reserve_inventory": ("OrderFulfillment::StepHandlers::ReserveInventoryHandler", ReserveInventoryHandler),
    "process_payment": ("OrderFulfillment::StepHandlers::ProcessPaymentHandler", process_payment),
    "ship_order": ("OrderFulfillment::StepHandlers::ShipOrderHandler", ship_order),
}

if __name__ == "__main__":
    worker = Worker(version="1.0.0")
    for step_name in sys.argv[1:] or HANDLERS:
        name, handler = HANDLERS[step_name]
        worker.handle(name, handler)
    worker.run()
