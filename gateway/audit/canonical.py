"""Read canonical JSON (RFC 8785), the one spelling that a log entry may have. Never knows what an entry says.

It writes nothing: the verifier's reader shares no code with the log's writer, so that neither hides the other's faults."""

import json
from functools import lru_cache
from typing import Any, Final, NoReturn

from gateway.audit.errors import AuditError

_OTHERWISE_SPELT: Final = ("\\", " ", "\t", "\n", "\r")
MAX_INTEGER: Final = (1 << 53) - 1  # RFC 7493: beyond it, a reader in another language may see another number


class CanonicalError(AuditError):
    """The bytes are not in canonical form, so a second spelling of the same entry could exist; they are not believed."""

    code = "not-canonical"


def decode(raw: bytes) -> dict[str, Any]:
    """Return the object that `raw` spells: members, arrays, strings, integers, booleans and null.

    Raises CanonicalError unless writing that object canonically gives exactly these bytes back."""
    try:
        text = raw.decode()
        value, end = _decoder.raw_decode(text)
        # Members in order and once, integers as they are written, no escape, and no character that JSON lets stand between two values:
        # then nothing is left that could be spelt otherwise, and nearly every entry is told without being written again.
        told = end == len(text) and not any(mark in text for mark in _OTHERWISE_SPELT)
        if not told and _encoder(value) != text:
            raise CanonicalError("this is JSON, but not in its canonical form (order, spacing, escapes, or a doubled member)")
    except (ValueError, RecursionError) as wrong:
        raise CanonicalError(f"this is not canonical JSON: {wrong}") from wrong
    if not isinstance(value, dict):
        raise CanonicalError("this is not a JSON object")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Take the members of an object as they stand, if that is RFC 8785's order and each is there once."""
    members = dict(pairs)
    if len(members) != len(pairs) or not _in_order(tuple(members)):
        raise ValueError("the members of an object are not in order, or one is there twice")
    return members


@lru_cache(maxsize=1024)  # entries have few shapes, and to sort each object of each entry took as long as to read it
def _in_order(names: tuple[str, ...]) -> bool:
    """Return whether the names ascend by UTF-16 code units."""
    return sorted(names, key=_utf16) == list(names)


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(value := int(digits)) > MAX_INTEGER:
        raise ValueError("an integer beyond 2^53 - 1")
    if digits == "-0":
        raise ValueError("a zero with a sign")
    return value


def _no_fraction(_digits: str) -> NoReturn:
    raise ValueError("a number with a fraction or an exponent")


_encoder: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_decoder: Final = json.JSONDecoder(object_pairs_hook=_members, parse_int=_integer, parse_float=_no_fraction, parse_constant=_no_fraction)
