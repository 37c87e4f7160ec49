"""Find words that are in no closed list, before any rule is asked: Casbin would let a prohibited purpose pass by its spelling."""

from collections.abc import Iterator

from policies.facts import Facts
from policies.places import known_place
from policies.vocabulary import Vocabulary

# (code of the refusal, field, the word as it came)
Strange = tuple[str, str, str | None]


def first_unknown(facts: Facts, words: Vocabulary, *, purpose_needed: bool) -> Strange | None:
    """The first word of these facts that the vocabulary does not know, or None."""
    return next(_unknown(facts, words, purpose_needed), None)


def _unknown(facts: Facts, words: Vocabulary, purpose_needed: bool) -> Iterator[Strange]:
    if facts.client.kind not in words.clients:
        yield "unknown-client-kind", "client.kind", facts.client.kind
    if facts.client.acts_for is not None and facts.client.acts_for not in words.clients:
        yield "unknown-client-kind", "client.acts_for", facts.client.acts_for
    if facts.purpose not in words.purposes and (purpose_needed or facts.purpose is not None):
        yield "unknown-purpose", "purpose", facts.purpose
    if facts.operation not in words.operations:
        yield "unknown-operation", "operation", facts.operation
    for field, place in (("place", facts.place), ("client.place", facts.client.place)):
        if place is not None and not known_place(place, words):
            yield "unknown-place", field, place
    for field, word, of in _single_words(facts):
        if word is not None and word not in words.words(of):
            yield "unknown-word", field, word


def _single_words(facts: Facts) -> Iterator[tuple[str, str | None, str]]:
    yield "capture.source", facts.capture.source, "source"
    yield "capture.space", facts.capture.space, "space"
    yield "target.kind", facts.target.kind, "target"
    yield "case.suspicion", facts.case.suspicion, "suspicion"
    yield "gallery.provenance", facts.gallery.provenance, "provenance"
    for position, paper in enumerate(facts.authorisations):
        yield f"authorisations[{position}].type", paper.type, "authorisations"
        yield f"authorisations[{position}].status", paper.status, "status"
