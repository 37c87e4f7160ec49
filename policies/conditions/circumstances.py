"""Conditions about the circumstances that a request declares, and about time that has passed since. Open names, closed tests."""

from datetime import timedelta
from typing import Final

from policies.conditions.condition import NAME, NAME_IS_NUMBER, NAME_IS_WORDS, Condition
from policies.question import Question
from policies.reading import as_number, as_time

# Grounds that no selection of people may rest on, in the spellings met in laws and promises.
PROTECTED_GROUNDS: Final = frozenset(
    {
        "age",
        "belief",
        "beliefs",
        "citizenship",
        "color",
        "colour",
        "disability",
        "ethnic_group",
        "ethnic_origin",
        "ethnicity",
        "gender",
        "gender_identity",
        "homelessness",
        "immigration_status",
        "lawful_events",
        "migration_status",
        "national_origin",
        "nationality",
        "political_activity",
        "political_affiliation",
        "political_beliefs",
        "political_opinion",
        "political_views",
        "race",
        "racial_origin",
        "racial_profile",
        "racial_profiling",
        "religion",
        "religious_beliefs",
        "religious_views",
        "sex",
        "sex_life",
        "sexual_orientation",
        "skin_color",
        "skin_colour",
        "skin_tone",
        "social_views",
        "union_membership",
    }
)
# What a categorisation may say without saying what a person is.
HARMLESS_CATEGORIES: Final = frozenset({"quality", "pose", "occlusion", "glasses", "mask", "blur", "exposure", "noise"})


def context(question: Question, name: str) -> bool:
    """The circumstance of this name is declared to be so."""
    return question.facts.context.get(name) is True


def context_denied(question: Question, name: str) -> bool:
    """The circumstance of this name is declared not to be so."""
    return question.facts.context.get(name) is False


def context_given(question: Question, name: str) -> bool:
    """Something is said about this: text that is not blank, or any other value."""
    held = question.facts.context.get(name)
    return bool(held.strip()) if isinstance(held, str) else held is not None


def context_is(question: Question, wanted: tuple[str, frozenset[str]]) -> bool:
    """The circumstance is one of these words, or a list that holds one."""
    name, words = wanted
    held = question.facts.context.get(name)
    return not words.isdisjoint(words_of(held))


def context_at_least(question: Question, limit: tuple[str, float]) -> bool:
    """The circumstance is a number that reaches the limit."""
    name, least = limit
    held = as_number(question.facts.context.get(name))
    return held is not None and held >= least


def hours_since(question: Question, limit: tuple[str, float]) -> bool:
    """At least so many hours have passed since this moment; a moment that is not given never passed."""
    name, hours = limit
    since = as_time(question.facts.context.get(name))
    return since is not None and question.facts.at - since >= timedelta(hours=hours)


def protected_ground(question: Question) -> bool:
    """People were selected on a ground that no selection may rest on."""
    return not PROTECTED_GROUNDS.isdisjoint(words_of(question.facts.context.get("selection_basis")))


def sensitive_categories(question: Question) -> bool:
    """A categorisation says what a person is, or does not say what it sorts by."""
    sorted_by = set(words_of(question.facts.context.get("categories")))
    return not sorted_by or not sorted_by <= HARMLESS_CATEGORIES


def words_of(held: object) -> tuple[str, ...]:
    """The words that a circumstance holds: one text, or the texts of a list."""
    if isinstance(held, str):
        return (held,)
    return tuple(word for word in held if isinstance(word, str)) if isinstance(held, tuple) else ()


CONDITIONS: Final = (
    Condition("context", "this circumstance is declared to be so", context, NAME, supply="{}"),
    Condition("context_denied", "this circumstance is declared not to be so", context_denied, NAME),
    Condition("context_given", "something is said about this", context_given, NAME, supply="{}"),
    Condition("context_is", "this circumstance is one of these words, or a list that holds one", context_is, NAME_IS_WORDS),
    Condition("context_at_least", "this circumstance is at least this number", context_at_least, NAME_IS_NUMBER),
    Condition("hours_since", "at least so many hours have passed since this moment of the context", hours_since, NAME_IS_NUMBER),
    Condition("protected_ground", "people were selected on a protected ground, such as race or religion", protected_ground),
    Condition("sensitive_categories", "a categorisation says what a person is, or not what it sorts by", sensitive_categories),
)
