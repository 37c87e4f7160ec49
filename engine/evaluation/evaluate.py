"""Measure a recogniser on labelled images, before and after normalisation. Knows templates and labels; keeps neither, gives counts alone.

The threshold is set where one pair of adult strangers in a thousand matches, whatever their groups; then each group is measured at that
one threshold, among its own members, for that is where a recogniser confuses people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.calibration import Calibration
from engine.cohort import Cohort, group_name
from engine.errors import EvaluationRefused, WrongRecogniser
from engine.evaluation import measures
from engine.evaluation.corpus import ADULT, Corpus, Label
from engine.evaluation.findings import Accuracy, Evaluation, Findings, Kind, Point, Scoring, Slice, Spread, Step
from engine.evaluation.measures import Rate, Scores
from engine.evaluation.scores import Comparison, compare
from engine.recognisers.base import Recogniser

OPERATING_RATE: Final = 1e-3
RATES: Final = (1e-2, 1e-3, 1e-4)
# Ten steps a decade, round numbers (Renard's), from one wrong match in a hundred thousand to one in ten.
_FIGURES: Final = ("1", "1.25", "1.6", "2", "2.5", "3.15", "4", "5", "6.3", "8")
GRID: Final = (*(Decimal(f"{figure}e{power}") for power in (-5, -4, -3, -2) for figure in _FIGURES), Decimal("1e-1"))
OLDEST: Final = 130
UNDER: Final = ((0, 13), (0, 18))
AGE_BANDS: Final = ((0, 5), (5, 13), (13, 18), (18, 30), (30, 45), (45, 60), (60, OLDEST + 1), *UNDER)

Member = Callable[[Label], bool]


def evaluate(
    corpora: Sequence[Corpus], recogniser: Recogniser, cohort: Cohort | None, calibrations: Sequence[Calibration], at: datetime
) -> Evaluation:
    """Return what these images show of the recogniser that made their templates.

    Raises EvaluationRefused if there is nothing to compare, WrongRecogniser if cohort or calibrations belong to another recogniser."""
    strays = [one for one in (cohort, *calibrations) if one is not None and one.recogniser != recogniser.digest]
    if strays:
        raise WrongRecogniser("The cohort or a calibration belongs to another recogniser; nothing was evaluated.")
    return Evaluation(
        at=at,
        recogniser=recogniser.digest,
        recogniser_name=recogniser.name,
        cohort=None if cohort is None else cohort.digest,
        calibrations=tuple(one.digest for one in calibrations),
        findings=tuple(_findings(corpus, cohort, calibrations) for corpus in corpora),
    )


def _findings(corpus: Corpus, cohort: Cohort | None, calibrations: Sequence[Calibration]) -> Findings:
    if len(corpus.labels) < 2:
        raise EvaluationRefused(f"{corpus.name} has {len(corpus.labels)} images with a usable face; there is nothing to compare.")
    by_cohort = {calibration.cohort: calibration for calibration in calibrations}
    before = _scoring(corpus, compare(corpus, None), by_cohort.get(None))
    after = None if cohort is None else _scoring(corpus, compare(corpus, cohort), by_cohort.get(cohort.digest))
    groups = {
        group_name(label.group, label.sex, label.age) for label in corpus.labels if label.group and label.sex and label.age is not None
    }
    return Findings(
        corpus=corpus.name,
        data=corpus.digest,
        images=len(corpus.labels),
        refused=len(corpus.refused),
        people=corpus.people,
        adults_only=_has_ages(corpus),
        before=before,
        after=after,
        missing_from_cohort=() if cohort is None else cohort.missing(groups),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Trials:
    """Which comparisons count: pairs of strangers, and pairs of one person."""

    corpus: Corpus
    comparison: Comparison
    strangers: NDArray[np.bool_]
    same: NDArray[np.bool_]

    def within(self, member: Member) -> tuple[Scores, Scores]:
        """Return the scores of strangers and of one person where both images are of members."""
        chosen = np.array([member(label) for label in self.corpus.labels], dtype=np.bool_)
        inside = chosen[self.comparison.left] & chosen[self.comparison.right]
        return self.comparison.scores[self.strangers & inside], self.comparison.scores[self.same & inside]

    def refused(self, member: Member) -> Rate:
        """Count the members' images that gave no usable face."""
        refused = sum(member(label) for label, _ in self.corpus.refused)
        return Rate(refused, refused + sum(member(label) for label in self.corpus.labels))


