"""Decide what people's judgements of a result amount to. Pure: no database, no clock, no image."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Judgement(StrEnum):
    """What one reviewer says of one candidate."""

    SAME = "same"
    DIFFERENT = "different"
    CANNOT_TELL = "cannot-tell"


# What a judgement may rest on: the parts of a face that people are taught to compare, one by one (FISWG's checklist, shortened).
FEATURES: Final = (
    "face-shape",
    "forehead",
    "eyebrows",
    "eyes",
    "nose",
    "cheeks",
    "mouth",
    "chin",
    "ears",
    "hairline",
    "facial-hair",
    "marks",
    "lines",
)
LONGEST_NOTE: Final = 2000


@dataclass(frozen=True, slots=True)
class Noted:
    """One reviewer's word on one candidate, and what it rests on: features of the closed list, and a note in their own words."""

    said: Judgement
    features: tuple[str, ...] = ()
    note: str = ""

    @property
    def rests(self) -> bool:
        """Whether it says what it rests on; who cannot tell need not."""
        return self.said is Judgement.CANNOT_TELL or bool(self.features) or bool(self.note.strip())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judgements say so far: settled or not, and which candidates were confirmed."""

    settled: bool
    confirmed: tuple[int, ...]


# After so many judgements beyond what was asked for, a candidate that is still open counts as not confirmed.
_EXTRA: Final = 1


def verdict(judgements: Sequence[Sequence[Judgement]], candidates: int, needed: int) -> Verdict:
    """Return the verdict over a result's candidates, each judged by every reviewer in turn.

    A candidate is confirmed when `needed` reviewers say *same* and no more say *different*; it is refuted when `needed`
    say *different*. Disagreement goes to one more reviewer; what is open after that is not confirmed."""
    open_left = False
    confirmed = []
    for candidate in range(candidates):
        said = [reviewer[candidate] for reviewer in judgements]
        same, different = said.count(Judgement.SAME), said.count(Judgement.DIFFERENT)
        if same >= needed and same > different:
            confirmed.append(candidate)
        elif different < needed and len(said) < needed + _EXTRA:
            open_left = True
    return Verdict(settled=not open_left and len(judgements) >= needed, confirmed=() if open_left else tuple(confirmed))
