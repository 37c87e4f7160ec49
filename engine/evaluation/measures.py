"""Count errors and say how sure the counts are. Pure arithmetic on scores (lower is more alike): no image, no label, no file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

IMPOSTORS_LEAST: Final = 2_000
GENUINE_LEAST: Final = 100
_Z: Final = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Rate:
    """Errors among trials, with the Wilson score interval at 95 %.

    Trials here are pairs, and pairs share faces; the interval takes them as independent, so the truth may lie a little outside it."""

    errors: int
    trials: int

    @property
    def value(self) -> float | None:
        """The share of errors; None where nothing was tried."""
        return self.errors / self.trials if self.trials else None

    @property
    def at_least_one(self) -> float:
        """The share with no error counted as one: what ratios are made of, for nothing divides by zero."""
        return max(self.errors, 1) / max(self.trials, 1)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with 95 % confidence (Wilson 1927)."""
        if not self.trials:
            return 0.0, 1.0
        share, square = self.errors / self.trials, _Z * _Z / self.trials
        middle = share + square / 2
        spread = _Z * math.sqrt(share * (1 - share) / self.trials + square / (4 * self.trials))
        return max(0.0, (middle - spread) / (1 + square)), min(1.0, (middle + spread) / (1 + square))


def threshold_at(strangers: Scores, false_match_rate: float) -> float | None:
    """Return the highest score at which no more than this share of strangers match; None where they are too few to say."""
    allowed = math.floor(false_match_rate * strangers.size + 1e-9)
    return float(np.partition(strangers, allowed - 1)[allowed - 1]) if allowed else None


def false_matches(strangers: Scores, threshold: float) -> Rate:
    """Count the pairs of strangers that match."""
    return Rate(int((strangers <= threshold).sum()), int(strangers.size))


def false_non_matches(same: Scores, threshold: float) -> Rate:
    """Count the pairs of one person that do not match."""
    return Rate(int((same > threshold).sum()), int(same.size))


def at_each(scores: Scores, thresholds: Sequence[float]) -> list[int]:
    """Count the scores that match at each of these thresholds."""
    return [int(count) for count in np.searchsorted(np.sort(scores), np.asarray(thresholds, dtype=scores.dtype), side="right")]


def curve(same: Scores, strangers: Scores, points: int = 120) -> list[tuple[float, float, float]]:
    """Return (threshold, false match rate, false non-match rate) from the strictest threshold to the loosest: a DET curve."""
    if not same.size or not strangers.size:
        return []
    alike, ranks = np.sort(same), np.unique(np.geomspace(1, strangers.size, points).astype(np.int64))
    thresholds = np.partition(strangers, ranks - 1)[ranks - 1]
    missed = 1 - np.searchsorted(alike, thresholds, side="right") / alike.size
    return [
        (float(threshold), float(rank / strangers.size), float(miss))
        for threshold, rank, miss in zip(thresholds, ranks, missed, strict=True)
    ]


def unlikeness(rates: Sequence[Rate]) -> tuple[float, float, float] | None:
    """Return max/min, max/geometric mean and the Gini coefficient of the rates; None for fewer than two. A zero counts as one pair."""
    values = np.array([rate.at_least_one for rate in rates])
    if values.size < 2:
        return None
    gini = float(np.abs(values[:, None] - values).sum() / (2 * values.size**2 * values.mean()))
    return float(values.max() / values.min()), float(values.max() / math.exp(float(np.log(values).mean()))), gini