def _scoring(corpus: Corpus, comparison: Comparison, calibration: Calibration | None) -> Scoring:
    trials = _trials(corpus, comparison)
    everyone = trials.within(lambda _: True)
    grown_up, _ = trials.within(_adults(corpus))
    threshold = measures.threshold_at(grown_up, OPERATING_RATE)
    grid = _grid(grown_up)
    steps = [at for _, at in grid]
    slices = () if threshold is None else tuple(_slice(trials, *each, threshold, steps) for each in _slices(corpus))
    return Scoring(
        threshold=_decimal(threshold),
        overall=Rate(0, int(grown_up.size)) if threshold is None else measures.false_matches(grown_up, threshold),
        claimed=None if calibration is None or threshold is None else _decimal(calibration.false_match_rate(threshold)),
        accuracy=tuple(_accuracy(*everyone, rate) for rate in RATES) if everyone[1].size else (),
        slices=slices,
        spread=_spread(slices),
        grid=tuple(Step(rate, _exact(at)) for rate, at in grid),
        curve=tuple(Point(*map(_exact, point)) for point in measures.curve(everyone[1], everyone[0])),
    )


def _trials(corpus: Corpus, comparison: Comparison) -> _Trials:
    """Listed pairs of one person are the ones that count; strangers are all who are known to differ, or else those listed as such."""
    if not corpus.pairs:
        return _Trials(corpus, comparison, ~comparison.same, comparison.same)
    place = {label.file: index for index, label in enumerate(corpus.labels)}
    listed = {True: np.zeros(comparison.scores.size, np.bool_), False: np.zeros(comparison.scores.size, np.bool_)}
    count = len(corpus.labels)
    for pair in corpus.pairs:
        if pair.left in place and pair.right in place and pair.left != pair.right:
            one, other = sorted((place[pair.left], place[pair.right]))
            listed[pair.same][one * count - one * (one + 1) // 2 + other - one - 1] = True
    people_known = all(label.person for label in corpus.labels)
    return _Trials(corpus, comparison, ~comparison.same if people_known else listed[False], listed[True])


def _grid(strangers: Scores) -> list[tuple[Decimal, float]]:
    """Return each rate of the grid that so many strangers can tell, with its threshold."""
    thresholds = ((rate, measures.threshold_at(strangers, float(rate))) for rate in GRID)
    return [(rate, at) for rate, at in thresholds if at is not None]


def _slice(trials: _Trials, kind: Kind, name: str, member: Member, threshold: float, steps: Sequence[float]) -> Slice:
    strangers, same = trials.within(member)
    return Slice(
        kind,
        name,
        measures.false_matches(strangers, threshold),
        measures.false_non_matches(same, threshold),
        trials.refused(member),
        false_matches_at=tuple(measures.at_each(strangers, steps)),
        misses_at=tuple(int(same.size) - found for found in measures.at_each(same, steps)) if same.size else (),
    )


def _slices(corpus: Corpus) -> list[tuple[Kind, str, Member]]:
    """Return every group (with its sex, where known), sex and age band that the labels know. Groups and sexes are of adults."""
    known = [*corpus.labels, *(label for label, _ in corpus.refused)]
    groups = sorted({(label.group, label.sex or "") for label in known if label.group})
    sexes = sorted({label.sex for label in known if label.sex})
    bands = AGE_BANDS if _has_ages(corpus) else ()
    adult = _adults(corpus)
    return [
        *(("group", f"{group} {sex}".strip(), _of(adult, group=group, sex=sex)) for group, sex in groups),
        *(("sex", sex, _of(adult, sex=sex)) for sex in sexes),
        *(("age", _band_name(*band), _aged(*band)) for band in bands),
    ]


def _of(adult: Member, **wanted: str) -> Member:
    return lambda label: adult(label) and all((getattr(label, name) or "") == value for name, value in wanted.items())


def _aged(least: int, beyond: int) -> Member:
    return lambda label: label.age is not None and least <= label.age < beyond


def _band_name(least: int, beyond: int) -> str:
    if beyond > OLDEST:
        return f"{least} and over"
    return f"under {beyond}" if (least, beyond) in UNDER else f"{least}-{beyond - 1}"


def _accuracy(strangers: Scores, same: Scores, rate: float) -> Accuracy:
    threshold = measures.threshold_at(strangers, rate)
    misses = Rate(0, int(same.size)) if threshold is None else measures.false_non_matches(same, threshold)
    return Accuracy(_exact(rate), _decimal(threshold), misses)


def _spread(slices: Sequence[Slice]) -> Spread | None:
    judged = [one.false_matches for one in slices if one.kind == "group" and one.enough]
    found = measures.unlikeness(judged)
    return None if found is None else Spread(len(judged), *map(_exact, found))


def _has_ages(corpus: Corpus) -> bool:
    return any(label.age is not None for label in corpus.labels)


def _adults(corpus: Corpus) -> Member:
    return (lambda label: label.age is not None and label.age >= ADULT) if _has_ages(corpus) else (lambda _: True)


def _exact(value: float) -> Decimal:
    return Decimal(f"{value:.6g}")


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else _exact(value)
