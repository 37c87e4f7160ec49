"""Say what a licence allows, and when one licence is no wider than another. Pure: knows no database and no signature.

Grants are `purpose:operation` pairs, so that a licence for missing_person:identify and access_control:verify never adds up to
access_control:identify. Empty lists allow nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.clock import iso
from gateway.registry import fields
from gateway.registry.errors import Malformed
from gateway.registry.fields import Words

OWN = "own"  # in `galleries`: every gallery that the licensed client owns
MOST_A_DAY = 10_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What is licensed. `thresholds` are (operation, least similarity 0..100); quotas count permitted requests."""

    grants: tuple[str, ...]
    galleries: tuple[str, ...]
    places: tuple[str, ...]
    valid_from: datetime
    valid_to: datetime
    quota_day: int
    quota_case: int
    thresholds: tuple[tuple[str, float], ...] = ()
    may_sublicense: bool = False

    @property
    def purposes(self) -> frozenset[str]:
        """Every purpose that is granted with some operation."""
        return frozenset(grant.split(":")[0] for grant in self.grants)

    def to_json(self) -> dict[str, Any]:
        """The terms as they stand in a licence document."""
        return {
            "grants": list(self.grants),
            "galleries": list(self.galleries),
            "places": list(self.places),
            "valid_from": iso(self.valid_from),
            "valid_to": iso(self.valid_to),
            "quota_day": self.quota_day,
            "quota_case": self.quota_case,
            "thresholds": dict(self.thresholds),
            "may_sublicense": self.may_sublicense,
        }

    @classmethod
    def from_json(cls, document: object, words: Words) -> "Terms":
        """Read terms strictly: every member known and well formed, every word in the vocabulary, or Malformed with the field."""
        if not isinstance(document, Mapping):
            raise Malformed("terms", "must be an object.")
        unknown = document.keys() - cls.__slots__
        if unknown:
            raise Malformed(str(min(unknown, key=str)), "is no member of licence terms.")
        begins, ends = fields.term(document.get("valid_from"), document.get("valid_to"))
        return cls(
            grants=_grants(document.get("grants"), words),
            galleries=fields.words("galleries", document.get("galleries")),
            places=fields.places("places", document.get("places")),
            valid_from=begins,
            valid_to=ends,
            quota_day=fields.whole("quota_day", document.get("quota_day"), 0, MOST_A_DAY),
            quota_case=fields.whole("quota_case", document.get("quota_case"), 0, MOST_A_DAY),
            thresholds=_thresholds(document.get("thresholds", {}), words),
            may_sublicense=_truth("may_sublicense", document.get("may_sublicense", False)),
        )

    def wider_than(self, other: "Terms", owned: Collection[str] = ()) -> tuple[str, ...]:
        """Name every member in which these terms go beyond the other's; an empty tuple means nowhere.

        `owned` are the galleries of the other's holder, which its word `own` stands for."""
        least = dict(self.thresholds)
        shared = set(other.galleries) - {OWN} | (set(owned) if OWN in other.galleries else set())
        found = {
            "grants": not set(self.grants) <= set(other.grants),
            # `own` would mean the new holder's galleries, which were never the old holder's to license
            "galleries": not set(self.galleries) <= shared,
            "places": not all(any(fields.inside(place, outer) for outer in other.places) for place in self.places),
            "valid_from": self.valid_from < other.valid_from,
            "valid_to": self.valid_to > other.valid_to,
            "quota_day": self.quota_day > other.quota_day,
            "quota_case": self.quota_case > other.quota_case,
            "thresholds": any(least.get(operation, 0) < floor for operation, floor in other.thresholds),
            "may_sublicense": self.may_sublicense and not other.may_sublicense,
        }
        return tuple(name for name, wider in found.items() if wider)


NOTHING = Terms((), (), (), datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), 0, 0)


def pairs(purposes: tuple[str, ...], operations: tuple[str, ...]) -> tuple[str, ...]:
    """Grant every one of these operations for every one of these purposes."""
    return tuple(sorted(f"{purpose}:{operation}" for purpose in purposes for operation in operations))


def _grants(value: object, words: Words) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > 512:
        raise Malformed("grants", "must be a list of at most 512 `purpose:operation` pairs.")
    for grant in value:
        purpose, colon, operation = grant.partition(":") if isinstance(grant, str) else ("", "", "")
        if not colon or purpose not in words.purposes or operation not in words.operations:
            raise Malformed("grants", "must hold `purpose:operation` pairs of the vocabulary, such as missing_person:identify.")
    return tuple(sorted(set(value)))


def _thresholds(value: object, words: Words) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, Mapping):
        raise Malformed("thresholds", "must be an object from operation to least similarity.")
    for operation, least in value.items():
        fields.word("thresholds", operation, words.operations)
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 100:
            raise Malformed("thresholds", "must hold similarities from 0 to 100.")
    return tuple(sorted((operation, float(least)) for operation, least in value.items()))


def _truth(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Malformed(field, "must be true or false.")
    return value
