"""Write a JSON value as the one sequence of bytes that RFC 8785 gives it. Knows no entry kind and no log."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gateway.errors import CustodesError

_PLAIN: Final = "A record may hold only strings, whole numbers, booleans, null, lists and objects."

# With integers below 2**53, ASCII member names and no floats, sorting members and escaping as msgspec does
# *is* RFC 8785; tests/gateway/doors/test_canonical.py holds it against the rfc8785 package.
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_LARGEST: Final = 2**53 - 1
_DEEPEST: Final = 16
_BARE: Final = frozenset({str, bool})

COMMITMENT: Final = "commitment:"


class NotCanonical(CustodesError):
    """A value cannot be written canonically; the record is not made and the act does not happen."""

    code = "record-not-canonical"


def canonical(value: object) -> bytes:
    """Return the canonical bytes of a record made of plain values.

    Raises NotCanonical for floats, too large integers, names that are not ASCII, lone surrogates or foreign types."""
    _check(value, 0)
    try:
        return _ENCODER.encode(value)
    except (UnicodeEncodeError, TypeError, ValueError, msgspec.MsgspecError) as fault:
        raise NotCanonical(_PLAIN) from fault


def storable(value: object) -> object:
    """Return the value with decimals as text, so that a record needs no floats."""
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        return {name: storable(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def _check(value: object, depth: int) -> None:
    # By far the most are these, and asking for the type itself is the cheapest question.
    if type(value) in _BARE or value is None or isinstance(value, str):
        return
    if depth > _DEEPEST:
        raise NotCanonical(f"A record may be nested {_DEEPEST} deep at most.")
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise NotCanonical("A whole number in a record must fit 53 bits; write larger ones as text.")
    elif isinstance(value, dict):
        for name in value:
            if not isinstance(name, str) or not name.isascii():
                raise NotCanonical("Member names in a record must be ASCII text.")
        _check_each(value.values(), depth + 1)
    elif isinstance(value, list | tuple):
        _check_each(value, depth + 1)
    else:
        raise NotCanonical(_PLAIN)


def _check_each(values: Iterable[object], depth: int) -> None:
    for value in values:
        # Asked here as well: most members are bare, and this saves a call for each of them.
        if type(value) not in _BARE:
            _check(value, depth)
