"""The handlers by themselves: no orchestrator, no sockets, one attempt at a time."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

from handlers.process_payment import process_payment
from handlers.reserve_inventory import ReserveInventoryHandler
from handlers.ship_order import ship_order
from handlers.validate_order import validate_order
from services.inventory import Inventory
from tasker_worker.testing import run_handler

ORDER: dict[str, Any] = json.loads((Path(__file__).parent.parent / "context.json").read_text())


class TestValidateOrder:
    CONFIG: dict[str, Any] = {"max_items": 50, "max_total_cents": 1_000_000}

    def test_approves_an_order_whose_parts_agree(self) -> None:
        outcome = run_handler(validate_order, context=ORDER, config=self.CONFIG)
        assert outcome.status == "completed"
        assert outcome.output == {"status": "approved", "item_count": 3, "total_cents": 9300}

    def test_refuses_a_wrong_total_for_good(self) -> None:
        outcome = run_handler(validate_order, context={**ORDER, "total_cents": 1}, config=self.CONFIG)
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.error["message"], outcome.retryable) == (
            "total_mismatch",
            "the items cost 9300 cents, the order says 1",
            False,
        )

    def test_refuses_more_items_than_the_template_allows(self) -> None:
        outcome = run_handler(validate_order, context=ORDER, config={**self.CONFIG, "max_items": 2})
        assert outcome.error is not None
        assert outcome.error["code"] == "too_many_items"


class TestReserveInventory:
    STEP: dict[str, Any] = {
        "context": ORDER,
        "config": {"hold_minutes": 30},
        "previous_results": {"validate_order": {"status": "approved", "item_count": 3, "total_cents": 9300}},
    }

    def stocked(self) -> Inventory:
        return Inventory({"TEA-EARL-GREY-250": 5, "TEAPOT-CAST-IRON": 1})

    def test_sets_the_goods_aside_once_however_often_it_is_asked(self) -> None:
        inventory = self.stocked()
        handler = ReserveInventoryHandler(inventory)
        key = "task-1:reserve_inventory"
        first = run_handler(handler, **self.STEP, idempotency_key=key)
        second = run_handler(handler, **self.STEP, idempotency_key=key, attempt=2)
        assert first.output["reservation_id"].startswith("res_")
        assert second.output == first.output
        assert inventory.available("TEA-EARL-GREY-250") == 3

    def test_asks_to_be_tried_again_later_when_something_is_out_of_stock_and_sets_nothing_aside(self) -> None:
        inventory = self.stocked()
        inventory.reserve("somebody else", [{"sku": "TEAPOT-CAST-IRON", "quantity": 1, "unit_price_cents": 1}], 30)
        outcome = run_handler(ReserveInventoryHandler(inventory), **self.STEP)
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.retryable, outcome.retry_after) == ("out_of_stock", True, 5)
        assert inventory.available("TEA-EARL-GREY-250") == 5

    def test_gives_up_on_an_article_that_does_not_exist(self) -> None:
        context = {**ORDER, "items": [{"sku": "MOON", "quantity": 1, "unit_price_cents": 9300}]}
        outcome = run_handler(ReserveInventoryHandler(self.stocked()), **{**self.STEP, "context": context})
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.retryable) == ("unknown_sku", False)


class TestProcessPayment:
    def paid_with(self, token: str) -> dict[str, Any]:
        return {"context": {**ORDER, "payment": {"token": token}}, "config": {"currency": "USD"}}

    def test_charges_the_orders_total_once_for_one_idempotency_key(self) -> None:
        step = self.paid_with("tok_visa_4242")
        first = run_handler(process_payment, **step, idempotency_key="a")
        again = run_handler(process_payment, **step, idempotency_key="a", attempt=2)
        other = run_handler(process_payment, **step, idempotency_key="b")
        assert (first.output["amount_cents"], first.output["currency"]) == (9300, "USD")
        assert again.output["transaction_id"] == first.output["transaction_id"]
        assert other.output["transaction_id"] != first.output["transaction_id"]

    def test_a_declined_card_is_final(self) -> None:
        outcome = run_handler(process_payment, **self.paid_with("tok_declined"))
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.retryable) == ("card_declined", False)

    def test_a_busy_gateway_says_when_to_come_again(self) -> None:
        outcome = run_handler(process_payment, **self.paid_with("tok_busy"))
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.retryable, outcome.retry_after) == ("gateway_busy", True, 0.5)

    def test_stops_waiting_for_the_gateway_when_the_task_is_cancelled(self) -> None:
        changed_her_mind = threading.Event()

        async def cancelled_on_the_way(step: Any) -> Any:
            changed_her_mind.set()
            while True:
                await process_payment(step)

        outcome = run_handler(cancelled_on_the_way, **self.paid_with("tok_visa_4242"), cancel=changed_her_mind)
        assert outcome.error is not None
        assert outcome.error["code"] == "cancelled"


class TestShipOrder:
    STEP: dict[str, Any] = {
        "config": {"shipping_timeout": 60, "send_notifications": True},
        "previous_results": {"process_payment": {"transaction_id": "txn_789"}},
    }

    def test_books_a_parcel_and_says_how_far_it_is(self) -> None:
        outcome = run_handler(ship_order, context=ORDER, **self.STEP)
        shipment = outcome.output
        assert (shipment["order_id"], shipment["carrier"], shipment["transaction_id"]) == (12345, "UPS", "txn_789")
        assert re.fullmatch(r"1Z\d{16}", shipment["tracking_number"])
        assert outcome.heartbeats == [{"stage": "booking", "carrier": "UPS"}, {"stage": "booked", "carrier": "UPS"}]

    def test_express_goes_with_the_faster_carrier(self) -> None:
        context = {**ORDER, "shipping": {**ORDER["shipping"], "method": "express"}}
        assert run_handler(ship_order, context=context, **self.STEP).output["carrier"] == "DHL"
