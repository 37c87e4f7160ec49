"""Turn a permit's obligations into limits on the work; how the others are kept stands in duties/terms.py. Knows no image and no log."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.orders import SearchLimits
from gateway.enforcement.declaration import Declaration
from policies.decision import Permit

_FACES: Final = MappingProxyType({"detect": 50, "verify": 1, "identify": 1, "live_identify": 50, "enroll": 1})
_CANDIDATES: Final = 5
_LEAST_SIMILARITY: Final = 99.9
_VERIFICATION_SIMILARITY: Final = 99.9
_FALSE_CANDIDATES_WANTED: Final = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """How a permitted request is carried out: the engine's limits, and how many people look before release."""

    limits: SearchLimits
    reviewers: int
    notes: tuple[str, ...] = ()


def plan(
    permit: Permit, declaration: Declaration, *, gallery_size: int, licence_least: float, vouched: float, cohort_covers_all: bool
) -> Plan:
    """Return the limits that honour every obligation of the permit. `vouched` is the highest similarity that is calibrated.

    Where the cohort lacks a group that the evaluation knows, at least one person looks: nobody can say what a match is worth there.

    A threshold that somebody named is never lowered: where it is beyond that, the engine refuses it and says so."""
    asked = {obligation.kind: obligation.parameters for obligation in permit.obligations}
    least = max(licence_least, declaration.threshold or 0.0, float(asked.get("threshold_min", {}).get("similarity", 0)))
    notes: tuple[str, ...] = ()
    if not least:
        # Nobody named a threshold: take the one at which a search of this gallery names a stranger once in ten times.
        least = max(_LEAST_SIMILARITY, 100.0 * (1.0 - _FALSE_CANDIDATES_WANTED / max(gallery_size, 1)))
        if least > vouched:
            least, notes = vouched, (_capped(vouched, gallery_size),)
    return Plan(
        SearchLimits(
            max_faces=_FACES.get(declaration.operation, 1),
            max_candidates=_CANDIDATES if "identify" in declaration.operation else 1,
            min_similarity=least,
            person_similarity=_VERIFICATION_SIMILARITY,
        ),
        max(int(asked.get("human_review", {}).get("people", 0)), 0 if cohort_covers_all else 1),
        notes,
    )


def _capped(vouched: float, gallery_size: int) -> str:
    expected = (1 - vouched / 100) * gallery_size
    return (
        f"The threshold is {vouched:.6f}, the highest that the calibration can vouch for; in a gallery of {gallery_size:,} people"
        f" it names a stranger in about {expected:.1g} of searches, not in one of ten."
    )
