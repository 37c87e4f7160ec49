"""What a permit becomes before it reaches the engine: limits that can be kept."""

import pytest

from gateway.enforcement.declaration import Declaration
from gateway.enforcement.fulfilment import plan
from policies.decision import Permit

VOUCHED = 99.999925


def planned(size, *, said=None, cohort_covers_all=True):
    permit = Permit((), (), "0" * 64)
    declaration = Declaration.of("identify", said or {})
    return plan(permit, declaration, gallery_size=size, licence_least=0.0, vouched=VOUCHED, cohort_covers_all=cohort_covers_all)


@pytest.mark.parametrize(("size", "least"), [(0, 99.9), (100, 99.9), (10_000, 99.999)])
def test_a_search_without_a_named_threshold_offers_a_stranger_once_in_ten_times(size, least):
    found = planned(size)
    assert found.limits.min_similarity == pytest.approx(least)
    assert found.notes == ()


def test_in_a_gallery_that_is_too_large_for_that_the_threshold_is_the_best_that_is_vouched_for_and_says_so():
    found = planned(1_000_000)
    assert found.limits.min_similarity == VOUCHED
    assert "99.999925, the highest that the calibration can vouch for" in found.notes[0]
    assert "1,000,000 people" in found.notes[0]


def test_a_threshold_that_somebody_named_is_never_lowered():
    found = planned(1_000_000, said={"threshold_pct": 99.99999})
    assert (found.limits.min_similarity, found.notes) == (99.99999, ())


def test_where_the_cohort_lacks_a_group_a_person_looks_first():
    assert planned(10).reviewers == 0
    assert planned(10, cohort_covers_all=False).reviewers == 1
