"""Say what a score is worth: how often two strangers score as alike. Knows no gallery, no image and no recogniser but its digest.

The rate is counted, never extrapolated: below the most alike pair of strangers that was measured it stays at one in n pairs. (The pairs
share faces, so even that is told with more confidence than it has.) It is an average over the people who were measured; the evaluation
(engine/evaluation/) says for whom it is worse."""

import hashlib
import math
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from engine.errors import CalibrationRefused, ThresholdRefused, WrongRecogniser

FORMAT: Final = "custodes-calibration/1"
PAIRS_LEAST: Final = 10_000
_KNOTS: Final = 160


@dataclass(frozen=True, slots=True)
class Calibration:
    """False match rates at rising scores (a lower score is more alike), and where they come from.

    `recogniser` and `cohort` are digests; cohort is None for raw distances. `data` is the digest of the images and labels measured."""

    recogniser: str
    cohort: str | None
    pairs: int
    people: int
    data: str
    source: str
    made_on: date
    scores: tuple[float, ...]
    rates: tuple[float, ...]
    format: Literal["custodes-calibration/1"] = FORMAT

    def __post_init__(self) -> None:
        """Refuse knots that claim more than the pairs can vouch for, or do not rise together."""
        scores, rates = np.asarray(self.scores), np.asarray(self.rates)
        sound = (
            self.pairs >= PAIRS_LEAST
            and len(scores) == len(rates) >= 2
            and bool(np.isfinite(scores).all() and np.isfinite(rates).all())
            and bool((np.diff(scores) > 0).all() and (np.diff(rates) > 0).all())
            and rates[0] * self.pairs >= 1 - 1e-9
            and rates[-1] <= 1
        )
        if not sound:
            raise CalibrationRefused("This calibration is unsound: scores and rates must rise together, from one in n pairs to at most 1.")

    @property
    def floor(self) -> float:
        """The smallest rate that may be claimed: that of the most alike strangers who were measured, never below one in n pairs."""
        return self.rates[0]

    @property
    def best_similarity(self) -> float:
        """The highest similarity that these pairs can vouch for."""
        return 100 * (1 - self.floor)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the calibration's own JSON."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def false_match_rate(self, score: float) -> float:
        """Return the share of pairs of strangers that score this or lower; never less than `floor`."""
        if math.isnan(score):
            return 1.0
        # Straight lines between the logarithms of counted rates: a rate falls by powers of ten over equal steps of score.
        return math.exp(float(np.interp(score, self.scores, np.log(self.rates), right=0.0)))

    def similarity(self, score: float) -> float:
        """Return 100 x (1 - false match rate): 99.9 means that one pair of strangers in a thousand is as alike."""
        return 100 * (1 - self.false_match_rate(score))

    def score_for(self, similarity: float) -> float:
        """Return the highest score that still has this similarity. Raises ThresholdRefused beyond what the pairs can vouch for."""
        if not 0 <= similarity <= 100:
            raise ThresholdRefused(f"A similarity lies between 0 and 100; {similarity} does not.", code="threshold-out-of-range")
        rate = 1 - similarity / 100
        if rate < self.floor * (1 - 1e-9):
            raise ThresholdRefused(
                f"Nobody can vouch for a similarity of {similarity}: it was measured on {self.pairs:,} pairs of strangers,"
                f" so the highest that means anything is {self.best_similarity:.6f}.",
                code="threshold-beyond-calibration",
            )
        return float(np.interp(math.log(max(rate, self.floor)), np.log(self.rates), self.scores))

    def expected_false_candidates(self, score: float, gallery_size: int) -> float:
        """Return how many of so many strangers would score this or lower by chance."""
        return self.false_match_rate(score) * gallery_size

    def check_threshold(self, similarity: float, gallery_size: int, *, most: float = 1.0) -> float:
        """Return the score of a threshold that is of use in a gallery of that size.

        Raises ThresholdRefused where strangers alone would give more than `most` candidates a search; it names a threshold that helps."""
        score = self.score_for(similarity)
        expected = self.expected_false_candidates(score, gallery_size)
        if expected <= most * (1 + 1e-9):
            return score
        needed = 100 * (1 - most / gallery_size)
        if needed > self.best_similarity or most <= 0:
            advice = (
                f"No threshold that {self.pairs:,} measured pairs can vouch for is of use in a gallery this large; search a smaller one."
            )
        else:
            advice = f"Ask for a similarity of {_rounded_up(needed)} or more."
        raise ThresholdRefused(
            f"At a similarity of {similarity:g}, about {expected:,.1f} of the {gallery_size:,} enrolled would be offered as the person"
            f" sought in every search, though none of them is. {advice}"
        )

    def to_json(self) -> bytes:
        """Return the calibration as one line of JSON, its members sorted."""
        return msgspec.json.encode(self, order="sorted")

    @classmethod
    def from_json(cls, text: str | bytes) -> "Calibration":
        """Read a calibration file. Raises CalibrationRefused for anything that is not one."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
            raise CalibrationRefused(f"This is not a calibration file: {fault}.") from fault


def fit(strangers: ArrayLike, *, recogniser: str, cohort: str | None, people: int, data: str, source: str, made_on: date) -> Calibration:
    """Return the calibration that the scores of all these pairs of strangers give.

    Raises CalibrationRefused if they are too few to mean anything, or not finite."""
    scores = np.sort(np.asarray(strangers, dtype=np.float64).ravel())
    if scores.size < PAIRS_LEAST or not np.isfinite(scores).all():
        raise CalibrationRefused(f"A calibration needs at least {PAIRS_LEAST:,} finite scores of strangers; these are {scores.size:,}.")
    ranks = np.unique(np.geomspace(1, scores.size, _KNOTS).round().astype(np.int64))
    # Where scores tie, the last one stands: the higher count is the honest one.
    rising = {round(float(scores[rank - 1]), 6): _rate(int(rank), scores.size) for rank in ranks}
    return Calibration(recogniser, cohort, scores.size, people, data, source, made_on, tuple(rising), tuple(rising.values()))


def shipped(recogniser: str, cohort: str | None) -> Calibration:
    """Return the calibration that comes with this package for a recogniser and a cohort (None: raw distance), both named by digest.

    Raises WrongRecogniser if none does: make one with `fit`."""
    for file in resources.files("engine").joinpath("data", "calibrations").iterdir():
        found = Calibration.from_json(file.read_bytes()) if file.name.endswith(".json") else None
        if found is not None and (found.recogniser, found.cohort) == (recogniser, cohort):
            return found
    raise WrongRecogniser("No calibration comes with this recogniser and cohort; measure one with the images that you may use.")


def _rate(rank: int, pairs: int) -> float:
    """Return the share of pairs up to this rank, one pair added: the next stranger may be the more alike one."""
    return float(f"{min(1.0, (rank + 1) / pairs):.6e}")


def _rounded_up(similarity: float) -> str:
    """Write a similarity below 100 with no more digits than it needs, and never less than it is."""
    digits = 1 - math.floor(math.log10(100 - similarity))
    text = f"{math.ceil(similarity * 10**digits - 1e-9) / 10**digits:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
