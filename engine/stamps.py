"""Put a seal's stamp under an order's bytes, and take nothing for an order that does not carry it. Knows no order and no key."""

import base64
import binascii
from typing import Protocol

from engine.errors import OrderRefused

LONGEST_ORDER = 65536  # bytes of a sealed order, with the subjects that it passes over


class OrderSeal(Protocol):
    """What the gateway stamps orders with."""

    @property
    def scheme(self) -> str:
        """The name of the algorithm, which the stamp covers."""
        ...

    def stamp(self, message: bytes) -> bytes:
        """Return a stamp that only the holder of this seal can make for exactly this message."""
        ...


class SealCheck(Protocol):
    """What a worker recognises a seal by."""

    @property
    def scheme(self) -> str:
        """The one algorithm that this check knows."""
        ...

    def holds(self, message: bytes, stamp: bytes) -> bool:
        """Say whether the stamp is that of the seal for exactly this message; never raises."""
        ...


def stamped(form: bytes, body: bytes, with_seal: OrderSeal) -> bytes:
    """Return a line of format and scheme, the body, and the stamp of both."""
    message = b"%b %b\n%b\n" % (form, with_seal.scheme.encode(), body)
    return message + base64.b64encode(with_seal.stamp(message)) + b"\n"


def unstamped(form: bytes, sealed: bytes, check: SealCheck) -> bytes:
    """Return the body under a stamp of this format. Raises OrderRefused(order-forged) for anything that this seal did not stamp."""
    forged = OrderRefused("The order does not carry the gateway's seal.", code="order-forged")
    if len(sealed) > LONGEST_ORDER:
        raise forged
    message, _, last = sealed[:-1].rpartition(b"\n")
    try:
        stamp = base64.b64decode(last, validate=True)
    except binascii.Error:
        raise forged from None
    message += b"\n"
    head = b"%b %b\n" % (form, check.scheme.encode())
    # Nothing of the order is parsed before its seal has been found good.
    # The stamp has one spelling: base64 leaves bits over that would otherwise be anybody's to change.
    canonical = sealed[-1:] == b"\n" and base64.b64encode(stamp) == last
    if not canonical or not message.startswith(head) or not check.holds(message, stamp):
        raise forged
    return message[len(head) :]
