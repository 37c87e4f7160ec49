"""Conditions about how and where the picture was taken. They never read the operation's label."""

from typing import Final

from policies.conditions.condition import OPEN_WORDS, Condition, closed
from policies.question import Question

PUBLIC: Final = ("public", "public_accommodation")


def live(question: Question) -> bool:
    """The person is in front of a camera now, or was so recently, and takes no part; unknown age or source counts as now."""
    return question.live


def subject_involved(question: Question) -> bool:
    """The person takes part knowingly, such as at a gate."""
    return question.facts.capture.subject_involved is True


def public_space(question: Question) -> bool:
    """The capture was made where the public has access; an unknown space counts as one."""
    space = question.facts.capture.space
    return space is None or space in PUBLIC


def space(question: Question, words: frozenset[str]) -> bool:
    """The kind of space is one of these."""
    return question.facts.capture.space in words


def source(question: Question, words: frozenset[str]) -> bool:
    """The source of the picture is one of these."""
    return question.facts.capture.source in words


def device(question: Question, words: frozenset[str]) -> bool:
    """The device is one of these."""
    return question.facts.capture.device in words


CONDITIONS: Final = (
    Condition("live", "the person is before a camera now, or was within live_window_s seconds, and takes no part", live),
    Condition("subject_involved", "the person takes part knowingly", subject_involved),
    Condition("public_space", "the capture was made where the public has access, or nobody says where", public_space),
    Condition("space", "the capture was made in one of these kinds of space", space, closed("space")),
    Condition("source", "the picture comes from one of these sources", source, closed("source")),
    Condition("device", "the picture was taken by one of these devices", device, OPEN_WORDS),
)
