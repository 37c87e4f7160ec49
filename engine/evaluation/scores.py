"""Compare every two faces of a corpus once. Knows templates, labels and a cohort; it never says whose face is whose."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.cohort import Cohort, normalised
from engine.errors import EvaluationRefused
from engine.evaluation.corpus import Corpus
from engine.evaluation.measures import Scores

IMAGES_MOST: Final = 20_000  # 200 million pairs, 2.4 GB


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The score of every two images, `left` before `right` in the corpus's order, and whether they show one person."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    scores: Scores
    same: NDArray[np.bool_]

    @property
    def strangers(self) -> Scores:
        """The scores of all pairs of different people."""
        return self.scores[~self.same]


def compare(corpus: Corpus, cohort: Cohort | None) -> Comparison:
    """Return the comparison of every two images: raw distances, or cohort-normalised ones.

    Raises EvaluationRefused if they are too many."""
    count = len(corpus.labels)
    if count > IMAGES_MOST:
        raise EvaluationRefused(f"These are {count:,} images; an evaluation compares every two of at most {IMAGES_MOST:,}.")
    left, right = (side.astype(np.int32) for side in np.triu_indices(count, k=1))
    people = _people(corpus)
    scores = np.concatenate([np.empty(0, dtype=np.float32), *_distances(corpus.templates)])
    if cohort is not None and count:
        means = cohort.means(corpus.templates)
        scores = normalised(scores, means[left], means[right])
    return Comparison(left, right, scores, people[left] == people[right])


def _distances(templates: NDArray[np.float32]) -> Iterator[Scores]:
    """Yield the distances of each template to those after it, a row at a time, in float32 without cancellation."""
    for index in range(len(templates)):
        apart = templates[index + 1 :] - templates[index]
        yield np.sqrt(np.einsum("ij,ij->i", apart, apart))


def _people(corpus: Corpus) -> NDArray[np.int64]:
    names = np.array([label.person or label.file for label in corpus.labels], dtype=np.str_)
    return np.unique(names, return_inverse=True)[1] if len(names) else np.empty(0, dtype=np.int64)
