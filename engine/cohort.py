"""Judge a distance by how near both faces lie to everybody: cohort normalisation. Knows no gallery, no image and no purpose.

A network that has seen few faces of a group puts its members close together, so that at one threshold it confuses them far more often. The
mean distance of a face to its nearest neighbours in a balanced cohort measures just that; subtracting it makes one threshold mean the
same for all. The cohort that ships is synthetic: drawn from a Gaussian a group, it holds nobody's template."""

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import CohortRefused

NEAREST: Final = 20
GROUP_LEAST: Final = 20
NEAREST_REAL: Final = 0.2  # no drawn vector may lie nearer to a real template: it would be that person's
_CHUNK: Final = 8192
_SHRINKAGE: Final = 0.5
_TRIES: Final = 50

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Templates (n, 128) that stand for everybody, a group label for each, and the digest of the recogniser that they belong to."""

    templates: Floats
    groups: tuple[str, ...]
    recogniser: str

    def __post_init__(self) -> None:
        """Refuse what cannot serve as a cohort."""
        shape = self.templates.shape
        if len(shape) != 2 or shape[0] != len(self.groups) or shape[0] < NEAREST or not np.isfinite(self.templates).all():
            raise CohortRefused(f"A cohort needs at least {NEAREST} finite templates, each with a group.")

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the recogniser, the groups and the templates."""
        whole = hashlib.sha256()
        for part in (self.recogniser, *self.groups):
            whole.update(part.encode() + b"\0")
        whole.update(np.ascontiguousarray(self.templates, dtype="<f4").tobytes())
        return whole.hexdigest()

    def means(self, templates: Floats) -> Floats:
        """Return each template's mean distance to its nearest 20 of the cohort, shape (n,): what a gallery keeps beside a template."""
        given = np.atleast_2d(np.asarray(templates, dtype=np.float32))
        squares = np.einsum("ij,ij->i", self.templates, self.templates)
        found = np.empty(len(given), dtype=np.float32)
        for start in range(0, len(given), _CHUNK):
            part = given[start : start + _CHUNK]
            apart = np.einsum("ij,ij->i", part, part)[:, None] + squares - 2 * (part @ self.templates.T)
            apart.partition(NEAREST - 1, axis=1)
            found[start : start + _CHUNK] = np.sqrt(np.maximum(apart[:, :NEAREST], 0)).mean(axis=1)
        return found

    def missing(self, groups: Collection[str]) -> tuple[str, ...]:
        """Return which of these groups have too few members here to be judged fairly: their results need a human."""
        here = Counter(self.groups)
        return tuple(sorted(group for group in set(groups) if here[group] < GROUP_LEAST))


def normalised(distances: Floats, one: Floats | float, other: Floats | float) -> Floats:
    """Return distances as scores: less the mean of both faces' cohort means (`Cohort.means`), which broadcast against them."""
    return (distances - (np.asarray(one, dtype=np.float32) + np.asarray(other, dtype=np.float32)) / 2).astype(np.float32)


def group_name(group: str, sex: str, age: int) -> str:
    """Return the label of a person's group as the shipped cohort writes it, such as `Asian-F-13plus`."""
    return f"{group}-{sex}-{'under13' if age < 13 else '13plus'}"


def shipped() -> Cohort:
    """Return the synthetic cohort of the dlib recogniser that comes with this package (engine/data/cohort/DATASHEET.md)."""
    return read_cohort(resources.files("engine").joinpath("data", "cohort", "synthetic_cohort.npz").read_bytes())


def read_cohort(data: bytes) -> Cohort:
    """Read a cohort file. Raises CohortRefused for anything that is not one."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            templates, groups, recogniser = file["embeddings"], file["group"], file["recogniser"]
            return Cohort(np.ascontiguousarray(templates, dtype=np.float32), tuple(map(str, groups.tolist())), str(recogniser[()]))
    except (ValueError, KeyError, TypeError, IndexError, OSError, EOFError, zipfile.BadZipFile) as fault:
        raise CohortRefused("This is not a cohort file: it needs the arrays embeddings, group and recogniser.") from fault


def write_cohort(cohort: Cohort, path: Path) -> None:
    """Write a cohort file; the same cohort gives the same bytes."""
    with path.open("wb") as file:
        np.savez(file, embeddings=cohort.templates, group=np.array(cohort.groups), recogniser=np.array(cohort.recogniser))


def fit_cohort(templates: Floats, groups: Sequence[str], recogniser: str, *, per_group: int = 60, seed: int = 0) -> Cohort:
    """Return a synthetic cohort of `per_group` members for each group: drawn from one Gaussian a group, none of them a person's template.

    Each group's covariance is drawn half way to that of all groups, for few faces know it badly. Raises CohortRefused naming a group with
    fewer than 20 faces, or one whose faces lie so close together that nothing can be drawn beside them."""
    real = np.asarray(templates, dtype=np.float64)
    labels = np.asarray(groups)
    names = sorted(set(groups))
    for name in names:
        if (count := int((labels == name).sum())) < GROUP_LEAST:
            raise CohortRefused(f"The group {name} has {count} usable faces; a cohort needs at least {GROUP_LEAST} of each group.")
    if not names or real.ndim != 2 or len(real) != len(labels) or not np.isfinite(real).all():
        raise CohortRefused("A cohort is made of finite templates, each with a group.")
    centres = {name: real[labels == name].mean(axis=0) for name in names}
    residuals = real - np.stack([centres[name] for name in groups])
    pooled = residuals.T @ residuals / max(1, len(real) - len(names))
    chance = np.random.default_rng(seed)
    drawn = []
    for name in names:
        own = residuals[labels == name]
        covariance = (1 - _SHRINKAGE) * (own.T @ own) / (len(own) - 1) + _SHRINKAGE * pooled
        drawn.append(_draw(chance, name, centres[name], covariance, real, per_group))
    labelled = tuple(name for name in names for _ in range(per_group))
    return Cohort(np.concatenate(drawn).astype(np.float32), labelled, recogniser)


def _draw(
    chance: np.random.Generator,
    name: str,
    centre: NDArray[np.float64],
    covariance: NDArray[np.float64],
    real: NDArray[np.float64],
    count: int,
) -> NDArray[np.float64]:
    """Draw from a Gaussian until there are enough vectors that lie near no real template."""
    kept = np.empty((0, len(centre)))
    for _ in range(_TRIES):
        drawn = chance.multivariate_normal(centre, covariance, size=count, method="cholesky" if _definite(covariance) else "svd")
        apart = np.sqrt(np.maximum((drawn**2).sum(axis=1)[:, None] + (real**2).sum(axis=1) - 2 * drawn @ real.T, 0)).min(axis=1)
        kept = np.concatenate([kept, drawn[apart >= NEAREST_REAL]])
        if len(kept) >= count:
            return kept[:count]
    raise CohortRefused(f"Everything drawn for the group {name} comes too near to a real person's template; add more people to it.")


def _definite(covariance: NDArray[np.float64]) -> bool:
    return bool(np.linalg.eigvalsh(covariance)[0] > 1e-10)
