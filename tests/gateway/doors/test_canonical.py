"""Records are canonical: the bytes of msgspec are those of RFC 8785, and what has no canonical form is refused."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.records.canonical import NotCanonical, canonical, storable

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_a_record_has_the_bytes_that_rfc_8785_gives_it(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # rfc8785 types its argument narrower than JSON


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        2**53,
        -(2**53),
        {"é": 1},
        {1: 2},
        "\ud800",
        {"a": b"bytes"},
        {"a": [True, 0.5]},
        {"a": "b", "c": {2: 3}},
        object(),
    ],
)
def test_what_has_no_canonical_form_is_refused_and_nothing_else_is_raised(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_a_record_that_is_nested_too_deep_is_refused() -> None:
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(NotCanonical):
        canonical(deep)


def test_decimals_are_written_as_text_and_whole_numbers_stay_numbers() -> None:
    assert storable({"a": 99.9, "b": [0.5, 3], "c": "99.9"}) == {"a": "99.9", "b": ["0.5", 3], "c": "99.9"}
