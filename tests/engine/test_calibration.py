"""A similarity says how often strangers are as alike, never more than was measured, and a worthless threshold is refused."""

import json
from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine import cohort
from engine.calibration import Calibration, fit, shipped
from engine.errors import CalibrationRefused, ThresholdRefused, WrongRecogniser
from engine.images import Picture
from engine.recognisers.base import dlib_digest
from engine.recognisers.onnx import OnnxRecogniser

FACTS = {"recogniser": "r" * 64, "cohort": None, "people": 500, "data": "d" * 64, "source": "made up", "made_on": date(2026, 11, 23)}
SCORES = np.random.default_rng(1).normal(0.8, 0.08, 200_000)


@pytest.fixture(scope="module")
def fitted() -> Calibration:
    return fit(SCORES, **FACTS)


@pytest.mark.parametrize("rate", [0.5, 1e-1, 1e-2, 1e-3, 1e-4])
def test_the_claimed_rate_is_the_counted_one(fitted: Calibration, rate: float) -> None:
    score = float(np.quantile(SCORES, rate))
    assert fitted.false_match_rate(score) == pytest.approx(rate, rel=0.12)


def test_the_claimed_rate_is_that_of_strangers_who_were_not_measured(fitted: Calibration) -> None:
    others = np.random.default_rng(2).normal(0.8, 0.08, 1_000_000)
    for similarity in (90.0, 99.0, 99.9):
        found = (others <= fitted.score_for(similarity)).mean()
        assert found == pytest.approx(1 - similarity / 100, rel=0.25)


def test_no_score_is_claimed_to_be_rarer_than_one_in_all_pairs(fitted: Calibration) -> None:
    for score in (SCORES.min(), SCORES.min() - 0.001, 0.0, -5.0, -np.inf):
        assert fitted.false_match_rate(float(score)) >= 1 / SCORES.size
    assert fitted.similarity(-np.inf) == pytest.approx(fitted.best_similarity, abs=1e-3)


def test_a_score_beyond_all_strangers_is_worth_nothing(fitted: Calibration) -> None:
    assert fitted.false_match_rate(5.0) == 1.0
    assert fitted.similarity(np.inf) == 0.0
    assert fitted.similarity(float("nan")) == 0.0


@given(some.floats(-1, 2), some.floats(-1, 2))
def test_a_better_score_never_has_a_lower_similarity(one: float, other: float) -> None:
    fitted = fit(SCORES[:20_000], **FACTS)
    assert fitted.similarity(min(one, other)) >= fitted.similarity(max(one, other))


@pytest.mark.parametrize("similarity", [1.0, 50.0, 90.0, 99.0, 99.9, 99.99])
def test_the_score_for_a_similarity_has_that_similarity(fitted: Calibration, similarity: float) -> None:
    assert fitted.similarity(fitted.score_for(similarity)) == pytest.approx(similarity, abs=1e-9)


def test_a_similarity_that_nobody_measured_cannot_be_asked_for(fitted: Calibration) -> None:
    with pytest.raises(ThresholdRefused, match="200,000 pairs") as refusal:
        fitted.score_for(99.9999)
    assert refusal.value.code == "threshold-beyond-calibration"
    with pytest.raises(ThresholdRefused, match="between 0 and 100"):
        fitted.score_for(101)


def test_expected_false_candidates_grow_with_the_gallery(fitted: Calibration) -> None:
    score = fitted.score_for(99.9)
    assert fitted.expected_false_candidates(score, 1_000) == pytest.approx(1.0)
    assert fitted.expected_false_candidates(score, 50_000) == pytest.approx(50.0)


def test_a_worthless_threshold_is_refused_with_the_number_of_strangers_and_one_that_helps(fitted: Calibration) -> None:
    with pytest.raises(ThresholdRefused, match=r"about 100\.0 of the 10,000 enrolled.*99\.99 or more") as refusal:
        fitted.check_threshold(99.0, 10_000)
    assert refusal.value.code == "threshold-worthless"
    assert fitted.check_threshold(99.99, 10_000) == fitted.score_for(99.99)


