"""Fill a gallery with synthetic templates: for demonstrations and for measuring, where real strangers have no business.
Each is drawn from the shipped synthetic cohort's Gaussians and is nobody's; each is marked so for as long as it exists."""

from collections.abc import Iterator

import numpy as np

from engine.cohort import Cohort
from engine.galleries.sealing import Vector
from engine.galleries.store import GalleryRecord
from engine.galleries.vault import NewTemplate, Vault
from engine.orders import GalleryState

PREFIX = "synthetic-"  # of the subject's name
_BATCH = 1000


def fill_with_synthetic(vault: Vault, gallery: str, cohort: Cohort, count: int, seed: int) -> GalleryRecord:
    """Enroll so many synthetic subjects, the same ones for the same seed; raises GalleryRefused(already-enrolled) for a second time.

    Needs the gallery's key, and so belongs into a worker or a command of its own, never into the serving process."""
    templates = draw(cohort, count, seed)
    names = (NewTemplate(f"{PREFIX}{seed}-{number:07}", "drawn", template, True) for number, template in enumerate(templates, start=1))
    return vault.enroll_many(GalleryState(gallery), names)


def draw(cohort: Cohort, count: int, seed: int) -> Iterator[Vector]:
    """Draw templates, the groups in turn: each from the mean and covariance of its group, the covariance half way to everybody's."""
    chance = np.random.default_rng(seed)
    groups = sorted(set(cohort.groups))
    labels = np.array(cohort.groups)
    means = {group: cohort.templates[labels == group].mean(axis=0) for group in groups}
    residuals = cohort.templates - np.stack([means[group] for group in cohort.groups])
    pooled = np.cov(residuals, rowvar=False)
    roots = {group: np.linalg.cholesky((np.cov(residuals[labels == group], rowvar=False) + pooled) / 2) for group in groups}
    for start in range(0, count, _BATCH):
        noise = chance.standard_normal((min(_BATCH, count - start), cohort.templates.shape[1]))
        for number, row in enumerate(noise, start=start):
            group = groups[number % len(groups)]
            yield (means[group] + roots[group] @ row).astype(np.float32)
