"""Matching finds exactly whom the textbook finds, and says no more of them than a rate of false matches."""

import numpy as np
import pytest

from engine import calibration as calibrations
from engine import cohort as cohorts
from engine.errors import ThresholdRefused
from engine.galleries.synthetic import draw
from engine.galleries.vault import OpenTemplates
from engine.index import GalleryIndex
from engine.matching import Matcher, Probe, as_held


@pytest.fixture(scope="module")
def cohort():
    return cohorts.shipped()


@pytest.fixture(scope="module")
def matcher(cohort):
    return Matcher(cohort, calibrations.shipped(cohort.recogniser, cohort.digest), calibrations.shipped(cohort.recogniser, None))


@pytest.fixture(scope="module")
def strangers(cohort):
    return np.stack(list(draw(cohort, 4000, seed=3)))


def held(cohort, vectors, subjects) -> OpenTemplates:
    rows = np.arange(1, len(vectors) + 1, dtype=np.int64)
    return OpenTemplates(rows, tuple(subjects), vectors.copy(), cohort.means(vectors))


def index_of(cohort, vectors, subjects) -> GalleryIndex:
    index = GalleryIndex(128)
    index.add(held(cohort, vectors, subjects))
    return index


def near(vector, distance: float, seed: int = 0):
    step = np.random.default_rng(seed).standard_normal(128)
    return (vector + step / np.linalg.norm(step) * distance).astype(np.float32)


def textbook(matcher, cohort, vectors, subjects, probe, normalised, least) -> dict[str, float]:
    """For each subject that passes: the rate of its best template, times its templates. One pair at a time, in double precision."""
    scale = matcher.scale(normalised=normalised)
    best: dict[str, float] = {}
    for vector, subject in zip(vectors.astype(np.float64), subjects, strict=True):
        score = float(np.linalg.norm(vector - probe.template))
        if normalised:
            score -= (float(cohort.means(vector[None].astype(np.float32))[0]) + probe.mean) / 2
        best[subject] = min(score, best.get(subject, np.inf))
    rates = {subject: scale.calibration.false_match_rate(score) * subjects.count(subject) for subject, score in best.items()}
    return {subject: rate for subject, rate in rates.items() if rate <= (1 - least / 100) * (1 + 1e-9)}


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("photos", [1, 3])
def test_the_candidates_are_those_of_the_textbook_and_no_others(matcher, cohort, strangers, normalised, photos):
    vectors = strangers[:600]
    subjects = [f"s{number // photos}" for number in range(len(vectors))]
    index = index_of(cohort, vectors, subjects)
    found_any = 0
    for number in range(0, 600, 40):
        (probe,) = matcher.probes([0], near(vectors[number], 0.25 + number / 4000, seed=number)[None])
        expected = textbook(matcher, cohort, vectors, subjects, probe, normalised, 99.9)
        found = matcher.identify([probe], index, matcher.scale(normalised=normalised), 99.9, 1000)
        assert {candidate.subject for candidate in found} == set(expected)
        assert [expected[candidate.subject] for candidate in found] == sorted(expected[candidate.subject] for candidate in found)
        found_any += len(found)
    assert found_any > 5


def test_ranking_by_the_cohort_can_differ_from_ranking_by_distance_and_the_search_follows_the_cohort(matcher, cohort, strangers):
    # Two enrolled people equally far from the probe: the one in a sparser neighbourhood is the likelier.
    means = cohort.means(strangers)
    dense, sparse = strangers[np.argmin(means)], strangers[np.argmax(means)]
    probe = Probe(0, ((dense + sparse) / 2).astype(np.float32), 0.9)
    index = index_of(cohort, np.stack([dense, sparse]), ["dense", "sparse"])
    distances = index.exactly(probe.template, np.array([0, 1]))
    assert abs(distances[0] - distances[1]) < 1e-6
    found = matcher.identify([probe], index, matcher.scale(normalised=True), 50.0, 2)
    assert found[0].subject == "sparse"
    assert len(found) == 1 or found[0].similarity > found[1].similarity


def test_each_subject_comes_once_however_many_of_its_photos_match(matcher, cohort, strangers):
    person = strangers[0]
    vectors = np.stack([near(person, 0.2, seed) for seed in range(4)] + list(strangers[1:50]))
    index = index_of(cohort, vectors, ["p"] * 4 + [f"s{number}" for number in range(49)])
    probes = matcher.probes([0], person[None])
    found = matcher.identify(probes, index, matcher.scale(normalised=True), 99.0, 10)
    assert [candidate.subject for candidate in found] == ["p"]


