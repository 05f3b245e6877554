"""The order as the template's `input_schema` describes it: the context of every task. Money is in cents."""

from __future__ import annotations

from typing import Literal, TypedDict


class OrderItem(TypedDict):
    sku: str
    quantity: int
    unit_price_cents: int


class CustomerInfo(TypedDict):
    name: str
    email: str


class Payment(TypedDict):
    token: str


class Address(TypedDict):
    street: str
    city: str
    country: str


class Shipping(TypedDict):
    method: Literal["ground", "express"]
    address: Address


class Order(TypedDict):
    order_id: int
    customer_info: CustomerInfo
    items: list[OrderItem]
    total_cents: int
    payment: Payment
    shipping: Shipping
