"""Read outside JSON into frozen plain values, or say which field is wrong. Knows shapes and bounds, not what a field means."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from policies.errors import FactsError

# A frozen JSON value: None, bool, int, float, str, tuple of such, or a read-only mapping of such.
Json: TypeAlias = Any
T = TypeVar("T")
# Readers return the value or raise FactsError whose field is relative to it; whoever holds the value adds its name.
Reader: TypeAlias = Callable[[object], Any]

# What is written as it is; by far the most are these, and their type is the cheapest question.
BARE: Final = frozenset({str, bool, int})
LONGEST_TEXT: Final = 1024
LONGEST_LIST: Final = 256
DEEPEST: Final = 4
LARGEST: Final = 10**12
DECIMALS: Final = 12
_DECIMAL: Final = re.compile(r"-?\d{1,12}(\.\d{1,12})?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def parsed(document: str) -> object:
    """One JSON value. Raises ValueError for anything else, a member that is there twice and a number that JSON does not have included."""
    try:
        return json.loads(document, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice[:64]!a} is there twice")
    return found


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number of JSON")


def text(value: object) -> str:
    """A string of at most LONGEST_TEXT characters that UTF-8 can hold."""
    if not isinstance(value, str):
        raise FactsError("", "must be text.")
    if len(value) > LONGEST_TEXT:
        raise FactsError("", f"must be at most {LONGEST_TEXT} characters long.")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise FactsError("", "must be text that UTF-8 can hold.")
    return value


def flag(value: object) -> bool:
    """True or false, and nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise FactsError("", "must be true or false.")
    return value


def number(value: object) -> int | float:
    """A finite number, or its decimal text (records hold no floating point numbers)."""
    found = as_number(value)
    if found is None:
        raise FactsError("", "must be a finite number.")
    return found


def as_number(value: object) -> int | float | None:
    """The number that a JSON value holds, as a number or as decimal text; None if it holds none."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not abs(value) <= LARGEST:
        return None
    # As many decimals as a record keeps, so that a decision is made on exactly what can be read back.
    return round(value, DECIMALS) if isinstance(value, float) else value


def time(value: object) -> datetime:
    """An RFC 3339 moment with its offset, as UTC."""
    found = as_time(value)
    if found is None:
        raise FactsError("", "must be a moment such as 2026-11-22T10:00:00Z.")
    return found


def as_time(value: object) -> datetime | None:
    """The moment that a JSON text holds, as UTC; None if it holds none."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def each(value: object, read: Callable[[object], T]) -> tuple[T, ...]:
    """A list of bounded length, each entry read the same way."""
    if not isinstance(value, list | tuple):
        raise FactsError("", "must be a list.")
    if len(value) > LONGEST_LIST:
        raise FactsError("", f"must have at most {LONGEST_LIST} entries.")
    position = 0
    found: list[T] = []
    try:
        for position, entry in enumerate(value):  # noqa: B007 - the except clause needs it
            found.append(read(entry))
    except FactsError as error:
        raise error.inside(f"[{position}]") from error
    return tuple(found)


def texts(value: object) -> tuple[str, ...]:
    """A list of strings."""
    return each(value, text)


def members(value: object) -> Mapping[str, object]:
    """A JSON object of bounded size whose member names are plain lower-case words."""
    # A dict is by far the most frequent, and asking an abstract class is dear.
    if type(value) is not dict and not isinstance(value, Mapping):
        raise FactsError("", "must be an object.")
    if len(value) > LONGEST_LIST:
        raise FactsError("", f"must have at most {LONGEST_LIST} members.")
    for name in value:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise FactsError("", f"{str(name)[:64]!a} is not a name of letters a to z, digits and underscores.")
    return value


def freeze(value: object, depth: int = DEEPEST) -> Json:
    """Any bounded JSON value, made immutable."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int | float):
        return number(value)
    if depth == 0:
        raise FactsError("", f"must be at most {DEEPEST} levels deep.")
    if isinstance(value, list | tuple):
        return each(value, lambda entry: freeze(entry, depth - 1))
    return MappingProxyType(_each_member(members(value), lambda entry: freeze(entry, depth - 1)))


def circumstances(value: object) -> Mapping[str, Json]:
    """An open object whose times are times: each member named `…_at`, and `last_interaction`, must be a moment. Null is absent."""
    given = {name: entry for name, entry in members(value).items() if entry is not None}
    _each_member({name: entry for name, entry in given.items() if name.endswith("_at") or name == "last_interaction"}, time)
    return MappingProxyType(_each_member(given, lambda entry: freeze(entry, DEEPEST - 1)))


def _each_member(value: Mapping[str, object], read: Reader) -> dict[str, Any]:
    name = ""
    found: dict[str, Any] = {}
    try:
        for name, entry in value.items():
            found[name] = read(entry)
    except FactsError as error:
        raise error.inside(name) from error
    return found


def plain(value: Json) -> object:
    """The JSON value that a frozen one was made of; moments in UTC with `Z`."""
    return value if type(value) in BARE else _plain(value, plain)


def recorded(value: Json) -> object:
    """As plain(), with whole numbers as integers and other numbers as decimal text: canonical records hold no floats."""
    if type(value) in BARE:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return _plain(value, recorded)


def _plain(value: Json, write: Callable[[Json], object]) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()[: -len("+00:00")] + "Z"
    if isinstance(value, tuple | list | frozenset):
        return [entry if type(entry) in BARE else write(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: entry if type(entry) in BARE else write(entry) for name, entry in value.items()}
    return value
