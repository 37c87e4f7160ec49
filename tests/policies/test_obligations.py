"""Obligations: one of each kind, the stricter winning, in whatever order they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import RulebookRefused
from policies.obligations import covers, read_obligation, union
from policies.vocabulary import Vocabulary

WORDS = Vocabulary.shipped()
TOKENS = st.one_of(
    st.sampled_from([name for name, duty in WORDS.duties.items() if not duty.parameter]),
    st.tuples(st.sampled_from([name for name, duty in WORDS.duties.items() if duty.parameter]), st.integers(1, 100)).map(
        lambda pair: f"{pair[0]}:{pair[1]}"
    ),
)
DUTIES = st.lists(TOKENS.map(lambda token: read_obligation(token, WORDS)), max_size=8)


@given(DUTIES, DUTIES)
def test_a_union_is_the_same_in_any_order_and_grouping(one, two):
    assert union([*one, *two], WORDS) == union([*two, *one], WORDS) == union([*union(one, WORDS), *union(two, WORDS)], WORDS)


@given(DUTIES)
def test_a_union_covers_each_of_its_parts(duties):
    together = union(duties, WORDS)
    assert len({duty.kind for duty in together}) == len(together)
    assert all(covers(together, duty.slug, WORDS) for duty in duties)


@pytest.mark.parametrize(
    ("tokens", "slug"),
    [
        (["human_review:1", "human_review:2"], "human_review_2"),
        (["threshold_min:95", "threshold_min:99"], "threshold_min_99"),
        (["request_authorisation:48", "request_authorisation:24"], "request_authorisation_24h"),
    ],
)
def test_of_two_parameters_the_stricter_wins(tokens, slug):
    assert [duty.slug for duty in union((read_obligation(token, WORDS) for token in tokens), WORDS)] == [slug]


def test_data_is_kept_no_longer_than_the_shortest_limit_and_records_no_shorter_than_the_longest():
    tokens = ["retention_limit:30", "retention_limit:1095", "log_keep:180", "log_keep:365"]
    held = {duty.kind: dict(duty.parameters) for duty in union((read_obligation(token, WORDS) for token in tokens), WORDS)}
    assert held == {"retention_limit": {"days": 30}, "log_keep": {"days": 365}}


def test_one_reviewer_does_not_cover_two():
    assert not covers([read_obligation("human_review:1", WORDS)], "human_review_2", WORDS)
    assert not covers([], "human_review_1", WORDS)


@pytest.mark.parametrize(
    "token", ["", "coffee", "human_review", "human_review:", "human_review:two", "human_review:-1", "notice:1", "Notice", "human_review:1 "]
)
def test_an_obligation_that_is_none_is_refused_with_its_mend(token):
    with pytest.raises(RulebookRefused) as refused:
        read_obligation(token, WORDS)
    assert refused.value.mend
