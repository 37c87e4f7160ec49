"""The closed set of conditions that rules may name, gathered from one module per subject. Adds none of its own."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from policies.conditions import capture, cases, circumstances, europe, evidence, grants, papers, people, united_states, witnesses
from policies.conditions.condition import Condition
from policies.errors import RulebookRefused
from policies.question import Question
from policies.vocabulary import Vocabulary

# A new module of conditions is named here, and nowhere else.
_SUBJECTS: Final = (capture, people, cases, papers, evidence, circumstances, grants, witnesses, europe, united_states)
CONDITIONS: Final[Mapping[str, Condition]] = MappingProxyType(
    {condition.name: condition for subject in _SUBJECTS for condition in subject.CONDITIONS}
)
_TERM: Final = re.compile(r"(!?)([a-z][a-z0-9_]*)(?::([^\s&!:]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Term:
    """One member of a rule's `when`: a condition with its literal (`token`), wanted or, with `!`, not wanted."""

    token: str
    wanted: bool

    def __str__(self) -> str:
        return self.token if self.wanted else f"!{self.token}"


@dataclass(frozen=True, slots=True)
class Bound:
    """A condition with its literal read: ready to be asked. `needed` is what to call it when it is missing, or empty;
    `cure` is what to call that which would end it.

    `arguments` is what follows the question in a call of `test`: the literal, or nothing."""

    token: str
    sentence: str
    needed: str
    cure: str
    test: Callable[..., bool]
    arguments: tuple[object, ...]

    def ask(self, question: Question) -> bool:
        """The answer for this question."""
        return self.test(question, *self.arguments)


def read_when(text: str) -> tuple[Term, ...]:
    """Read `live & !authorised`; empty text is no condition. Raises RulebookRefused (line 0) if it is not a conjunction."""
    if not text.strip():
        return ()
    terms: dict[str, Term] = {}
    for part in text.split("&"):
        match = _TERM.fullmatch(part.strip())
        if match is None:
            raise RulebookRefused(
                "when", 0, f"{part.strip()!r} is no condition.", "Write names joined by &, each with ! before it if it must not hold."
            )
        negation, name, literal = match.groups()
        token = f"{name}:{literal}" if literal else name
        term = Term(token, not negation)
        if terms.setdefault(token, term) != term:
            raise RulebookRefused("when", 0, f"{token!r} is wanted and not wanted.", "Such a rule never applies: drop it.")
    return tuple(terms.values())


def bind(token: str, words: Vocabulary) -> Bound:
    """Find the condition of a token and read its literal. Raises RulebookRefused (line 0) with the mend."""
    name, colon, literal = token.partition(":")
    condition = CONDITIONS.get(name)
    if condition is None:
        raise RulebookRefused("when", 0, f"Unknown condition {name!r}.", "docs/packs.md lists them all.")
    if bool(colon) != (condition.literal is not None):
        shape = f"{name}:{condition.literal.shape}" if condition.literal else name
        raise RulebookRefused("when", 0, f"{token!r} has the wrong form.", f"Write {shape}.")
    needed, cure = condition.supply.replace("{}", literal), condition.cure.replace("{}", literal)
    if condition.literal is None:
        return Bound(token, condition.sentence, needed, cure, condition.test, ())
    try:
        value = condition.literal.read(literal, words)
    except ValueError as error:
        raise RulebookRefused("when", 0, f"{token!r} cannot be read.", f"{error}.") from error
    return Bound(token, condition.sentence, needed, cure, condition.test, (value,))


def meaning() -> str:
    """A digest of the code that gives conditions their meaning: part of every rulebook, so that no change of it is silent."""
    here = Path(__file__).parent
    sources = sorted(
        [*here.glob("*.py"), here.parent / "facts.py", here.parent / "question.py", here.parent / "places.py", here.parent / "reading.py"]
    )
    digest = hashlib.sha256()
    for source in sources:
        # Line ends differ between checkouts; the meaning does not.
        digest.update(source.name.encode() + b"\0" + source.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()
