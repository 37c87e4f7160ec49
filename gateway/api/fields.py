"""Parse RFC 9651 structured fields into plain values: the only import of http_sf. Knows no header's meaning."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import http_sf

from gateway.enforcement.declaration import DeclarationMalformed

# Clients say the same few words again and again. What names or describes a person is parsed anew, and kept nowhere.
_PERSONAL: Final = frozenset({"custodes-case", "custodes-subject", "custodes-context", "idempotency-key"})
_KEPT: Final = 1024
_LONGEST_KEPT: Final = 256


def item(name: str, text: str) -> object:
    """Return the lone item of a header as text, number, boolean or bytes. Raises DeclarationMalformed naming the header."""
    return _item(name, text) if _may_be_kept(name, text) else _item.__wrapped__(name, text)


def dictionary(name: str, text: str) -> dict[str, object]:
    """Return a header's dictionary. Raises DeclarationMalformed naming the header."""
    # A copy for each request: nobody may change what another's header says.
    return dict(_dictionary(name, text) if _may_be_kept(name, text) else _dictionary.__wrapped__(name, text))


def listed(members: Iterable[tuple[str, Mapping[str, int]]]) -> str:
    """Write a list of texts, each with its parameters."""
    items: list[Any] = [(text, dict(parameters)) for text, parameters in members]
    return http_sf.ser(items)


@lru_cache(maxsize=_KEPT)
def _item(name: str, text: str) -> object:
    return _plain(name, _parsed(name, text, "item")[0])


@lru_cache(maxsize=_KEPT)
def _dictionary(name: str, text: str) -> Mapping[str, object]:
    return {key: _plain(name, value) for key, (value, _parameters) in _parsed(name, text, "dictionary").items()}


def _may_be_kept(name: str, text: str) -> bool:
    return len(text) <= _LONGEST_KEPT and name not in _PERSONAL


def _parsed(name: str, text: str, kind: str) -> Any:  # noqa: ANN401  (http_sf answers with a deep union)
    try:
        return http_sf.parse(text.encode("ascii"), tltype=kind)
    except (http_sf.StructuredFieldError, ValueError, RecursionError) as fault:
        example = "like a=b, c=?1" if kind == "dictionary" else 'like missing_person or "MP-2026-0142"'
        raise DeclarationMalformed(name, f"The header {name} is not a structured field {kind} (RFC 9651), {example}.") from fault


def _plain(name: str, value: object) -> object:
    if isinstance(value, list):
        return tuple(_plain(name, inner) for inner, _parameters in value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        raise DeclarationMalformed(name, f"The header {name} takes no structured date; write dates as text.")
    return value if isinstance(value, bool | int | float | bytes) else str(value)
