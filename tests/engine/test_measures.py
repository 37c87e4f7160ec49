"""The arithmetic of error rates: counted by hand, or held against published intervals. Needs no image and no label."""

import numpy as np
import pytest

from engine.evaluation.measures import Rate, curve, threshold_at, unlikeness


@pytest.mark.parametrize(
    ("errors", "trials", "low", "high"),
    [(0, 100, 0.0, 0.0370), (1, 100, 0.0018, 0.0545), (50, 100, 0.4038, 0.5962), (10, 1000, 0.00545, 0.0183), (0, 0, 0.0, 1.0)],
)
def test_intervals_are_wilsons(errors: int, trials: int, low: float, high: float) -> None:
    assert Rate(errors, trials).interval == pytest.approx((low, high), abs=1e-4)


def test_a_rate_of_nothing_is_unknown_and_a_zero_counts_as_one_in_ratios() -> None:
    assert Rate(0, 0).value is None
    assert Rate(0, 4000).at_least_one == 1 / 4000


def test_a_threshold_lets_no_more_strangers_through_than_it_says() -> None:
    strangers = np.arange(10_000, dtype=np.float32)
    assert (strangers <= threshold_at(strangers, 1e-3)).sum() == 10
    assert threshold_at(strangers[:999], 1e-3) is None


def test_unlikeness_is_what_one_counts_by_hand() -> None:
    most_least, most_geomean, gini = unlikeness([Rate(4, 2000), Rate(1, 2000), Rate(0, 2000)]) or (0, 0, 0)
    assert most_least == pytest.approx(4.0)
    assert most_geomean == pytest.approx(4 / 4 ** (1 / 3))
    assert gini == pytest.approx(12 / (2 * 9 * 2))
    assert unlikeness([Rate(1, 2)]) is None


def test_a_curve_falls_as_strangers_are_let_in() -> None:
    chance = np.random.default_rng(0)
    points = curve(chance.normal(0.3, 0.1, 500).astype(np.float32), chance.normal(0.8, 0.1, 20_000).astype(np.float32))
    assert points == sorted(points)
    assert [missed for *_, missed in points] == sorted((missed for *_, missed in points), reverse=True)
    assert points[-1][1:] == (1.0, 0.0)
