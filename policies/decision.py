"""The judge's answers: Permit, Refusal, Action. Plain values; knows neither who asked nor how the answer was found."""

from dataclasses import dataclass

from policies.obligations import Obligation


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that decided: its id and pack, the article or promise it rests on, and what it says in one sentence."""

    rule: str
    pack: str
    source: str
    sentence: str

    def to_json(self) -> dict[str, str]:
        """The reason as clients and records see it."""
        return {"rule": self.rule, "pack": self.pack, "source": self.source, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes, with strings: the rules that allowed it and those that added obligations, under one rulebook (its digest)."""

    rules: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    rulebook: str

    @property
    def decision(self) -> str:
        """The vectors' word for it."""
        return "allow_with_obligations" if self.obligations else "allow"


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, and why: a stable code, the rules that refuse, and what would have to be there for another answer."""

    code: str
    reasons: tuple[Reason, ...]
    needed: tuple[str, ...]
    rulebook: str

    @property
    def decision(self) -> str:
        """The vectors' word for it."""
        return "deny"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is due now: the action's name and the rule that asks for it."""

    slug: str
    reason: Reason


# Every code a Refusal can carry, and what it tells the client. Codes never change their meaning.
REFUSALS = {
    "unknown-purpose": "The purpose is not in the vocabulary; a purpose is never guessed.",
    "unknown-operation": "The operation is not in the vocabulary.",
    "unknown-client-kind": "The kind of client, or of the body it acts for, is not in the vocabulary.",
    "unknown-place": "The place of use is not an ISO 3166 code.",
    "unknown-word": "A fact carries a word that is not in its closed list.",
    "facts-malformed": "The facts of the request cannot be read.",
    "pack-unavailable": "An enabled pack could not be loaded; until it can, nothing is allowed.",
    "purpose-prohibited": "No licence and no document opens this purpose.",
    "not-licensed": "The client's licence does not grant this purpose for this operation.",
    "policy-refused": "A rule forbids it.",
    "nothing-allows": "No rule allows it.",
    "judge-disagreement": "The index and Casbin do not agree; the doubt is a refusal.",
    "judgement-failed": "The judge could not come to an answer; the doubt is a refusal.",
}
