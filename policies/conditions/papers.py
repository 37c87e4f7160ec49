"""Conditions about authorisations. A paper counts only if everything on it fits the request at this moment."""

from typing import Final

from policies.conditions.condition import Condition, Literal
from policies.facts import Authorisation
from policies.places import within
from policies.question import Question
from policies.vocabulary import Vocabulary

# Kinds that can open a use. A subpoena only asks for records that exist.
OPENING: Final = frozenset(
    {
        "judicial_warrant",
        "court_order",
        "judicial_authorisation",
        "admin_authorisation",
        "deployment_authority",
        "legal_mandate",
        "legislative_authorisation",
    }
)
Kinds = tuple[frozenset[str], frozenset[str]]


def binds(paper: Authorisation, question: Question) -> bool:
    """True if the paper is about this use: its purpose, operation, place and (where it names one) case.

    A paper for a group such as EU covers none of its members: an authority speaks for a State or a part of it (AI Act Art. 5(3))."""
    facts = question.facts
    return (
        paper.purpose is not None
        and paper.purpose == facts.purpose
        and paper.operation is not None
        and paper.operation == question.operation
        and (paper.case_ref is None or paper.case_ref == facts.case.ref)
        and paper.place is not None
        and within(facts.place or "", paper.place)
    )


def counts(paper: Authorisation, question: Question) -> bool:
    """True if the paper is about this use, granted, and inside its term: valid_from <= now < valid_to."""
    return (
        paper.status == "granted"
        and paper.valid_from is not None
        and paper.valid_to is not None
        and paper.valid_from <= question.facts.at < paper.valid_to
        and binds(paper, question)
    )


def authorised(question: Question) -> bool:
    """A document of any kind that can open a use counts."""
    return any(paper.type in OPENING and counts(paper, question) for paper in question.facts.authorisations)


def authorisation(question: Question, kinds: Kinds) -> bool:
    """A document of one of these kinds, from one of these issuers where they are named, counts."""
    types, issuers = kinds
    return any(
        paper.type in types and (not issuers or paper.issuer in issuers) and counts(paper, question)
        for paper in question.facts.authorisations
    )


def authorisation_status(question: Question, statuses: frozenset[str]) -> bool:
    """A document about this use has one of these statuses, whatever its term."""
    return any(paper.status in statuses and binds(paper, question) for paper in question.facts.authorisations)


def broken_term(question: Question) -> bool:
    """A document ends before, or when, it begins."""
    return any(
        paper.valid_from is not None and paper.valid_to is not None and paper.valid_to <= paper.valid_from
        for paper in question.facts.authorisations
    )


def _kinds(text: str, words: Vocabulary) -> Kinds:
    types, _, issuers = text.partition("@")
    for word in types.split("|"):
        if word not in words.authorisations:
            raise ValueError(f"{word!r} is not one of {', '.join(sorted(words.authorisations))}")
    return frozenset(types.split("|")), frozenset(issuers.split("|")) if issuers else frozenset()


def _statuses(text: str, words: Vocabulary) -> frozenset[str]:
    known = words.words("status")
    if not known.issuperset(text.split("|")):
        raise ValueError(f"write one of {', '.join(sorted(known))}")
    return frozenset(text.split("|"))


CONDITIONS: Final = (
    Condition(
        "authorised", "a matching, granted, unexpired document of any kind but a subpoena is there", authorised, supply="authorisation"
    ),
    Condition(
        "authorisation",
        "a matching, granted, unexpired document of one of these kinds is there (after `@`: from one of these issuers)",
        authorisation,
        Literal("KIND|…[@ISSUER|…]", _kinds),
        supply="{}",
    ),
    Condition(
        "authorisation_status",
        "a document about this very use has one of these statuses, whatever its term",
        authorisation_status,
        Literal("STATUS|…", _statuses),
    ),
    Condition("broken_term", "a document ends before, or when, it begins", broken_term),
)
