"""Decide every recorded decision again, from its entry and the text of its rulebook alone. Opens nothing, and believes no registry.

An outsider runs it beside the verifier; of all that it needs, only Casbin and the policies do not come with Python."""

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Literal

from gateway.audit.invariants import RulebookText
from gateway.audit.report import Broken
from policies.decision import Permit, Refusal
from policies.errors import PolicyError
from policies.facts import Facts
from policies.judge import Judge
from policies.rulebook import Rulebook

_DECIDED: Final = ("intent", "denial", "check")
_CLOSES: Final = ("outcome", "abandoned")
_SETTLES: Final = ("released", "withheld")
_LATER: Final = frozenset({"review", "log"})  # members of the facts that are as they are at the end of the review
_VEILED: Final = "commitment:"
_OTHER_MEANING: Final = "their rulebooks were built by another version, whose conditions have another meaning; use that version"


class Rederived:
    """What streams by, decided anew. A decision must name a rulebook that a `policy-change` entry before it made live.

    Refusals of the gateway itself (what the registry objects to, a body that cannot be read) rest on more than a rulebook holds: they
    are let be, since they give nobody anything. The end of a review is a decision too, once people have confirmed anything: it is
    derived from what was permitted, and from how many reviewers there were; that they are who they are, entries veil."""

    def __init__(self, text_of: RulebookText) -> None:
        self.derived = 0
        self._text_of = text_of
        self._unchecked: Counter[str] = Counter()
        self._announced: set[str] = set()
        self._judges: dict[str, Judge | None] = {}
        self._held: dict[str, bytes] = {}  # what each decision that may yet be released was permitted for, as a digest

    @property
    def unchecked(self) -> Mapping[str, int]:
        """How many could not be derived by this program though they should be, by the reason why."""
        return self._unchecked

    def see(self, index: int, entry: Mapping[str, Any]) -> None:
        """Take the next entry. Raises Broken where it does not record what its rulebook gives."""
        kind, answer = entry.get("kind"), entry.get("answer")
        if kind == "policy-change" and entry.get("act") == "live":
            self._announced.add(str(entry.get("rulebook")))
        elif kind in _DECIDED:
            if not isinstance(answer, dict):
                raise Broken("decision-differs", "this entry records no answer", index)
            if kind == "intent" and answer.get("decision") != "permit":
                raise Broken("decision-differs", "the recogniser was to be woken without a permit", index)
            if kind == "denial" and answer.get("decision") != "refusal":
                raise Broken("decision-differs", "a denial records a refusal", index)
            self._decide(index, entry, answer)
            if kind == "intent":
                self._held[str(entry.get("decision_id"))] = _permitted_for(entry)
        elif kind in _CLOSES and entry.get("status") != "held":
            self._held.pop(str(entry.get("decision_id")), None)
        elif kind == "review" and entry.get("act") in _SETTLES:
            self._settle(index, entry)

    def _settle(self, index: int, entry: Mapping[str, Any]) -> None:
        """Take the end of a review: a release needs the rules' permit; a withholding is theirs, or that of people who confirmed nothing."""
        released, answer, confirmed = entry["act"] == "released", entry.get("answer"), entry.get("confirmed")
        permitted_for = self._held.pop(str(entry.get("decision_id")), None)
        if not isinstance(answer, dict) and not released and confirmed == []:
            return
        if not isinstance(answer, dict) or answer.get("decision") != ("permit" if released else "refusal"):
            raise Broken("decision-differs", f"this result was {entry['act']}, and the rules' answer here does not say so", index)
        if not confirmed if released else confirmed:
            raise Broken("decision-differs", "what people confirmed is released, and nothing else is", index)
        if permitted_for is None:
            raise Broken("decision-differs", "this ends a review of nothing: no open decision before it waits for one", index)
        if permitted_for != _permitted_for(entry):
            raise Broken("decision-differs", "the rules were asked about another request than the one that was permitted", index)
        if entry.get("reviewers") != len(_reviewers(entry)):
            raise Broken("decision-differs", "the rules were told of another number of reviewers than the entry states", index)
        self._decide(index, entry, answer, "release")

    def _decide(
        self, index: int, entry: Mapping[str, Any], answer: Mapping[str, Any], kind: Literal["request", "release"] = "request"
    ) -> None:
        digest = str(entry.get("rulebook"))
        if digest not in self._announced:
            raise Broken("rulebook-unannounced", f"no entry before this one says that rulebook {digest} was made live", index)
        if answer.get("decision") == "refusal" and answer.get("by") == "gateway":
            return
        judge = self._judge(index, digest)
        if judge is None:
            self._unchecked[_OTHER_MEANING] += 1
            return
        try:
            facts = Facts.from_record(entry.get("facts"))
        except PolicyError as wrong:
            raise Broken("decision-differs", f"the facts of this decision cannot be read: {wrong.sentence}", index) from wrong
        given = _as_recorded(judge.decide(facts, kind=kind))
        recorded = {name: answer.get(name) for name in given}
        if given != recorded:
            name = next(name for name in given if given[name] != recorded[name])
            raise Broken("decision-differs", f"its rulebook gives {name} {given[name]!r}; recorded is {recorded[name]!r}", index)
        self.derived += 1

    def _judge(self, index: int, digest: str) -> Judge | None:
        """Return the judge of that rulebook; None if this program's conditions do not mean what they meant to it."""
        if digest not in self._judges:
            text = self._text_of(digest)
            if text is None:
                raise Broken(
                    "rulebook-missing", f"the text of rulebook {digest} is not published, so nothing can be derived from it", index
                )
            try:
                rulebook = Rulebook.from_text(text.decode())
                self._judges[digest] = Judge(rulebook) if rulebook.means_the_same else None
            except (PolicyError, UnicodeDecodeError) as wrong:
                raise Broken("rulebook-differs", f"rulebook {digest} is none that this program can judge by: {wrong}", index) from wrong
        return self._judges[digest]


def _permitted_for(entry: Mapping[str, Any]) -> bytes:
    """Return a digest of what was asked, less what the end of a review knows anew. What is veiled is veiled otherwise in each entry."""
    facts = entry.get("facts")
    request = facts.get("request") if isinstance(facts, dict) else None
    lasting = {name: value for name, value in request.items() if name not in _LATER} if isinstance(request, dict) else request
    licence = facts.get("licence") if isinstance(facts, dict) else None
    return sha256(json.dumps([_unveiled(lasting), licence], sort_keys=True).encode()).digest()


def _reviewers(entry: Mapping[str, Any]) -> frozenset[str]:
    """Return the reviewers as the entry veils them; within one entry a person has one commitment."""
    value: object = entry
    for name in ("facts", "request", "review", "reviewers"):
        value = value.get(name) if isinstance(value, dict) else None
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def _unveiled(value: object) -> object:
    if isinstance(value, dict):
        return {name: _unveiled(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_unveiled(item) for item in value]
    return _VEILED if isinstance(value, str) and value.startswith(_VEILED) else value


def _as_recorded(verdict: Permit | Refusal) -> dict[str, object]:
    """Return what an entry must say of this answer."""
    match verdict:
        case Permit():
            return {
                "decision": "permit",
                "rules": sorted({reason.rule for reason in verdict.rules}),
                "obligations": sorted(obligation.slug for obligation in verdict.obligations),
            }
        case Refusal():
            return {
                "decision": "refusal",
                "code": verdict.code,
                "rules": sorted({reason.rule for reason in verdict.reasons}),
                "needed": sorted(verdict.needed),
            }
