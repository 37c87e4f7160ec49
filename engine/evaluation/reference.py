"""Make a cohort or a calibration of one's own from a corpus. Knows templates and labels; what it gives out holds nobody's template."""

from datetime import date

from engine import calibration, cohort
from engine.calibration import Calibration
from engine.cohort import Cohort
from engine.errors import CohortRefused, EvaluationRefused
from engine.evaluation.corpus import Corpus, Label
from engine.evaluation.scores import compare
from engine.recognisers.base import Recogniser


def fit_cohort(corpus: Corpus, recogniser: Recogniser, *, per_group: int = 60, seed: int = 0) -> Cohort:
    """Return a balanced synthetic cohort of the groups that the labels know: group, sex, and side of thirteen.

    Raises CohortRefused if an image has no group, sex or age, or a group has too few usable faces."""
    return cohort.fit_cohort(
        corpus.templates, [_group(label) for label in corpus.labels], recogniser.digest, per_group=per_group, seed=seed
    )


def fit_calibration(corpus: Corpus, recogniser: Recogniser, reference: Cohort | None, on: date) -> Calibration:
    """Return the calibration that all pairs of different people of this corpus give, with a cohort or for raw distances.

    Raises EvaluationRefused if the labels do not say who is who, for then a pair of one person would pass for strangers."""
    if not all(label.person for label in corpus.labels):
        raise EvaluationRefused("A calibration needs to know who is who: give the labels a column `person`.")
    return calibration.fit(
        compare(corpus, reference).strangers,
        recogniser=recogniser.digest,
        cohort=None if reference is None else reference.digest,
        people=corpus.people,
        data=corpus.digest,
        source=f"{corpus.name}: {len(corpus.labels):,} images; strangers are all pairs of different people",
        made_on=on,
    )


def _group(label: Label) -> str:
    if not label.group or not label.sex or label.age is None:
        raise CohortRefused(f"A cohort needs group, sex and age of each image; {label.file} lacks one.")
    return cohort.group_name(label.group, label.sex, label.age)
