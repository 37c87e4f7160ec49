"""Read a client's declaration from `Custodes-*` headers (RFC 9651) or from the first form part. Believes none of it."""

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.api.fields import dictionary, item
from gateway.enforcement.declaration import Declaration, DeclarationMalformed

PART_LIMIT: Final = 16 * 1024

# header -> (member of the Facts, member inside it for a lone item, structured type)
_ITEMS: Final = {
    "custodes-purpose": ("purpose", None),
    "custodes-place": ("place", None),
    "custodes-authorisation": ("authorisation", None),
    "custodes-threshold": ("threshold_pct", None),
    "custodes-case": ("case", "ref"),
    "custodes-gallery": ("gallery", "id"),
    "custodes-consent": ("consent", "type"),
    "custodes-route": ("route", "via"),
}
_DICTIONARIES: Final = {
    "custodes-target": "target",
    "custodes-capture": "capture",
    "custodes-context": "context",
    "custodes-notice": "notice",
}
HEADERS: Final = (*_ITEMS, *_DICTIONARIES, "custodes-operation", "custodes-subject")


def from_headers(headers: Mapping[str, str], operation: str, operations: frozenset[str]) -> Declaration:
    """Read the declaration from the headers (names in lower case).

    `operation` is what the path means; `Custodes-Operation` may name another of `operations`.
    Raises DeclarationMalformed naming the header."""
    said: dict[str, object] = {}
    for name, (member, inner) in _ITEMS.items():
        if (text := headers.get(name)) is not None:
            value = item(name, text)
            said[member] = value if inner is None else {inner: value}
    for name, member in _DICTIONARIES.items():
        if (text := headers.get(name)) is not None:
            said[member] = dictionary(name, text)
    named = headers.get("custodes-operation")
    if named is not None:
        operation = _operation(item("custodes-operation", named), operations)
    subject = headers.get("custodes-subject")
    return Declaration.of(operation, said, None if subject is None else str(item("custodes-subject", subject)))


def from_part(body: bytes, operation: str, operations: frozenset[str]) -> Declaration:
    """Read the declaration from JSON: an object in the shape of the Facts, `operation` and `subject` beside it.

    Raises DeclarationMalformed."""
    if len(body) > PART_LIMIT:
        raise DeclarationMalformed("declaration", f"The declaration is longer than {PART_LIMIT} bytes.")
    try:
        said = strict_json(body)
    except ValueError as fault:
        raise DeclarationMalformed("declaration", f"The declaration is not JSON: {fault}.") from fault
    if not isinstance(said, dict):
        raise DeclarationMalformed("declaration", "The declaration must be a JSON object.")
    named = said.pop("operation", operation)
    subject = said.pop("subject", None)
    if subject is not None and not isinstance(subject, str):
        raise DeclarationMalformed("subject", "'subject' takes text.")
    return Declaration.of(_operation(named, operations), said, subject)


def strict_json(body: bytes) -> object:
    """Decode JSON that has no duplicate member, no NaN and no depth over 32. Raises ValueError."""

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a member is given twice")
        return found

    def no_constant(name: str) -> object:
        raise ValueError(f"{name} is not JSON")

    try:
        msgspec.json.decode(body)
        # the standard decoder alone can see duplicate members
        value = json.loads(body, object_pairs_hook=members, parse_constant=no_constant)
    except RecursionError as fault:
        raise ValueError("it is nested too deep") from fault
    except msgspec.MsgspecError as fault:
        raise ValueError(str(fault)) from fault
    if _depth(value) > 32:
        raise ValueError("it is nested more than 32 deep")
    return value


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(member) for member in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0


def _operation(named: object, operations: frozenset[str]) -> str:
    if not isinstance(named, str) or named not in operations:
        raise DeclarationMalformed("operation", f"This path serves {', '.join(sorted(operations))}.")
    return named
