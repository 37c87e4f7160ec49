"""Read the members of a JSON document one by one. Knows no document: what the values must be, the registers say."""

from collections.abc import Mapping
from typing import Any

from gateway.api.door import FieldMalformed


def members(document: Mapping[str, object], required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the document's members; one that is missing or unknown is named. Raises FieldMalformed."""
    for name in required:
        if document.get(name) is None:
            raise FieldMalformed(name, f"{name!r} is missing.")
    for name in document:
        if name not in required and name not in optional:
            raise FieldMalformed(name[:80], f"There is no such member here; there are: {', '.join((*required, *optional))}.")
    return {name: value for name, value in document.items() if value is not None}


def text(said: Mapping[str, Any], name: str, longest: int = 4096) -> str:
    """Return a member that is text. Raises FieldMalformed."""
    value = said[name]
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise FieldMalformed(name, f"{name!r} takes text of 1 to {longest} characters.")
    return value


def texts(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a member that is a list of texts; an absent one is empty. Raises FieldMalformed."""
    value = said.get(name, [])
    if not isinstance(value, list) or len(value) > 256 or not all(isinstance(item, str) for item in value):
        raise FieldMalformed(name, f"{name!r} takes a list of at most 256 texts.")
    return tuple(value)


def truth(said: Mapping[str, Any], name: str) -> bool | None:
    """Return a member that is true or false; None if it is absent. Raises FieldMalformed."""
    value = said.get(name)
    if not isinstance(value, bool | None):
        raise FieldMalformed(name, f"{name!r} takes true or false.")
    return value


def word(said: Mapping[str, Any], name: str, among: tuple[str, ...]) -> str:
    """Return a member that is one of a few words. Raises FieldMalformed."""
    value = said[name]
    if not isinstance(value, str) or value not in among:
        raise FieldMalformed(name, f"{name!r} is one of: {', '.join(among)}.")
    return value
