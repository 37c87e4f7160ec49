"""Conditions about the case and the gallery that is searched for it. A member that is absent satisfies none of them."""

from typing import Final

from policies.conditions.condition import NUMBER, OPEN_WORDS, Condition, Literal, closed
from policies.question import Question
from policies.vocabulary import Vocabulary

SUSPICION: Final = ("none", "reasonable_suspicion", "objective_facts", "probable_cause")


def case_reference(question: Question) -> bool:
    """The case has a reference that is not blank."""
    return bool((question.facts.case.ref or "").strip())


def offence(question: Question, offences: frozenset[str]) -> bool:
    """The offence is one of these."""
    return question.facts.case.offence in offences


def offence_class(question: Question, classes: frozenset[str]) -> bool:
    """The offence is of one of these classes."""
    return question.facts.case.offence_class in classes


def annex_ii(question: Question) -> bool:
    """The offence is in Annex II of the AI Act."""
    return question.facts.case.annex_ii is True


def penalty_years_at_least(question: Question, years: float) -> bool:
    """The offence is punishable by a maximum of at least so many years."""
    penalty = question.facts.case.max_penalty_years
    return penalty is not None and penalty >= years


def suspicion_at_least(question: Question, least: int) -> bool:
    """The suspicion is at least this strong."""
    held = question.facts.case.suspicion
    return held in SUSPICION and SUSPICION.index(held) >= least


def imminent_threat(question: Question) -> bool:
    """The case records a present danger to life or of an attack."""
    return question.facts.case.imminent_threat is True


def gallery(question: Question, provenances: frozenset[str]) -> bool:
    """The faces of the gallery come from one of these."""
    return question.facts.gallery.provenance in provenances


def gallery_named(question: Question, names: frozenset[str]) -> bool:
    """The gallery is one of these."""
    return question.facts.gallery.id in names


def gallery_category(question: Question, categories: frozenset[str]) -> bool:
    """The gallery lists people of at least one of these categories."""
    return not categories.isdisjoint(question.facts.gallery.categories or ())


def gallery_of_this_case(question: Question) -> bool:
    """The gallery was made for this case's own deployment."""
    deployment = question.facts.gallery.deployment
    return deployment is not None and deployment == question.facts.case.ref


def _degree(text: str, words: Vocabulary) -> int:
    if text not in SUSPICION:
        raise ValueError(f"write one of {', '.join(SUSPICION)}")
    return SUSPICION.index(text)


CONDITIONS: Final = (
    Condition("case_reference", "the case has a reference", case_reference, supply="case_reference"),
    Condition("offence", "the offence is one of these", offence, OPEN_WORDS),
    Condition("offence_class", "the offence is of one of these classes", offence_class, OPEN_WORDS),
    Condition("annex_ii", "the offence is in Annex II of the AI Act", annex_ii),
    Condition("penalty_years_at_least", "the maximum penalty is at least so many years", penalty_years_at_least, NUMBER),
    Condition(
        "suspicion_at_least",
        "the suspicion is at least this strong (none, reasonable_suspicion, objective_facts, probable_cause)",
        suspicion_at_least,
        Literal("SUSPICION", _degree),
        supply="{}",
    ),
    Condition("imminent_threat", "the case records a present danger to life or of an attack", imminent_threat),
    Condition("gallery", "the faces of the gallery come from one of these", gallery, closed("provenance")),
    Condition("gallery_named", "the gallery is one of these", gallery_named, OPEN_WORDS),
    Condition("gallery_category", "the gallery lists people of one of these categories", gallery_category, OPEN_WORDS),
    Condition(
        "gallery_of_this_case", "the gallery was made for this case's deployment", gallery_of_this_case, supply="gallery_of_this_case"
    ),
)
