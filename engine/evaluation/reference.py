"""Make a cohort or a calibration of one's own from a corpus. Knows templates and labels; what it gives out holds nobody's template."""

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Final

from engine import calibration, cohort
from engine.calibration import Calibration
from engine.cohort import Cohort
from engine.errors import CohortRefused, EvaluationRefused
from engine.evaluation.corpus import Corpus, Label
from engine.evaluation.scores import compare
from engine.recognisers.base import Recogniser

SIDES: Final = ("-under13", "-13plus")


def fit_cohort(corpus: Corpus, recogniser: Recogniser, *, per_group: int = 60, seed: int = 0) -> Cohort:
    """Return a balanced synthetic cohort of the groups that the labels know: group, sex, and side of thirteen.

    Raises CohortRefused if an image has no group, sex or age, or a group has too few usable faces."""
    return cohort.fit_cohort(
        corpus.templates, [_group(label) for label in corpus.labels], recogniser.digest, per_group=per_group, seed=seed
    )


def without_small_groups(corpus: Corpus) -> tuple[Corpus, dict[str, int]]:
    """Return the corpus without the groups that are too small for a cohort, and those groups with the faces they have.

    Named are also the ages that a known group lacks altogether: whoever is not in a cohort is not judged by it fairly.
    Raises CohortRefused if no group is large enough, or an image has no group, sex or age."""
    labels = [_group(label) for label in corpus.labels]
    counts = Counter(labels)
    expected = {name.rpartition("-")[0] + side for name in (*counts, *(_group(label) for label, _ in corpus.refused)) for side in SIDES}
    missing = {name: counts[name] for name in sorted(expected) if counts[name] < cohort.GROUP_LEAST}
    if missing.keys() >= counts.keys():
        found = ", ".join(f"{name} {count}" for name, count in missing.items()) or "no image has a usable face"
        raise CohortRefused(f"A cohort needs at least {cohort.GROUP_LEAST} usable faces of a group; these have fewer: {found}.")
    kept = [number for number, name in enumerate(labels) if name not in missing]
    whole = replace(corpus, templates=corpus.templates[kept], labels=tuple(corpus.labels[number] for number in kept))
    return whole, missing


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
