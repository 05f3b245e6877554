"""A warehouse: counts what is there and sets goods aside, all of an order or nothing. Asking twice under one key is asking once."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from order import OrderItem


class OutOfStock(Exception):
    pass


class UnknownSku(Exception):
    pass


@dataclass(frozen=True)
class Reservation:
    id: str
    expires_at: datetime


# Keys are forgotten, oldest first, so that a worker may run for ever.
_MOST_REMEMBERED = 10_000


class Inventory:
    def __init__(self, stock: Mapping[str, int]) -> None:
        """`stock` is pieces by SKU."""
        self._stock = dict(stock)
        self._reservations: dict[str, Reservation] = {}
        # Handlers run in several threads.
        self._lock = threading.Lock()

    def available(self, sku: str) -> int:
        return self._stock.get(sku, 0)

    def reserve(self, key: str, items: Sequence[OrderItem], hold_minutes: int) -> Reservation:
        """Raises OutOfStock or UnknownSku; then nothing was set aside."""
        with self._lock:
            earlier = self._reservations.get(key)
            if earlier is not None:
                return earlier
            wanted: Counter[str] = Counter()
            for item in items:
                wanted[item["sku"]] += item["quantity"]
            for sku, quantity in wanted.items():
                self._check(sku, quantity)
            for sku, quantity in wanted.items():
                self._stock[sku] -= quantity
            expires_at = datetime.now(UTC) + timedelta(minutes=hold_minutes)
            reservation = Reservation(f"res_{hashlib.sha256(key.encode()).hexdigest()[:12]}", expires_at)
            self._remember(key, reservation)
            return reservation

    def _check(self, sku: str, quantity: int) -> None:
        stock = self._stock.get(sku)
        if stock is None:
            raise UnknownSku(f"there is no article {sku}")
        if stock < quantity:
            raise OutOfStock(f"{quantity} of {sku} wanted, {stock} there")

    def _remember(self, key: str, reservation: Reservation) -> None:
        self._reservations[key] = reservation
        if len(self._reservations) > _MOST_REMEMBERED:
            del self._reservations[next(iter(self._reservations))]
