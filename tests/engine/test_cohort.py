"""The cohort is nobody's templates, is fast to ask, and makes one threshold mean the same for a crowded group and a sparse one."""

import time
from pathlib import Path

import numpy as np
import pytest

from engine.cohort import NEAREST, NEAREST_REAL, Cohort, fit_cohort, group_name, normalised, read_cohort, shipped, write_cohort
from engine.errors import CohortRefused
from engine.recognisers.base import dlib_digest

CHANCE = np.random.default_rng(5)


def crowd(spread: float, count: int, centre: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(centre, spread, (count, 128)).astype(np.float32)


@pytest.fixture(scope="module")
def small() -> Cohort:
    return Cohort(crowd(0.05, 64, 0.0), tuple("ab" * 32), "r" * 64)


def test_the_shipped_cohort_is_balanced_and_bound_to_the_shipped_recogniser() -> None:
    found = shipped()
    assert found.recogniser == dlib_digest()
    assert found.templates.shape == (1200, 128)
    assert {found.groups.count(group) for group in found.groups} == {60}
    assert len(set(found.groups)) == 20


def test_a_mean_is_over_the_twenty_nearest(small: Cohort) -> None:
    probe = crowd(0.05, 3, 0.01, seed=9)
    wanted = [np.sort(np.linalg.norm(small.templates - one, axis=1))[:NEAREST].mean() for one in probe]
    np.testing.assert_allclose(small.means(probe), wanted, rtol=1e-4)


def test_one_template_may_be_asked_for_alone(small: Cohort) -> None:
    probe = crowd(0.05, 3, 0.01, seed=9)
    assert small.means(probe[1]).shape == (1,)
    assert small.means(probe[1])[0] == pytest.approx(small.means(probe)[1], rel=1e-5)


def test_no_template_gives_no_mean(small: Cohort) -> None:
    assert small.means(np.empty((0, 128), np.float32)).shape == (0,)


def test_a_score_is_symmetric_and_broadcasts_over_a_gallery(small: Cohort) -> None:
    probe, gallery = crowd(0.05, 1, 0.0, seed=2), crowd(0.05, 500, 0.0, seed=3)
    distances = np.linalg.norm(gallery - probe, axis=1).astype(np.float32)
    mean, means = small.means(probe), small.means(gallery)
    scores = normalised(distances, mean, means)
    assert scores.shape == (500,)
    assert scores.dtype == np.float32
    assert normalised(distances[7], means[7], mean)[0] == scores[7]


def test_one_threshold_means_the_same_for_a_crowded_group_and_a_sparse_one() -> None:
    groups = {"crowded": (0.03, -1.0), "sparse": (0.06, 1.0)}
    cohort = Cohort(
        np.concatenate([crowd(spread, 60, centre, seed=11) for spread, centre in groups.values()]),
        ("crowded",) * 60 + ("sparse",) * 60,
        "r" * 64,
    )
    raw, scored = [], []
    for spread, centre in groups.values():
        people = crowd(spread, 400, centre, seed=12)
        one, two = np.triu_indices(400, 1)
        distances = np.linalg.norm(people[one] - people[two], axis=1).astype(np.float32)
        means = cohort.means(people)
        raw.append(np.quantile(distances, 0.01))
        scored.append(np.quantile(normalised(distances, means[one], means[two]), 0.01))
    assert abs(raw[0] - raw[1]) > 0.2
    assert abs(scored[0] - scored[1]) < 0.06


def test_a_hundred_thousand_templates_are_measured_in_seconds() -> None:
    gallery = crowd(0.08, 100_000, 0.0)
    started = time.process_time()
    shipped().means(gallery)
    assert time.process_time() - started < 20


def test_a_cohort_survives_its_file(small: Cohort, tmp_path: Path) -> None:
    write_cohort(small, tmp_path / "cohort.npz")
    again = read_cohort((tmp_path / "cohort.npz").read_bytes())
    assert again.digest == small.digest
    assert again.groups == small.groups


def test_the_digest_names_templates_groups_and_recogniser(small: Cohort) -> None:
    moved = small.templates.copy()
    moved[0, 0] += 1e-3
    others = [Cohort(moved, small.groups, small.recogniser), Cohort(small.templates, small.groups[::-1], small.recogniser)]
    others.append(Cohort(small.templates, small.groups, "s" * 64))
    assert len({small.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"rubbish" * 100])
def test_rubbish_is_no_cohort(data: bytes) -> None:
    with pytest.raises(CohortRefused):
        read_cohort(data)


def test_a_file_that_would_run_code_is_no_cohort(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", embeddings=np.array([print], dtype=object), group=np.array(["a"]), recogniser=np.array("r"))
    with pytest.raises(CohortRefused):
        read_cohort((tmp_path / "evil.npz").read_bytes())


@pytest.mark.parametrize(
    ("templates", "groups"),
    [
        (np.zeros((5, 128)), ("a",) * 5),
        (np.zeros((30, 128)), ("a",) * 29),
        (np.full((30, 128), np.nan), ("a",) * 30),
        (np.zeros(30), ("a",) * 30),
    ],
)
def test_what_cannot_serve_is_refused(templates: np.ndarray, groups: tuple[str, ...]) -> None:
    with pytest.raises(CohortRefused, match="at least 20"):
        Cohort(templates.astype(np.float32), groups, "r" * 64)


def test_groups_and_ages_that_a_cohort_lacks_are_named() -> None:
    found = shipped()
    assert found.missing(set(found.groups)) == ()
    assert found.missing({"White-F-13plus", "Maori-M-13plus", "Black-F-under13"}) == ("Maori-M-13plus",)


def test_a_group_label_says_group_sex_and_side_of_thirteen() -> None:
    assert [group_name("Asian", "F", age) for age in (0, 12, 13, 80)] == ["Asian-F-under13"] * 2 + ["Asian-F-13plus"] * 2


def test_a_cohort_of_ones_own_holds_nobodys_template() -> None:
    real = np.concatenate([crowd(0.06, 80, 0.0, seed=1), crowd(0.06, 80, 0.1, seed=2)])
    made = fit_cohort(real, ["one"] * 80 + ["two"] * 80, "r" * 64, per_group=40)
    assert made.groups == ("one",) * 40 + ("two",) * 40
    apart = np.linalg.norm(made.templates[:, None] - real[None], axis=2).min()
    assert apart >= NEAREST_REAL - 1e-4


def test_a_cohort_of_ones_own_lies_where_its_people_lie() -> None:
    real = np.concatenate([crowd(0.06, 200, 0.0, seed=1), crowd(0.03, 200, 0.1, seed=2)])
    made = fit_cohort(real, ["wide"] * 200 + ["close"] * 200, "r" * 64, per_group=60)
    wide, close = made.templates[60:], made.templates[:60]
    assert np.abs(wide.mean(axis=0)).max() < 0.05
    assert np.abs(close.mean(axis=0) - 0.1).max() < 0.05
    assert close.std() < wide.std()


def test_the_same_people_and_seed_give_the_same_cohort() -> None:
    real = crowd(0.06, 60, 0.0)
    assert fit_cohort(real, ["a"] * 60, "r", seed=4).digest == fit_cohort(real, ["a"] * 60, "r", seed=4).digest


def test_a_group_of_too_few_is_named() -> None:
    with pytest.raises(CohortRefused, match="group rare has 3 usable faces"):
        fit_cohort(crowd(0.06, 63, 0.0), ["many"] * 60 + ["rare"] * 3, "r" * 64)


def test_people_who_lie_too_close_together_give_no_cohort() -> None:
    with pytest.raises(CohortRefused, match="too near to a real person"):
        fit_cohort(crowd(0.001, 60, 0.0), ["a"] * 60, "r" * 64)
