"""What the drafts so far have promised, and what a new one says of it otherwise. Approves nothing, and keeps nothing.

An expectation stands until a later draft restates it under the same id, a property until one restates it under the same name; what is
restated is part of the report that is approved, before everything else."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from policies.drafting import Draft, own_properties, own_vectors
from policies.prove import Property
from policies.reading import plain
from policies.rehearsal import Vector
from policies.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Standing:
    """What binds whoever drafts next: expectations by id, properties by name."""

    vectors: Mapping[str, Vector]
    never: Mapping[str, Property]


@dataclass(frozen=True, slots=True)
class Restated:
    """One thing that a draft says anew: an `expectation` or a `property`, what it was, and what it would be."""

    what: str
    name: str
    before: str
    after: str

    def to_json(self) -> dict[str, object]:
        """The change as a report keeps it."""
        return asdict(self)


def standing(documents: Iterable[Mapping[str, Any]]) -> Standing:
    """What binds after these documents, the oldest first: what a later one restates is meant as the later one says it."""
    words = Vocabulary.shipped()
    vectors: dict[str, Vector] = {}
    never: dict[str, Property] = {}
    for document in documents:
        vectors |= {vector.id: vector for vector in own_vectors(document)}
        never |= {stated.name: stated for stated in own_properties(document, words)}
    return Standing(vectors, never)


def restated(draft: Draft, bound: Standing) -> tuple[Restated, ...]:
    """Every standing property and expectation that the draft says otherwise, properties first."""
    never = [
        Restated("property", stated.name, _reach(bound.never[stated.name]), _reach(stated))
        for stated in draft.never
        if stated.name in bound.never
    ]
    vectors = [
        Restated("expectation", vector.id, _asked(bound.vectors[vector.id]), _asked(vector))
        for vector in draft.vectors
        if vector.id in bound.vectors
    ]
    return tuple(change for change in (*never, *vectors) if change.before != change.after)


def _reach(stated: Property) -> str:
    """A property in one line: its sentence, and whom and what exactly it is about."""
    rule = stated.reach
    about = [" or ".join(sorted(words)) for words in (rule.clients, rule.purposes, rule.operations)]
    return f"{stated.sentence} [{'; '.join([*about, rule.place, rule.condition or 'whatever else holds', stated.on])}]"


def _asked(vector: Vector) -> str:
    """An expectation in one line: its answer, its kind, and a digest of all that it says."""
    said = [plain(vector.request), sorted(vector.licence or ()), vector.at.isoformat(), plain(vector.expect)]
    digest = sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return f"{vector.expect.get('decision', 'due')} as a {vector.kind} ({digest[:12]})"
