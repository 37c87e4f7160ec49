"""Conditions about who asks and who is sought. They know kinds and roles, never a name."""

from typing import Final

from policies.conditions.condition import AREA, CLIENTS, OPEN_WORDS, Condition, closed
from policies.places import inside
from policies.question import Question

NOBODY_IN_PARTICULAR: Final = (None, "anyone", "bystander", "group")


def acts_for(question: Question, kinds: frozenset[str]) -> bool:
    """The client acts for a body of one of these kinds."""
    return question.facts.client.acts_for in kinds


def acts_for_another(question: Question) -> bool:
    """The client acts for another body."""
    return question.facts.client.acts_for is not None


def agency_authorised(question: Question) -> bool:
    """The agency itself, not one of its officers, holds the account."""
    return question.facts.client.agency_authorised is True


def client_place(question: Question, area: str) -> bool:
    """The client is at home in this place, wherever the use takes place."""
    return inside(question.facts.client.place or "", area, question.words)


def specific_person(question: Question) -> bool:
    """One particular person is sought."""
    return question.facts.target.kind == "specific_person"


def untargeted(question: Question) -> bool:
    """Nobody in particular is sought: anyone, bystanders, a group, or no target is given."""
    return question.facts.target.kind in NOBODY_IN_PARTICULAR


def target(question: Question, kinds: frozenset[str]) -> bool:
    """The kind of target is one of these."""
    return question.facts.target.kind in kinds


def role(question: Question, roles: frozenset[str]) -> bool:
    """The role of the person sought is one of these."""
    return question.facts.target.role in roles


def minor(question: Question) -> bool:
    """The person sought is known to be a minor."""
    return question.facts.target.minor is True


def adult(question: Question) -> bool:
    """The person sought is known not to be a minor."""
    return question.facts.target.minor is False


def apprehended(question: Question) -> bool:
    """The suspect has already been apprehended."""
    return question.facts.target.apprehended is True


CONDITIONS: Final = (
    Condition("acts_for", "the client acts for a body of one of these kinds (or of a kind in this group)", acts_for, CLIENTS),
    Condition("acts_for_another", "the client acts for another body", acts_for_another),
    Condition("agency_authorised", "the agency itself holds the account", agency_authorised, supply="agency_authorised"),
    Condition("client_place", "the client is at home there, wherever the use takes place", client_place, AREA),
    Condition("specific_person", "one particular person is sought", specific_person, supply="specific_person"),
    Condition("untargeted", "nobody in particular is sought, or no target is given", untargeted),
    Condition("target", "the kind of target is one of these", target, closed("target")),
    Condition("role", "the role of the person sought is one of these", role, OPEN_WORDS),
    Condition("minor", "the person sought is known to be a minor", minor),
    Condition("adult", "the person sought is known not to be a minor", adult),
    Condition("apprehended", "the suspect has already been apprehended", apprehended),
)