def test_a_subject_with_more_photos_is_held_to_a_stricter_score(matcher, cohort, strangers):
    person, probe_vector = strangers[0], near(strangers[0], 0.33)
    probes = matcher.probes([0], probe_vector[None])
    scale = matcher.scale(normalised=True)
    one = matcher.verify(probes[0], held(cohort, person[None], ["p"]), scale, 0)
    five = matcher.verify(probes[0], held(cohort, np.repeat(person[None], 5, axis=0), ["p"] * 5), scale, 0)
    assert 100 - five.similarity == pytest.approx(5 * (100 - one.similarity), rel=1.0)
    assert five.similarity < one.similarity


def test_no_more_candidates_than_allowed_and_the_likeliest_first_over_all_faces(matcher, cohort, strangers):
    people = strangers[:10]
    index = index_of(cohort, people, [f"s{number}" for number in range(10)])
    probes = matcher.probes(range(10), np.stack([near(person, 0.05 + 0.03 * number) for number, person in enumerate(people)]))
    all_of_them = matcher.identify(probes, index, matcher.scale(normalised=True), 95.0, 100)
    three = matcher.identify(probes, index, matcher.scale(normalised=True), 95.0, 3)
    assert three == all_of_them[:3]
    assert len(all_of_them) > 3
    assert [candidate.similarity for candidate in all_of_them] == sorted((candidate.similarity for candidate in all_of_them), reverse=True)
    assert matcher.identify(probes, index, matcher.scale(normalised=True), 95.0, 0) == ()


def test_the_expected_number_of_false_candidates_is_the_rate_times_the_subjects(matcher, cohort, strangers):
    index = index_of(cohort, strangers[:1000], [f"s{number}" for number in range(1000)])
    (probe,) = matcher.probes([0], near(strangers[5], 0.36)[None])
    (first, *_) = matcher.identify([probe], index, matcher.scale(normalised=True), 99.9, 5)
    assert first.expected_false_candidates == pytest.approx((1 - first.similarity / 100) * 1000, rel=0.06)


def test_among_a_thousand_strangers_about_as_many_are_found_as_the_threshold_says(matcher, cohort, strangers):
    index = index_of(cohort, strangers[:1000], [f"s{number}" for number in range(1000)])
    probes = matcher.probes(range(500), strangers[1000:1500])
    scale = matcher.scale(normalised=True)
    found = sum(len(matcher.identify([probe], index, scale, 99.9, 100)) for probe in probes) / 500
    # One in a thousand of a thousand is one; the cohort's Gaussians are not the people that the calibration was measured on.
    assert found < 3


def test_a_threshold_that_is_worthless_in_a_gallery_of_that_size_is_refused_with_one_that_is_not(matcher, cohort, strangers):
    index = index_of(cohort, strangers, [f"s{number}" for number in range(4000)])
    probes = matcher.probes([0], strangers[:1])
    with pytest.raises(ThresholdRefused, match="Ask for a similarity"):
        matcher.identify(probes, index, matcher.scale(normalised=True), 99.0, 10)


def test_a_similarity_that_nobody_can_vouch_for_is_refused(matcher, cohort, strangers):
    probes = matcher.probes([0], strangers[:1])
    with pytest.raises(ThresholdRefused):
        matcher.verify(probes[0], as_held(probes[0], "same"), matcher.scale(normalised=True), 100)


def test_no_finer_similarity_is_told_than_one_significant_digit_of_its_rate(matcher, cohort, strangers):
    scale, told = matcher.scale(normalised=True), set()
    for step in range(400):
        (probe,) = matcher.probes([0], near(strangers[0], 0.2 + step / 2000)[None])
        match = matcher.verify(probe, held(cohort, strangers[:1], ["p"]), scale, 90.0)
        if match:
            told.add(match.similarity)
            digit = f"{1 - match.similarity / 100:.6e}"
            assert digit.startswith(tuple(f"{first}.000" for first in range(1, 10))) or match.similarity == 90.0
    assert 5 < len(told) < 60, "a prober who walks uphill sees stairs, not a slope"


def test_what_is_told_never_contradicts_the_threshold_that_was_passed(matcher, cohort, strangers):
    scale = matcher.scale(normalised=True)
    for step in range(200):
        (probe,) = matcher.probes([0], near(strangers[0], 0.2 + step / 1000)[None])
        match = matcher.verify(probe, held(cohort, strangers[:1], ["p"]), scale, 99.73)
        assert match is None or match.similarity >= 99.73


def test_an_empty_gallery_has_no_candidates(matcher, strangers):
    assert matcher.identify(matcher.probes([0], strangers[:1]), GalleryIndex(128), matcher.scale(normalised=True), 99.9, 5) == ()
