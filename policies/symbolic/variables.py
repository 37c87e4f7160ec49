"""The kinds of unknown that a request is made of: yes or no, one of some words, a number, a moment. Knows no field by name.

Each space has a z3 context of its own: contexts are what z3 keeps apart between threads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import z3

from policies.reading import LONGEST_LIST

# z3 ships no types; a formula is one of its boolean expressions.
Formula: TypeAlias = Any
Model: TypeAlias = Any
Number: TypeAlias = Any

# A word that no rule and no list mentions: it stands for all of them at once.
OTHER: Final = "something_else"
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = 100 * 366 * 86400
# Lists of facts have at most so many entries (policies/reading.py).
MOST_COUNTED: Final = LONGEST_LIST
KINDS: Final = ("true", "false", "text", "blank", "list", "number", "moment")


def seconds(moment: datetime) -> int:
    """A moment as whole seconds since EPOCH."""
    return int((moment - EPOCH).total_seconds())


@dataclass(frozen=True, slots=True)
class Choice:
    """One value out of a closed list; None, where it is listed, is absence."""

    flags: Mapping[str | None, Formula]
    space: "Space"

    def among(self, words: Iterable[str | None]) -> Formula:
        """The value is one of these; words that are not listed can never be the value."""
        return self.space.any(self.flags[word] for word in words if word in self.flags)

    def said(self) -> Formula:
        """The value is there."""
        return self.space.no(self.flags[None]) if None in self.flags else self.space.yes

    def of(self, model: Model) -> str | None:
        """The value in a model."""
        return next(word for word, flag in self.flags.items() if self.space.true(model, flag))


class Space:
    """Variables and what always holds between them."""

    def __init__(self) -> None:
        self.apart = z3.Context()
        self.laws: list[Formula] = []
        self.yes = z3.BoolVal(True, self.apart)
        self.never = z3.BoolVal(False, self.apart)

    def flag(self, name: str) -> Formula:
        """A yes or no."""
        return z3.Bool(name, self.apart)

    def choice(self, name: str, words: Iterable[str | None]) -> Choice:
        """One of these words."""
        flags = {word: self.flag(f"{name}={'' if word is None else word}") for word in dict.fromkeys(words)}
        self.laws.append(z3.PbEq([(flag, 1) for flag in flags.values()], 1) if len(flags) > 1 else next(iter(flags.values())))
        return Choice(flags, self)

    def number(self, name: str) -> Number:
        """A number that fits a record. One below nought is below every literal, whichever it is."""
        found = z3.Real(name, self.apart)
        self.laws.append(z3.And(found >= -1, found <= 10**9))
        return found

    def count(self, name: str) -> Number:
        """How many of something, from none to a few more than any rule asks for."""
        found = z3.Int(name, self.apart)
        self.laws.append(z3.And(found >= 0, found <= MOST_COUNTED))
        return found

    def moment(self, name: str) -> Number:
        """A moment of this century, in whole seconds since EPOCH."""
        found = z3.Int(name, self.apart)
        self.laws.append(z3.And(found >= 0, found <= LATEST))
        return found

    def any(self, formulas: Iterable[Formula]) -> Formula:
        """At least one holds; none of none."""
        held = list(formulas)
        return z3.Or(held) if len(held) > 1 else held[0] if held else self.never

    def all(self, formulas: Iterable[Formula]) -> Formula:
        """Each holds; all of none."""
        held = list(formulas)
        return z3.And(held) if len(held) > 1 else held[0] if held else self.yes

    def no(self, formula: Formula) -> Formula:
        """It does not hold."""
        return z3.Not(formula)

    def law(self, formula: Formula) -> None:
        """State what always holds."""
        self.laws.append(formula)

    def implies(self, one: Formula, other: Formula) -> Formula:
        """Where the one holds, the other does."""
        return z3.Implies(one, other)

    def same(self, one: Formula, other: Formula) -> Formula:
        """Both hold, or neither."""
        return one == other

    def true(self, model: Model, formula: Formula) -> bool:
        """True if the formula holds in the model; what the model leaves open does not."""
        return bool(z3.is_true(model.eval(formula, model_completion=True)))

    def solver(self, seconds_at_most: float) -> Any:  # noqa: ANN401 - a z3 solver
        """A solver that knows every law stated so far, and prefers what is not there."""
        solver = z3.SolverFor("ALL", ctx=self.apart)
        solver.set("timeout", int(seconds_at_most * 1000))
        solver.add(*self.laws)
        return solver


class Held:
    """What an open member of context, evidence or notice holds: yes, no, text, a list of words, a number or a moment."""

    def __init__(self, space: Space, path: str, words: Iterable[str], kinds: Iterable[str] = KINDS) -> None:
        self.space = space
        self.kind = space.choice(path, (None, *kinds))
        self.words = {word: space.flag(f"{path} says {word}") for word in (*words, OTHER)}
        self.number = space.number(f"{path} number")
        self.moment = space.moment(f"{path} moment")
        said = list(self.words.values())
        if "text" in self.kind.flags:
            space.law(space.implies(self.kind.among(["text"]), z3.PbEq([(flag, 1) for flag in said], 1)))
        space.law(space.implies(space.no(self.kind.among(["text", "list"])), space.no(space.any(said))))

    def says(self, words: Iterable[str]) -> Formula:
        """It is one of these words, or a list that holds one. The text of a moment, like any other, is OTHER."""
        wanted = set(words)
        found = [flag for word, flag in self.words.items() if word in wanted]
        return self.space.any([*found, self.kind.among(["moment", "blank"])] if OTHER in wanted else found)

    def of(self, model: Model) -> object:
        """The JSON value in a model; None for absence."""
        kind = self.kind.of(model)
        words = [word for word, flag in self.words.items() if self.space.true(model, flag)]
        number = model.eval(self.number, model_completion=True)
        moment = model.eval(self.moment, model_completion=True)
        values: dict[str | None, object] = {
            None: None,
            "true": True,
            "false": False,
            "text": words[0] if words else OTHER,
            "blank": "",
            "list": words,
            "number": plain_number(number),
            "moment": moment_text(moment.as_long()),
        }
        return values[kind]


def plain_number(value: Number) -> int | float:
    """A number of a model as JSON has it."""
    found = value.as_fraction()
    return int(found) if found.denominator == 1 else float(found)


def moment_text(since_epoch: int) -> str:
    """A moment of a model as JSON has it."""
    return datetime.fromtimestamp(since_epoch + EPOCH.timestamp(), UTC).isoformat().replace("+00:00", "Z")
