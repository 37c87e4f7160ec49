"""Decide: Facts in, Permit or Refusal out, with Casbin's own yes behind every Permit. Never sees HTTP, a database or an image.

This is the only module that knows Casbin. Authority says what is asked of it, and what Casbin is never trusted with."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import ClassVar, Final

import casbin
from casbin.model import Model

from policies.conditions import Bound
from policies.decision import Action, Permit, Reason, Refusal
from policies.errors import FactsError, RulebookRefused
from policies.facts import Facts
from policies.frame import FAIL_CLOSED
from policies.frame import PACK as LICENCE
from policies.index import Cell, Index
from policies.places import inside
from policies.question import Question
from policies.rulebook import MODEL, Rulebook
from policies.rules import Rule
from policies.sitting import Alarm, Sitting
from policies.vocabulary import Vocabulary

# Enforcers kept at once; each holds the rules of one client, purpose and operation.
MOST_BENCHES: Final = 256
CasbinRow = tuple[str, str, str, str, str, str, str, str]


def unheard(sentence: str) -> None:
    """An alarm that nobody listens to: for rehearsals and tests. The gateway gives its own."""


class Judge:
    """Decides under one rulebook at a time; swap() changes it between two decisions, never within one."""

    def __init__(self, rulebook: Rulebook, *, alarm: Alarm = unheard, sample_every: int = 1024) -> None:
        self._alarm = alarm
        self._sample_every = sample_every
        self._sitting = self._convene(rulebook)

    @property
    def rulebook(self) -> Rulebook:
        """The rulebook that the next decision is made under."""
        return self._sitting.rulebook

    def decide(self, facts: Facts, kind: str = "request") -> Permit | Refusal:
        """Answer a `request` or a `release`. Never raises for what is in the facts: doubt is a Refusal."""
        # One reference, read once: everything a decision needs hangs on it, so a swap cannot mix two rulebooks.
        sitting = self._sitting
        try:
            return sitting.decide(facts, kind)
        except Exception as error:
            # Whatever goes wrong in a judgement, the answer is no. What the error says may quote the facts, so the alarm does not.
            self._alarm(f"A judgement failed: {type(error).__name__}.")
            return sitting.refuse("judgement-failed")

    def due(self, facts: Facts) -> tuple[Action, ...]:
        """What has to be done now (kind=lifecycle). Raises FactsError for unknown words: a duty must not slip by as silence."""
        return self._sitting.due(facts)

    def refuse(self, error: FactsError) -> Refusal:
        """The answer to a request whose facts could not be read."""
        return self._sitting.refuse("facts-malformed", (Reason("SYS-3", LICENCE, FAIL_CLOSED, error.sentence),), (error.field,))

    def swap(self, rulebook: Rulebook) -> None:
        """Judge by another rulebook from the next decision on. It is compiled aside first; if that fails, nothing changes."""
        self._sitting = self._convene(rulebook)

    def _convene(self, rulebook: Rulebook) -> Sitting:
        index = Index(rulebook)
        return Sitting(rulebook, index, Authority(rulebook, index.bounds).permits, self._alarm, self._sample_every)


class Authority:
    """Casbin over one rulebook, asked one question at a time. What it is not trusted with (TRAPS.md), and what is done instead:

    - loading: no adapter, no file, no edit; rows are added once to a fresh enforcer and counted, and their effects checked
    - threads: one at a time in the whole process, whatever the rulebook. enforce() parses its matcher anew at each call, and Python 3.11
      does not survive two parses at once (SystemError); a lock for each rulebook failed in the very moment of a swap
    - an empty policy, which it would match against empty strings: answered no without asking
    - size: asked over the rows of the question's client, purpose and operation (or `*`). The matcher demands equality or `*`
      in each of the three, so no other row can match; tests/policies/test_agreement.py asks the whole policy and compares"""

    # Of the class, because what it guards against is shared by the process and not by a rulebook.
    _one_at_a_time: ClassVar = threading.Lock()

    def __init__(self, rulebook: Rulebook, bounds: Mapping[str, Bound], *, whole: bool = False) -> None:
        if rulebook.model != MODEL.read_text(encoding="utf-8"):
            raise RulebookRefused(
                "model.conf", 0, "A Casbin model that this version does not know.", "Judge it with the version it was built with."
            )
        self._rows: dict[Cell, list[CasbinRow]] = {}
        for row in _rows(rule for rule in rulebook.rules if rule.effect in ("allow", "deny")):
            self._rows.setdefault(row[2:5], []).append(row)
        self._model = rulebook.model
        self._words = rulebook.words
        self._bounds = bounds
        self._whole = whole
        self._benches: dict[Cell | None, casbin.Enforcer | None] = {}

    def permits(self, question: Question, capacities: Iterable[str]) -> bool:
        """True only if Casbin allows the question in every capacity in which the client acts (its own, and whom it acts for)."""
        facts = question.facts
        known = Known(question, self._bounds)
        with self._one_at_a_time:
            return all(self._ask(capacity, facts.purpose or "", question.operation, facts.place or "", known) for capacity in capacities)

    def _ask(self, client: str, purpose: str, operation: str, place: str, known: "Known") -> bool:
        bench = self._bench((client, purpose, operation))
        return bench is not None and bench.enforce(client, purpose, operation, place, known) is True

    def _bench(self, cell: Cell) -> "casbin.Enforcer | None":
        key = None if self._whole else cell
        if key not in self._benches:
            if len(self._benches) >= MOST_BENCHES:
                self._benches.clear()
            client, purpose, operation = cell
            cells = product((client, "*"), (purpose, "*"), (operation, "*")) if key else self._rows
            rows = [row for held in cells for row in self._rows.get(held, ())]
            self._benches[key] = _enforcer(self._model, rows, self._words)
        return self._benches[key]


class Known:
    """What is known of one question, as Casbin's `holds` asks for it: by the text of a rule's `when`, each condition once."""

    def __init__(self, question: Question, bounds: Mapping[str, Bound]) -> None:
        self._question = question
        self._bounds = bounds
        self._found: dict[str, bool] = {}

    def holds(self, when: str) -> bool:
        """True if the conjunction holds. It is read from the text anew, so that a mistake in the index's masks shows."""
        return all(self._one(part.removeprefix("!")) is not part.startswith("!") for part in when.split(" & ") if part)

    def _one(self, token: str) -> bool:
        if token not in self._found:
            self._found[token] = self._bounds[token].ask(self._question) is True
        return self._found[token]