@pytest.mark.parametrize("size", [1, 3, 7, 1_000, 3_333, 12_345, 99_999])
def test_the_threshold_that_a_refusal_advises_is_accepted(fitted: Calibration, size: int) -> None:
    with pytest.raises(ThresholdRefused) as refusal:
        fitted.check_threshold(0.0, size, most=1.0 if size > 50_000 else 0.5)
    advised = float(refusal.value.sentence.split("similarity of ")[-1].split(" or more")[0])
    fitted.check_threshold(advised, size, most=1.0 if size > 50_000 else 0.5)


def test_a_gallery_too_large_for_any_threshold_is_said_to_be_so(fitted: Calibration) -> None:
    with pytest.raises(ThresholdRefused, match="search a smaller one"):
        fitted.check_threshold(99.999, 10_000_000)


@pytest.mark.parametrize("scores", [np.zeros(9_999), np.full(20_000, np.nan), np.array([])])
def test_too_few_or_senseless_scores_make_no_calibration(scores: np.ndarray) -> None:
    with pytest.raises(CalibrationRefused, match="at least"):
        fit(scores, **FACTS)


def test_scores_that_tie_count_in_full() -> None:
    scores = np.concatenate([np.full(5_000, 0.5), np.linspace(0.6, 0.9, 20_000)])
    assert fit(scores, **FACTS).false_match_rate(0.5) >= 0.2 * 0.9


def test_a_calibration_survives_its_file(fitted: Calibration) -> None:
    again = Calibration.from_json(fitted.to_json())
    assert again == fitted
    assert again.digest == fitted.digest


@pytest.mark.parametrize(
    "change",
    [
        {"rates": [1e-9, 1.0], "scores": [0.1, 0.9]},
        {"rates": [0.5, 0.1], "scores": [0.1, 0.9]},
        {"rates": [0.1, 0.5], "scores": [0.9, 0.1]},
        {"rates": [0.1, 1.5], "scores": [0.1, 0.9]},
        {"rates": [0.1]},
        {"pairs": 10},
        {"pairs": "many"},
        {"format": "custodes-calibration/2"},
        {"made_on": "yesterday"},
        {"recogniser": None},
    ],
)
def test_an_unsound_file_is_refused(fitted: Calibration, change: dict[str, object]) -> None:
    with pytest.raises(CalibrationRefused):
        Calibration.from_json(json.dumps(json.loads(fitted.to_json()) | change))


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"{" * 10_000, b'{"scores": NaN}'])
def test_rubbish_is_no_calibration(text: bytes) -> None:
    with pytest.raises(CalibrationRefused):
        Calibration.from_json(text)


def test_the_shipped_calibrations_belong_to_the_shipped_recogniser_and_cohort() -> None:
    raw, normalised = shipped(dlib_digest(), None), shipped(dlib_digest(), cohort.shipped().digest)
    assert raw.pairs == normalised.pairs > 2_000_000
    assert raw.data == normalised.data
    with pytest.raises(WrongRecogniser):
        shipped("0" * 64, None)


def test_the_librarys_own_threshold_is_refused_with_a_thousand_enrolled() -> None:
    raw = shipped(dlib_digest(), None)
    assert raw.expected_false_candidates(0.6, 1_000) > 2
    with pytest.raises(ThresholdRefused):
        raw.check_threshold(raw.similarity(0.6), 1_000)


def test_two_photographs_of_one_person_are_more_similar_than_99_9(portrait: Callable[[str], Picture], recogniser: OnnxRecogniser) -> None:
    one, two = (
        recogniser.template(image, recogniser.detect(image)[0]) for image in (portrait(n).pixels for n in ("obama.jpg", "obama2.jpg"))
    )
    raw = shipped(recogniser.digest, None)
    assert raw.similarity(float(np.linalg.norm(one - two))) > 99.9
