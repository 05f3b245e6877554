"""What the handlers reach outside themselves. Here both live in this process; in a shop they would be other systems."""

from .inventory import Inventory
from .payment_gateway import PaymentGateway

_PLENTY = 1_000_000

inventory = Inventory(dict.fromkeys(("TEA-EARL-GREY-250", "TEA-DARJEELING-100", "TEAPOT-CAST-IRON"), _PLENTY))
gateway = PaymentGateway()
