"""Find words that are in no closed list, before any rule is asked. Never guesses what was meant.

Casbin would let a prohibited purpose pass by its spelling."""

from typing import Final

from policies.facts import Facts
from policies.places import known_place
from policies.vocabulary import Vocabulary

# (code of the refusal, field, the word as it came)
Strange = tuple[str, str, str | None]

# What said() lists, in its order: the field, the list it is closed by, the code of its refusal, and whether it may be absent.
_FIELDS: Final = (
    ("client.kind", "clients", "unknown-client-kind", False),
    ("client.acts_for", "clients", "unknown-client-kind", True),
    ("purpose", "purposes", "unknown-purpose", False),
    ("operation", "operations", "unknown-operation", False),
    ("place", "places", "unknown-place", True),
    ("client.place", "places", "unknown-place", True),
    ("capture.source", "source", "unknown-word", True),
    ("capture.space", "space", "unknown-word", True),
    ("target.kind", "target", "unknown-word", True),
    ("case.suspicion", "suspicion", "unknown-word", True),
    ("gallery.provenance", "provenance", "unknown-word", True),
)
_PAPER_FIELDS: Final = (("type", "authorisations"), ("status", "status"))


def said(facts: Facts) -> tuple[str | None, ...]:
    """Every word of the facts that has a closed list, papers last: equal tuples are equally known."""
    client = facts.client
    words = (
        client.kind,
        client.acts_for,
        facts.purpose,
        facts.operation,
        facts.place,
        client.place,
        facts.capture.source,
        facts.capture.space,
        facts.target.kind,
        facts.case.suspicion,
        facts.gallery.provenance,
    )
    if not facts.authorisations:
        return words
    return (*words, *(word for paper in facts.authorisations for word in (paper.type, paper.status)))


def first_unknown(words: tuple[str | None, ...], vocabulary: Vocabulary, *, purpose_needed: bool = True) -> Strange | None:
    """The first of these words, as said() lists them, that the vocabulary does not know; or None."""
    for word, (field, of, code, optional) in zip(words, _FIELDS, strict=False):
        if word is None and (optional or (field == "purpose" and not purpose_needed)):
            continue
        if not (_is_place(word, vocabulary) if of == "places" else word in vocabulary.words(of)):
            return code, field, word
    for position, word in enumerate(words[len(_FIELDS) :]):
        field, of = _PAPER_FIELDS[position % 2]
        if word is not None and word not in vocabulary.words(of):
            return "unknown-word", f"authorisations[{position // 2}].{field}", word
    return None


def _is_place(word: str | None, vocabulary: Vocabulary) -> bool:
    return word is not None and known_place(word, vocabulary)
