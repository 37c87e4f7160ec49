"""The values an evaluation is made of: what was measured, on which images, for whom. They are their own canonical JSON.

Whole numbers, text and decimals alone (a decimal is written as text), so that a record's bytes are the same wherever they are written."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from engine.evaluation.measures import GENUINE_LEAST, IMPOSTORS_LEAST, Rate

Kind = Literal["group", "sex", "age"]


@dataclass(frozen=True, slots=True)
class Slice:
    """One group, sex or age band: false matches among its own members, misses of its own members, images without a usable face.

    `false_matches_at` and `misses_at` are the errors at each step of the scoring's grid, of the same trials; `misses_at` is empty where
    no two images show one person."""

    kind: Kind
    name: str
    false_matches: Rate
    misses: Rate
    refused: Rate
    false_matches_at: tuple[int, ...] = ()
    misses_at: tuple[int, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether there are enough pairs of strangers to judge the group."""
        return self.false_matches.trials >= IMPOSTORS_LEAST

    def at(self, step: int) -> tuple[Rate, Rate]:
        """Return the false matches and the misses at one step of the grid, counted from 0."""
        missed = Rate(self.misses_at[step], self.misses.trials) if self.misses_at else self.misses
        return Rate(self.false_matches_at[step], self.false_matches.trials), missed

    @property
    def enough_same(self) -> bool:
        """Whether there are enough pairs of one person to judge how often the group is missed."""
        return self.misses.trials >= GENUINE_LEAST


@dataclass(frozen=True, slots=True)
class Spread:
    """How unlike the groups' false match rates are; 1, 1 and 0 would be the same for all. A zero counts as one pair."""

    groups: int
    max_over_min: Decimal
    max_over_geomean: Decimal
    gini: Decimal


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a grid: the strangers' false match rate that is asked for, and the threshold that keeps to it."""

    false_match_rate: Decimal
    threshold: Decimal


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the curves of all images: both rates at a threshold."""

    threshold: Decimal
    false_match_rate: Decimal
    miss_rate: Decimal


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many pairs of one person are missed at the threshold where strangers match at this rate; None: too few strangers to say."""

    false_match_rate: Decimal
    threshold: Decimal | None
    misses: Rate


@dataclass(frozen=True, slots=True)
class Scoring:
    """Everything measured with one way of scoring: raw distances, or cohort-normalised ones.

    `threshold` is where one pair of adult strangers in a thousand matches; all slices are measured there, and `claimed` is the rate that
    the calibration claims there. `grid` rises from the strictest step that the data can tell to one in ten; its rates are those of the
    other way of scoring too, so that a step of the one stands beside the same step of the other. `curve` is of everybody."""

    threshold: Decimal | None
    overall: Rate
    claimed: Decimal | None
    accuracy: tuple[Accuracy, ...]
    slices: tuple[Slice, ...]
    spread: Spread | None
    grid: tuple[Step, ...]
    curve: tuple[Point, ...]

    def of(self, kind: Kind) -> tuple[Slice, ...]:
        """Return the slices of one kind, in their order."""
        return tuple(one for one in self.slices if one.kind == kind)


@dataclass(frozen=True, slots=True)
class Findings:
    """What one set of images showed, before and after normalisation."""

    corpus: str
    data: str
    images: int
    refused: int
    people: int
    adults_only: bool
    before: Scoring
    after: Scoring | None
    missing_from_cohort: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A dated evaluation of one recogniser, bound by digest to its cohort and its calibrations."""

    at: datetime
    recogniser: str
    recogniser_name: str
    cohort: str | None
    calibrations: tuple[str, ...]
    findings: tuple[Findings, ...]
    format: Literal["custodes-evaluation/2"] = "custodes-evaluation/2"
