"""Say which enrolled person's picture a reviewer may look at, sealed as work orders are. Orders no recognition, so it counts as no call.

Without one a worker opens no picture: who can reach its socket, but not the gateway's seal, sees nobody."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from engine.errors import OrderRefused
from engine.orders import CLOCK_SKEW, SubjectReference
from engine.stamps import OrderSeal, SealCheck, stamped, unstamped

FORMAT: Final = b"custodes-view@v1"
LIVES: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ViewOrder:
    """One look at one enrolled person, for the reviewer whose claim stands in the log at `claim_index`."""

    boot: str
    claim_index: int
    subject: SubjectReference
    issued_at: datetime


_DECODER = msgspec.json.Decoder(ViewOrder)


def seal_view(order: ViewOrder, with_seal: OrderSeal) -> bytes:
    """Return the order as bytes that a worker will believe."""
    return stamped(FORMAT, msgspec.json.encode(order, order="sorted"), with_seal)


def open_view(sealed: bytes, check: SealCheck, boot: str, now: datetime) -> ViewOrder:
    """Return the order inside. Raises OrderRefused: order-forged, order-mismatch for another boot's, order-expired outside its time."""
    try:
        order = _DECODER.decode(unstamped(FORMAT, sealed, check))
    except msgspec.MsgspecError:
        raise OrderRefused("The order does not carry the gateway's seal.", code="order-forged") from None
    if order.boot != boot:
        raise OrderRefused("The order was made for another run of the engine; ask again.", code="order-mismatch")
    if not order.issued_at - CLOCK_SKEW <= now < order.issued_at + LIVES:
        raise OrderRefused("The order is not in force at this moment; ask again.", code="order-expired")
    return order
