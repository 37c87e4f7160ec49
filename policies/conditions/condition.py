"""What a condition is, and how the literals in rules are read. Knows no single condition."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from policies.places import known_area
from policies.vocabulary import Vocabulary

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Literal:
    """How a literal is written (`shape`, for people) and read; `read` raises ValueError with the mend as its text."""

    shape: str
    read: Callable[[str, Vocabulary], Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """A named yes or no about a question. `test` takes the question, and the literal if there is one.

    `sentence` completes "It holds when …". `supply`, if any, is what `needed` calls it when a client could still
    bring it about (`{}` is the literal); a condition that nobody can supply, such as a date, has none. `cure`, if any, is what
    `needed` calls that which would end it, where a rule refuses because it holds."""

    name: str
    sentence: str
    test: Callable[..., bool]
    literal: Literal | None = None
    supply: str = ""
    cure: str = ""


def _words_of(of: str) -> Callable[[str, Vocabulary], frozenset[str]]:
    def read(text: str, words: Vocabulary) -> frozenset[str]:
        given = text.split("|")
        known = words.words(of)
        for word in given:
            if word not in known:
                raise ValueError(f"{word!r} is not one of {', '.join(sorted(known))}")
        return frozenset(given)

    return read


def closed(of: str) -> Literal:
    """One or more words of a closed list, joined by `|`."""
    return Literal(f"{of.upper()}|…", _words_of(of))


def _some_words(text: str, words: Vocabulary) -> frozenset[str]:
    given = text.split("|")
    if not all(_WORD.fullmatch(word) for word in given):
        raise ValueError("write words joined by |, without spaces")
    return frozenset(given)


def _client_kinds(text: str, words: Vocabulary) -> frozenset[str]:
    kinds: set[str] = set()
    for word in text.split("|"):
        members = words.group("clients", word)
        if members is None and word not in words.clients:
            raise ValueError(f"{word!r} is neither a client kind nor a group of them")
        kinds.update(members or (word,))
    return frozenset(kinds)


def _name(text: str, words: Vocabulary) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("write one name of letters a to z, digits and underscores")
    return text


def _number(text: str, words: Vocabulary) -> float:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        raise ValueError("write a number")
    return float(text)


def _count(text: str, words: Vocabulary) -> int:
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII):
        raise ValueError("write a whole number")
    return int(text)


def _date(text: str, words: Vocabulary) -> datetime:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError("write a date such as 2026-07-01")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _area(text: str, words: Vocabulary) -> str:
    if not known_area(text, words):
        raise ValueError("write a place such as US-WA, or a group of countries such as EU")
    return text


def _named(read: Callable[[str, Vocabulary], Any]) -> Callable[[str, Vocabulary], tuple[str, Any]]:
    def both(text: str, words: Vocabulary) -> tuple[str, Any]:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError("write name=value")
        return _name(name, words), read(value, words)

    return both


OPEN_WORDS: Final = Literal("WORD|…", _some_words)
CLIENTS: Final = Literal("CLIENT|…", _client_kinds)
NAME: Final = Literal("NAME", _name)
NUMBER: Final = Literal("NUMBER", _number)
COUNT: Final = Literal("COUNT", _count)
DATE: Final = Literal("DATE", _date)
AREA: Final = Literal("PLACE", _area)
NAME_IS_WORDS: Final = Literal("NAME=WORD|…", _named(_some_words))
NAME_IS_NUMBER: Final = Literal("NAME=NUMBER", _named(_number))
