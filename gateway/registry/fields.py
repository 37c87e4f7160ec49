"""Check the single fields of documents that people and clients hand in. Every failure is Malformed and names the field."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.registry.errors import Malformed

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", re.ASCII)
PLACE = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,24}){0,3}", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Words:
    """The closed vocabularies (policies/vocabulary.toml) as far as the registry needs them; assembly fills it."""

    client_kinds: frozenset[str]
    purposes: frozenset[str]
    operations: frozenset[str]
    authorisation_types: frozenset[str]
    provenances: frozenset[str]
    target_kinds: frozenset[str]


def word(field: str, value: object, among: Collection[str]) -> str:
    """One word of a closed list, exactly as listed."""
    if not isinstance(value, str) or value not in among:
        raise Malformed(field, f"must be one of: {', '.join(sorted(among))}.")
    return value


def words(field: str, values: object, among: Collection[str] | None = None) -> tuple[str, ...]:
    """A list of distinct words, sorted; of a closed list where one is given."""
    if not isinstance(values, list | tuple | set | frozenset) or len(values) > 256:
        raise Malformed(field, "must be a list of at most 256 words.")
    if among is None:
        return tuple(sorted({identifier(field, value) for value in values}))
    return tuple(sorted({word(field, value, among) for value in values}))


def identifier(field: str, value: object) -> str:
    """A name that we or the registrar gave: lower-case letters, digits, `-` and `_`, at most 63."""
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise Malformed(field, "must be 1 to 63 lower-case letters, digits, `-` or `_`, and begin with a letter or digit.")
    return value


def reference(field: str, value: object) -> str:
    """A reference that the client uses in its own files, such as MP-2026-0142."""
    if not isinstance(value, str) or not REFERENCE.fullmatch(value):
        raise Malformed(field, "must be 1 to 64 letters, digits, `.`, `_`, `/` or `-`, and begin with a letter or digit.")
    return value


def text(field: str, value: object, longest: int = 200) -> str:
    """A line for people: printable, not blank."""
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not value.isprintable():
        raise Malformed(field, f"must be one printable line of at most {longest} characters.")
    return value


def place(field: str, value: object) -> str:
    """An ISO 3166 code, extended by a city part: US, US-OR, US-OR-PORTLAND."""
    if not isinstance(value, str) or not PLACE.fullmatch(value):
        raise Malformed(field, "must be an ISO 3166 code such as FR, US-WA or US-OR-PORTLAND.")
    return value


def places(field: str, values: object) -> tuple[str, ...]:
    """A list of distinct places, sorted."""
    if not isinstance(values, list | tuple | set | frozenset) or len(values) > 256:
        raise Malformed(field, "must be a list of at most 256 places.")
    return tuple(sorted({place(field, value) for value in values}))


def inside(inner: str, outer: str) -> bool:
    """Say whether one place is the other or a part of it: US-WA is inside US."""
    return inner == outer or inner.startswith(outer + "-")


def digest(field: str, value: object) -> str:
    """A SHA-256 in lower-case hexadecimal."""
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise Malformed(field, "must be a SHA-256 digest: 64 lower-case hexadecimal digits.")
    return value


def whole(field: str, value: object, least: int, most: int) -> int:
    """A whole number within bounds; true and false are no numbers."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Malformed(field, f"must be a whole number from {least} to {most}.")
    return value


def moment(field: str, value: object) -> datetime:
    """An aware moment, given as such or as RFC 3339 text."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Malformed(field, "must be a time such as 2026-11-23T10:00:00Z.") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Malformed(field, "must be a time with its zone, such as 2026-11-23T10:00:00Z.")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Malformed(field, "must lie between the years 1 and 9999 in UTC.") from None


def term(valid_from: object, valid_to: object) -> tuple[datetime, datetime]:
    """A beginning and a later end."""
    begins, ends = moment("valid_from", valid_from), moment("valid_to", valid_to)
    if not begins < ends:
        raise Malformed("valid_to", "must be later than `valid_from`.")
    return begins, ends


def scalars(field: str, value: object) -> dict[str, Any]:
    """A small object of named words, whole numbers and truth values."""
    if not isinstance(value, Mapping) or len(value) > 32:
        raise Malformed(field, "must be an object of at most 32 named values.")
    return {identifier(field, name): scalar(f"{field}.{name}", item) for name, item in value.items()}


def scalar(field: str, value: object) -> bool | int | float | str:
    """One truth value, number or short line."""
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    if isinstance(value, float) and abs(value) < 2**53:  # a NaN is not less than anything
        return value
    return text(field, value)
