"""Conditions about the licence, the declared purpose, review and the moment of the question. They know no law."""

from datetime import datetime
from typing import Final

from policies.conditions.condition import AREA, COUNT, DATE, Condition
from policies.places import open_to
from policies.question import Question


def licensed(question: Question) -> bool:
    """The licence grants this purpose for this operation, as the capture shows it to be."""
    return f"{question.facts.purpose}:{question.operation}" in question.facts.licence


def role_contradicts(question: Question) -> bool:
    """The role of the person sought does not fit the declared purpose."""
    purpose = question.words.purposes.get(question.facts.purpose or "")
    role = question.facts.target.role
    return purpose is not None and bool(purpose.roles) and role is not None and role not in purpose.roles


def target_contradicts(question: Question) -> bool:
    """The kind of target does not fit the declared purpose, or the purpose needs one and none is given."""
    purpose = question.words.purposes.get(question.facts.purpose or "")
    return purpose is not None and bool(purpose.targets) and question.facts.target.kind not in purpose.targets


def operation_contradicts(question: Question) -> bool:
    """The declared purpose has no use for this operation."""
    purpose = question.words.purposes.get(question.facts.purpose or "")
    return purpose is not None and bool(purpose.operations) and question.operation not in purpose.operations


def reviewed(question: Question, people: int) -> bool:
    """So many different, trained people have looked, and not together."""
    review = question.facts.review
    return review is not None and review.trained is True and review.separate is not False and len(set(review.reviewers or ())) >= people


def review_inadequate(question: Question) -> bool:
    """A review is named, but by nobody or by people who are not trained; that none is named yet is another matter."""
    review = question.facts.review
    return review is not None and (not review.reviewers or review.trained is not True)


def since(question: Question, date: datetime) -> bool:
    """The decision is made on or after this day (UTC)."""
    return question.facts.at >= date


def before(question: Question, date: datetime) -> bool:
    """The decision is made before this day (UTC)."""
    return question.facts.at < date


def at_release(question: Question) -> bool:
    """The question is whether a result may be handed over or acted upon now."""
    return question.kind == "release"


def place_open_to(question: Question, area: str) -> bool:
    """No place of use is given, or one that is too coarse to tell whether the use is in this place."""
    return open_to(question.facts.place or "", area)


CONDITIONS: Final = (
    Condition("licensed", "the client's licence grants this purpose for this operation", licensed, supply="licence"),
    Condition("role_contradicts", "the role of the person sought does not fit the purpose", role_contradicts),
    Condition("target_contradicts", "the target does not fit the purpose, or is missing where it needs one", target_contradicts),
    Condition("operation_contradicts", "the purpose has no use for this operation", operation_contradicts),
    Condition("reviewed", "so many different trained people have looked, separately", reviewed, COUNT, supply="human_review_{}"),
    Condition("review_inadequate", "a review is named, but by nobody or by untrained people", review_inadequate, cure="human_review_1"),
    Condition("since", "the decision is made on or after this day (UTC)", since, DATE),
    Condition("before", "the decision is made before this day (UTC)", before, DATE),
    Condition("at_release", "the question is whether a result may be released or acted upon", at_release),
    Condition(
        "place_open_to", "no place of use is given, or one too coarse to tell whether it is in this one", place_open_to, AREA, cure="place"
    ),
)
