"""Decide which enrolled subjects a face may be, and say what that is worth: as a rate of false matches, never as a distance.
Never sees an image, an order or a key.

A subject with n templates gets n chances to look like a stranger, so the rate of its best one is counted n-fold (Bonferroni). Measured on
139 people with three photos and their mean: 2.4 to 3.5 times as many strangers pass as a rate that is counted once would claim, and
0.65 to 0.92 times as many as the one that is told (bench/photos.py)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.calibration import Calibration
from engine.cohort import Cohort
from engine.faces import Candidate
from engine.galleries.vault import OpenTemplates
from engine.index import ROUNDING, GalleryIndex, Vector

# Far more than a threshold that passed Calibration.check_threshold lets through; a bound on time and memory all the same.
_ROWS_MOST: Final = 8192


@dataclass(frozen=True, slots=True)
class Probe:
    """One face of the probe image: its place there, its template, and its mean distance to its nearest of the cohort."""

    face: int
    template: Vector
    mean: float


@dataclass(frozen=True, slots=True)
class Scale:
    """How scores are made and read in one kind of gallery: with the cohort or, where it was switched off, by raw distance."""

    normalised: bool
    calibration: Calibration
    digest: str

    def scores(self, distances: NDArray[np.float64], probe: Probe, means: Vector) -> NDArray[np.float64]:
        """Return the scores of exact distances to templates with these cohort means; lower is more alike."""
        return distances - (means.astype(np.float64) + probe.mean) / 2 if self.normalised else distances


class Matcher:
    """Compares probes by one recogniser's two scales."""

    def __init__(self, cohort: Cohort, with_cohort: Calibration, raw: Calibration) -> None:
        self._cohort = cohort
        self._scales = {True: Scale(True, with_cohort, with_cohort.digest), False: Scale(False, raw, raw.digest)}

    def scale(self, *, normalised: bool) -> Scale:
        """Return the scale for a gallery that is normalised or not."""
        return self._scales[normalised]

    def probes(self, faces: Sequence[int], templates: Vector) -> tuple[Probe, ...]:
        """Return faces ready to be compared."""
        means = self._cohort.means(templates)
        return tuple(Probe(face, template, float(mean)) for face, template, mean in zip(faces, templates, means, strict=True))

    def verify(self, probe: Probe, held: OpenTemplates, scale: Scale, min_similarity: float) -> Candidate | None:
        """Return the one subject of whom these are all templates as a candidate; None if it is not so much like the probe.

        Raises ThresholdRefused for a similarity that nobody can vouch for."""
        scale.calibration.score_for(min_similarity)
        distances = np.linalg.norm(held.vectors.astype(np.float64) - probe.template, axis=1)
        best = float(scale.scores(distances, probe, held.means).min())
        rate = _counted(scale.calibration.false_match_rate(best), len(held.rows))
        return _candidate(probe, held.subjects[0], rate, 1, min_similarity) if rate <= _limit(min_similarity) else None

    def identify(
        self,
        probes: Sequence[Probe],
        index: GalleryIndex,
        scale: Scale,
        min_similarity: float,
        most: int,
        without: frozenset[str] = frozenset(),
    ) -> tuple[Candidate, ...]:
        """Return at most so many candidates over all faces together, the likeliest first; each subject once a face.
        Those in `without` are passed over as if they were not enrolled.

        Raises ThresholdRefused where the threshold is worthless in a gallery of this size."""
        widest = scale.calibration.check_threshold(min_similarity, index.subjects)
        found = [candidate for probe in probes for candidate in _candidates(probe, index, scale, widest, min_similarity, without)]
        return tuple(sorted(found, key=lambda candidate: (-candidate.similarity, candidate.face, candidate.subject))[:most])


def as_held(probe: Probe, name: str) -> OpenTemplates:
    """Return a face that was never enrolled as if it were a subject with one photo, to be compared with another face."""
    return OpenTemplates(np.zeros(1, dtype=np.int64), (name,), probe.template[None], np.array([probe.mean], dtype=np.float32))


def _candidates(
    probe: Probe, index: GalleryIndex, scale: Scale, widest: float, min_similarity: float, without: frozenset[str]
) -> list[Candidate]:
    scores = index.distances(probe.template)
    if scale.normalised:
        scores -= index.means / 2
    cut = widest + ROUNDING + (probe.mean / 2 if scale.normalised else 0)
    places = np.flatnonzero(scores <= cut)
    if len(places) > _ROWS_MOST:
        places = places[np.argpartition(scores[places], _ROWS_MOST)[:_ROWS_MOST]]
    exact = scale.scores(index.exactly(probe.template, places), probe, index.means[places])
    best: dict[int, float] = {}
    for owner, score in zip(index.owners[places].tolist(), exact.tolist(), strict=True):
        best[owner] = min(score, best.get(owner, math.inf))
    rates = {
        owner: _counted(scale.calibration.false_match_rate(score), index.templates_of[owner])
        for owner, score in best.items()
        if index.names[owner] not in without
    }
    limit = _limit(min_similarity)
    return [_candidate(probe, index.names[owner], rate, index.subjects, min_similarity) for owner, rate in rates.items() if rate <= limit]


def _candidate(probe: Probe, subject: str, rate: float, subjects: int, min_similarity: float) -> Candidate:
    """Return what may be told of a match: its rate rounded up to one significant digit, for a finer one shows a prober the way uphill."""
    told = _rounded_up(rate)
    # Rounding must not contradict the threshold that the candidate has passed.
    similarity = max(round(100 * (1 - told), 10), min_similarity)
    return Candidate(subject, similarity, float(f"{told * subjects:.1g}"), probe.face)


def _limit(min_similarity: float) -> float:
    """Return the greatest rate that still has this similarity, with room for the rounding of both."""
    return (1 - min_similarity / 100) * (1 + 1e-9)


def _counted(rate: float, times: int) -> float:
    return min(1.0, rate * times)


def _rounded_up(rate: float) -> float:
    step = 10.0 ** math.floor(math.log10(rate))
    return min(1.0, math.ceil(rate / step - 1e-9) * step)
