"""One rulebook, compiled, answering questions through its index. A Permit leaves here only after `confirm` said yes to it.

The way of a decision:
  1  a rulebook that could not load, and words in no closed list, are refused before any rule is asked
  2  the index finds the plan of the question's cell and place; each of its conditions is asked once
  3  the same plan and bits are the same question to every rule in it, so an answer already given stands
  4  a deny that applies, or no allow in some capacity of the client's, is a refusal: from the index alone
     (beside it stands what was presumed for want of a word about the picture)
  5  otherwise the authority is asked: its yes makes the Permit, its no is a refusal and an alarm
  6  one answer in `sample_every` is put to the authority again, refusals included"""

from collections.abc import Callable
from itertools import count
from typing import Final

from policies.decision import Action, Permit, Reason, Refusal
from policies.errors import FactsError
from policies.explain import lacking, nearest, reason, reasons, unmet, with_what_is_presumed
from policies.facts import Facts
from policies.frame import FAIL_CLOSED
from policies.frame import PACK as LICENCE
from policies.index import Index, Plan, Row, matching
from policies.obligations import read_obligation, union
from policies.question import Question
from policies.rulebook import Rulebook
from policies.wording import Strange, first_unknown, said

# Answers kept for one plan: more than its conditions produce in practice, and an end to what a client can make us keep.
MOST_ANSWERS: Final = 64
MOST_KNOWN: Final = 65536

Answer = Permit | Refusal
Alarm = Callable[[str], None]
Confirm = Callable[[Question, tuple[str, ...]], bool]


class Sitting:
    """A rulebook at work. Immutable but for what it remembers; safe to ask from many threads."""

    def __init__(self, rulebook: Rulebook, index: Index, confirm: Confirm, alarm: Alarm, sample_every: int) -> None:
        self.rulebook = rulebook
        self._index = index
        self._confirm = confirm
        self._alarm = alarm
        self._sample_every = sample_every
        self._asked = count(1)
        # Sets of words found to be known; a word that is not known is looked up each time.
        self._known: set[tuple[str | None, ...]] = set()

    def decide(self, facts: Facts, kind: str) -> Answer:
        """Answer a request or a release; raises what a broken part raises, and the judge makes a refusal of it."""
        # 1
        if kind not in ("request", "release"):
            # A misspelt "release" must not be decided without the rules of a release.
            raise ValueError(f"no such kind of question: {kind!r}")
        if self.rulebook.blocked:
            return self.refuse("pack-unavailable", (Reason("SYS-1", LICENCE, FAIL_CLOSED, self.rulebook.blocked[0]),))
        words = said(facts)
        if words not in self._known:
            strange = first_unknown(words, self.rulebook.words)
            if strange is not None:
                return self._refuse_word(strange)
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known.add(words)
        # 2
        question = Question(facts, kind, self.rulebook.settings, self.rulebook.words)
        plan = self._plan(question)
        bits = plan.bits(question)
        # 3
        answer = plan.answers.get(bits)
        if answer is None:
            answer = self._judge(question, plan, bits)
            if len(plan.answers) >= MOST_ANSWERS:
                plan.answers.clear()
            plan.answers[bits] = answer
        # 6
        elif next(self._asked) % self._sample_every == 0 and self._agreed(question, plan) != isinstance(answer, Permit):
            return self._disagree(question)
        return with_what_is_presumed(answer, question)

    def due(self, facts: Facts) -> tuple[Action, ...]:
        """The actions that are due now. Raises FactsError for unknown words, and where a pack could not load."""
        if self.rulebook.blocked:
            raise FactsError("packs", self.rulebook.blocked[0])
        strange = first_unknown(said(facts), self.rulebook.words, purpose_needed=False)
        if strange is not None:
            raise FactsError(strange[1], f"{strange[2]!r} is in no closed list.")
        question = Question(facts, "lifecycle", self.rulebook.settings, self.rulebook.words)
        plan = self._plan(question)
        rows = matching(plan.dues, plan.bits(question))
        actions = {Action(slug, reason(row.rule)) for row in rows for slug in row.rule.asks}
        return tuple(sorted(actions, key=lambda action: (action.slug, action.reason.pack, action.reason.rule)))

    def refuse(self, code: str, why: tuple[Reason, ...] = (), needed: tuple[str, ...] = ()) -> Refusal:
        """A refusal under this rulebook."""
        return Refusal(code, why, needed, self.rulebook.digest)

    def _plan(self, question: Question) -> Plan:
        facts = question.facts
        return self._index.plan(facts.client.kind or "", facts.client.acts_for, facts.purpose or "", question.operation, facts.place or "")

    def _judge(self, question: Question, plan: Plan, bits: int) -> Answer:
        # 4
        denies = matching(plan.denies, bits)
        if denies:
            return self.refuse(self._code(question, denies), reasons(denies), lacking(denies, plan, bits, question.facts.place))
        allows = {capacity: matching(rows, bits) for capacity, rows in plan.allows.items()}
        for capacity, rows in allows.items():
            if not rows:
                return self._refuse_by_default(question, plan, bits, capacity)
        # 5
        if not self._agreed(question, plan):
            return self._disagree(question)
        spoken = [row for rows in allows.values() for row in rows] + list(matching(plan.obliges, bits))
        duties = union((read_obligation(token, self.rulebook.words) for row in spoken for token in row.rule.asks), self.rulebook.words)
        return Permit(reasons(spoken), duties, self.rulebook.digest)

    def _agreed(self, question: Question, plan: Plan) -> bool:
        return self._confirm(question, tuple(plan.allows))

    def _disagree(self, question: Question) -> Refusal:
        facts = question.facts
        self._alarm(f"Index and Casbin disagree on {facts.client.kind} {facts.purpose} {question.operation} in {facts.place}.")
        return self.refuse("judge-disagreement")

    def _code(self, question: Question, denies: tuple[Row, ...]) -> str:
        if self._never(question):
            return "purpose-prohibited"
        return "not-licensed" if {(row.rule.pack, row.rule.rule) for row in denies} == {(LICENCE, "BASE-4")} else "policy-refused"

    def _refuse_by_default(self, question: Question, plan: Plan, bits: int, capacity: str) -> Refusal:
        """No rule allows it: name the nearest one that could have, and what it misses."""
        facts = question.facts
        asked = f"{facts.purpose} by {question.operation} for {capacity} in {facts.place or 'no place'}"
        close = nearest(plan.allows[capacity], plan, bits, facts.place)
        if close is None:
            never = self._never(question)
            sentence = f"Nothing can open {facts.purpose}." if never else f"No enabled pack opens {asked}."
            why = (Reason("BASE-9", LICENCE, "The client's licence", sentence),)
            return self.refuse("purpose-prohibited", why) if never else self.refuse("nothing-allows", why, ("opening_pack",))
        row, missing = close
        rule = reason(row.rule)
        wants = ", ".join(unmet(row, plan, bits))
        nearly = Reason(
            rule.rule, rule.pack, rule.source, f"Nothing allows {asked}; this comes nearest: {rule.sentence} It applies only with {wants}."
        )
        return self.refuse("nothing-allows", (nearly,), missing)

    def _never(self, question: Question) -> bool:
        return self.rulebook.words.purposes[question.facts.purpose or ""].default == "never"

    def _refuse_word(self, strange: Strange) -> Refusal:
        code, field, word = strange
        rule = "BASE-4" if code == "unknown-purpose" else "SYS-3"
        said = "is missing" if word is None else f"{word[:64]!a} is in no closed list"
        return self.refuse(code, (Reason(rule, LICENCE, FAIL_CLOSED, f"{field}: {said}."),), (field,))
