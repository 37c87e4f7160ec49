"""Read outside JSON into frozen plain values, or say which field is wrong. Knows shapes and bounds, not what a field means."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from policies.errors import FactsError

# A frozen JSON value: None, bool, int, float, str, tuple of such, or a read-only mapping of such.
Json: TypeAlias = Any
Reader: TypeAlias = Callable[[str, object], Any]

LONGEST_TEXT: Final = 1024
LONGEST_LIST: Final = 256
DEEPEST: Final = 4
LARGEST: Final = 10**12
_DECIMAL: Final = re.compile(r"-?\d{1,12}(\.\d{1,12})?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def text(path: str, value: object) -> str:
    """A string of at most LONGEST_TEXT characters that UTF-8 can hold."""
    if not isinstance(value, str):
        raise FactsError(path, "must be text.")
    if len(value) > LONGEST_TEXT:
        raise FactsError(path, f"must be at most {LONGEST_TEXT} characters long.")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise FactsError(path, "must be text that UTF-8 can hold.")
    return value


def flag(path: str, value: object) -> bool:
    """True or false, and nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise FactsError(path, "must be true or false.")
    return value


def number(path: str, value: object) -> int | float:
    """A finite number, or its decimal text (records hold no floating point numbers)."""
    found = as_number(value)
    if found is None:
        raise FactsError(path, "must be a finite number.")
    return found


def as_number(value: object) -> int | float | None:
    """The number that a JSON value holds, as a number or as decimal text; None if it holds none."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and abs(value) <= LARGEST else None


def time(path: str, value: object) -> datetime:
    """An RFC 3339 moment with its offset, as UTC."""
    found = as_time(value)
    if found is None:
        raise FactsError(path, "must be a moment such as 2026-11-22T10:00:00Z.")
    return found


def as_time(value: object) -> datetime | None:
    """The moment that a JSON text holds, as UTC; None if it holds none."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def texts(path: str, value: object) -> tuple[str, ...]:
    """A list of strings."""
    return tuple(text(f"{path}[{position}]", entry) for position, entry in enumerate(sequence(path, value)))


def sequence(path: str, value: object) -> list[object]:
    """A JSON array of bounded length."""
    if not isinstance(value, list | tuple):
        raise FactsError(path, "must be a list.")
    if len(value) > LONGEST_LIST:
        raise FactsError(path, f"must have at most {LONGEST_LIST} entries.")
    return list(value)


def members(path: str, value: object) -> Mapping[str, object]:
    """A JSON object of bounded size whose member names are plain lower-case words."""
    if not isinstance(value, Mapping):
        raise FactsError(path, "must be an object.")
    if len(value) > LONGEST_LIST:
        raise FactsError(path, f"must have at most {LONGEST_LIST} members.")
    for name in value:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise FactsError(path, f"{str(name)[:64]!a} is not a name of letters a to z, digits and underscores.")
    return value


def freeze(path: str, value: object, depth: int = DEEPEST) -> Json:
    """Any bounded JSON value, made immutable."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(path, value)
    if isinstance(value, int | float):
        return number(path, value)
    if depth == 0:
        raise FactsError(path, f"must be at most {DEEPEST} levels deep.")
    if isinstance(value, list | tuple):
        return tuple(freeze(f"{path}[{position}]", entry, depth - 1) for position, entry in enumerate(sequence(path, value)))
    return MappingProxyType({name: freeze(f"{path}.{name}", entry, depth - 1) for name, entry in members(path, value).items()})


def circumstances(path: str, value: object) -> Mapping[str, Json]:
    """An open object whose times are times: each member named `…_at`, and `last_interaction`, must be a moment."""
    found = freeze(path, members(path, value))
    for name, entry in found.items():
        if name.endswith("_at") or name == "last_interaction":
            time(f"{path}.{name}", entry)
    return MappingProxyType(dict(found))


def plain(value: Json) -> object:
    """The JSON value that a frozen one was made of; moments in UTC with `Z`."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [plain(entry) for entry in value]
    return value


def without_floats(value: object) -> object:
    """The same JSON value with whole numbers as integers and other numbers as decimal text, as canonical records want it."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else f"{value:.12f}".rstrip("0")
    if isinstance(value, dict):
        return {name: without_floats(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [without_floats(entry) for entry in value]
    return value
