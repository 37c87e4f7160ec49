"""No small count of a report can be had back from what is shown: not from a sum, and not from another table."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.records.suppression import HIDDEN, suppressed
from gateway.records.tally import tally
from tests.gateway.records.test_tally import asked, entry


def one(rows: dict[str, int], below: int = 5) -> dict[str, int | str]:
    return suppressed({"t": rows}, below)["t"]


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ({"a": 3, "b": 9, "c": 40}, {"a": "<5", "b": HIDDEN, "c": 40}),
        # 47 less 40 is 7: two numbers under five are then three and four.
        ({"a": 3, "b": 4, "c": 40}, {"a": "<5", "b": "<5", "c": HIDDEN}),
        ({"a": 1, "b": 1, "c": 40, "d": 50}, {"a": "<5", "b": "<5", "c": HIDDEN, "d": 50}),
        ({"a": 0, "b": 5}, {"a": 0, "b": 5}),
        ({"a": 1}, {"a": "<5"}),
    ],
)
def test_a_small_count_is_hidden_with_as_many_others_as_keep_it_so(rows: dict[str, int], shown: dict[str, int | str]) -> None:
    assert one(rows) == shown


def test_a_report_for_authorities_hides_nothing() -> None:
    assert one({"a": 1, "b": 2}, 0) == {"a": 1, "b": 2}


def sums(shown: dict[str, int | str], without: str) -> tuple[int, int]:
    low = high = 0
    for name, count in shown.items():
        if name != without:
            low += count if isinstance(count, int) else 1 if count == "<5" else 5
            high += count if isinstance(count, int) else 4 if count == "<5" else 10**9
    return low, high


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 30), min_size=1))
@settings(deadline=None)
def test_whoever_knows_the_sum_cannot_tell_a_small_count_from_any_other(rows: dict[str, int]) -> None:
    shown, total = one(rows), sum(rows.values())
    for name, count in shown.items():
        if count == "<5" and any(isinstance(other, int) and other for other in shown.values()):
            low, high = sums(shown, name)
            assert all(low <= total - guess <= high for guess in range(1, 5)), (rows, shown)


def test_a_purposes_refusals_cannot_be_had_from_its_requests_and_permits() -> None:
    log = [asked("intent", f"p{n}") for n in range(97)] + [asked("denial", f"d{n}", code="case-missing") for n in range(3)]
    log += [asked("intent", f"q{n}", "access_control") for n in range(50)] + [
        asked("denial", f"e{n}", "access_control", "x") for n in range(20)
    ]
    log += [entry("outcome", decision_id=f"{letter}{n}", status="released") for letter, most in (("p", 97), ("q", 50)) for n in range(most)]
    tables = tally(log).to_json()["tables"]
    assert isinstance(tables, dict)
    assert tables["refusals by purpose"]["missing_person"] == "<5"
    assert HIDDEN in (tables["permits by purpose"]["missing_person"], tables["requests by purpose"]["missing_person"])
    assert tables["refusals by reason"]["case-missing"] == "<5"
    # All refusals are all requests less all searches; so one of the three cannot be added up, or neither row of it is shown.
    known = [all(isinstance(count, int) for count in tables[name].values()) for name in ("requests by month", "searches by end")]
    others = [count for name in ("refusals by purpose", "refusals by reason") for count in tables[name].values() if isinstance(count, int)]
    assert not (all(known) and others), tables


def test_how_often_two_reviewers_disagreed_is_no_secret_kept_by_halves() -> None:
    shown = suppressed({"review": {"judged by two or more": 20, "of these alike": 19, "leads settled": 9, "of these overturned": 0}}, 5)
    assert HIDDEN in shown["review"].values()