def _rows(rules: Iterable[Rule]) -> Iterator[CasbinRow]:
    """The rules as Casbin's rows, one for each client, purpose and operation that they name."""
    for rule in rules:
        for client, purpose, operation in product(rule.clients, rule.purposes, rule.operations):
            yield rule.row, rule.pack, client, purpose, operation, rule.place, rule.condition, rule.effect


def _enforcer(model_text: str, rows: list[CasbinRow], words: Vocabulary) -> "casbin.Enforcer | None":
    """A fresh enforcer over these rows, or None for none. Raises RulebookRefused if it does not hold exactly what it was given."""
    if not rows:
        return None
    model = Model()
    model.load_model_from_text(model_text)
    enforcer = casbin.Enforcer(model)
    held = enforcer.model["p"]["p"].policy
    # Appended, not added: add_policies() looks through all the rows twice for each, which takes minutes at 100,000. That none is there
    # twice is seen here, and what it would note besides serves edits, of which there are none.
    held.extend(list(row) for row in rows)
    enforcer.add_function("inside", lambda place, area: inside(place, area, words))
    enforcer.add_function("holds", lambda known, when: known.holds(when))
    if (
        enforcer.model["p"]["p"].policy is not held
        or [tuple(row) for row in held] != rows
        or len(set(rows)) != len(rows)
        or {row[-1] for row in rows} - {"allow", "deny"}
        or enforcer.enabled is not True
    ):
        raise RulebookRefused(
            "casbin", 0, "Casbin does not hold the rules that it was given.", "Report this: the rulebook is not in force."
        )
    return enforcer
