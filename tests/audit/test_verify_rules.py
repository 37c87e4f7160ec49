"""The rules between entries: each intent closed once, no outcome without one, and the engine's counter accounted for."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.invariants import EntryRules
from gateway.audit.report import Broken
from tests.audit.honest import canonical, decided, plain, story

BOOT = "0a" * 16


def intent(index, boot=BOOT, **more):
    return decided("intent", index, "permit", boot=boot, **more)


def outcome(index, link, call=None, boot=BOOT):
    return plain("outcome", index, intent=link, **({} if call is None else {"engine": {"boot": boot, "call": call}}))


def abandoned(index, link):
    return plain("abandoned", index, intent=link)


def judged(*entries, in_flight=0):
    """What the rules find in these entries: a code and an index, or None."""
    rules = EntryRules()
    try:
        for index, entry in enumerate(entries):
            rules.see(index, entry if isinstance(entry, bytes) else canonical(entry))
        rules.end(timedelta(seconds=in_flight))
    except Broken as broken:
        return broken.finding.code, broken.finding.index
    return None


@given(st.integers(0, 400))
def test_an_honest_story_breaks_no_rule(size):
    assert judged(*(story(index, size) for index in range(size))) is None


def test_outcomes_may_come_in_another_order_than_their_intents():
    assert judged(intent(0), intent(1), intent(2), outcome(3, 2, 2), abandoned(4, 0), outcome(5, 1, 1)) is None


@pytest.mark.parametrize(
    ("entries", "code", "index"),
    [
        ([intent(0)], "intent-open", 0),
        ([intent(0), intent(1), outcome(2, 0, 1)], "intent-open", 1),
        ([intent(0), outcome(1, 0), outcome(2, 0)], "outcome-without-intent", 2),
        ([intent(0), outcome(1, 0), abandoned(2, 0)], "outcome-without-intent", 2),
        ([outcome(0, 0)], "outcome-without-intent", 0),
        ([plain("heartbeat", 0), outcome(1, 0)], "outcome-without-intent", 1),
        ([outcome(0, 1), intent(1)], "outcome-without-intent", 0),
        ([intent(0), outcome(1, -1)], "outcome-without-intent", 1),
        ([intent(0), outcome(1, "0")], "outcome-without-intent", 1),
        ([intent(0), outcome(1, False)], "outcome-without-intent", 1),
        ([intent(0), plain("outcome", 1)], "outcome-without-intent", 1),
        ([intent(0), outcome(1, 0) | {"decision_id": "another"}], "outcome-without-intent", 1),
    ],
)
def test_a_broken_pair_is_named_by_its_entry(entries, code, index):
    assert judged(*entries) == (code, index)


@pytest.mark.parametrize(
    ("entries", "index"),
    [
        ([intent(0), outcome(1, 0, 2)], 1),  # more calls than intents
        ([intent(0), outcome(1, 0, 0)], 1),
        ([intent(0), outcome(1, 0, "1")], 1),
        ([intent(0), outcome(1, 0, True)], 1),
        ([intent(0), intent(1), outcome(2, 0, 1), outcome(3, 1, 1)], 3),  # one call, two accounts
        ([intent(0), outcome(1, 0, 1, boot="ff")], 1),  # another boot than the intent's
        ([intent(0), intent(1), intent(2, boot="ff"), outcome(3, 2, 2, boot="ff")], 3),  # intents of another boot do not count
        ([intent(0), outcome(1, 0) | {"engine": {"call": 1}}], 1),
    ],
)
def test_an_engine_call_that_no_intent_explains_is_named_by_its_entry(entries, index):
    assert judged(*entries) == ("engine-counter", index)


def test_a_call_may_be_missing_since_its_intent_was_closed_without_an_account():
    lost = [intent(0), intent(1), outcome(2, 1, 2)]
    assert judged(*lost, abandoned(3, 0)) is None
    assert judged(*lost, outcome(3, 0)) is None


def test_each_boot_has_a_counter_of_its_own():
    assert judged(intent(0), outcome(1, 0, 1), intent(2, boot="ff"), outcome(3, 2, 1, boot="ff")) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "heartbeat", "at": plain("x", 0)["at"]},
        plain("heartbeat", 0) | {"v": 2},
        plain("heartbeat", 0) | {"v": True},
        plain("heartbeat", 0) | {"v": "1"},
        plain("", 0),
        plain("Intent", 0),
        plain("in tent", 0),
        plain("x" * 41, 0),
        plain("heartbeat", 0) | {"kind": ["intent"]},
        plain("heartbeat", 0) | {"at": "2026-11-23T10:00:00Z"},
        plain("heartbeat", 0) | {"at": "2026-11-23T10:00:00.123456+00:00"},
        plain("heartbeat", 0) | {"at": "2026-13-23T10:00:00.123456Z"},
        plain("heartbeat", 0) | {"at": 5},
        intent(0) | {"boot": "xyz"},
        intent(0) | {"boot": 7},
        intent(0) | {"boot": ""},
        intent(0) | {"intent": 0},
    ],
)
def test_an_entry_without_its_envelope_is_malformed(entry):
    assert judged(entry) == ("entry-malformed", 0)


def test_an_intent_names_its_boot():
    assert judged({name: value for name, value in intent(0).items() if name != "boot"}) == ("entry-malformed", 0)


def test_only_an_outcome_gives_the_engines_account():
    assert judged(intent(0), abandoned(1, 0) | {"engine": {"boot": BOOT, "call": 1}}) == ("entry-malformed", 1)
    assert judged(intent(0), outcome(1, 0) | {"engine": [1]}) == ("entry-malformed", 1)
    assert judged(intent(0), outcome(1, 0) | {"engine": None}) is None


def test_a_log_begins_once_or_after_a_recovery():
    assert judged(plain("genesis", 0)) is None
    assert judged(plain("recovery", 0), plain("genesis", 1)) is None
    assert judged(plain("heartbeat", 0), plain("genesis", 1)) == ("genesis-repeated", 1)
    assert judged(plain("genesis", 0), plain("genesis", 1)) == ("genesis-repeated", 1)


def test_time_may_stand_still_or_run_backwards_since_order_is_the_index():
    assert judged(plain("heartbeat", 5), plain("heartbeat", 5), plain("heartbeat", 0)) is None


def test_entries_that_are_not_canonical_are_named():
    assert judged(plain("heartbeat", 0), b'{"v":1,"kind":"heartbeat"}') == ("not-canonical", 1)
    assert judged(b"") == ("not-canonical", 0)


def test_a_log_cannot_have_endless_kinds():
    assert judged(*(plain(f"kind-{index}", index) for index in range(257))) == ("entry-malformed", 256)


def test_how_young_an_open_intent_is_is_measured_at_the_latest_entry():
    assert judged(intent(0), plain("heartbeat", 9_000), in_flight=10) is None
    assert judged(intent(0), plain("heartbeat", 11_000), in_flight=10) == ("intent-open", 0)
    assert judged(intent(0), plain("heartbeat", 11_000), plain("heartbeat", 1), in_flight=10) == ("intent-open", 0)


@given(st.binary(max_size=80))
def test_rubbish_breaks_a_rule_and_nothing_else(raw):
    assert judged(b"\x00" + raw) == ("not-canonical", 0)


@given(st.dictionaries(st.sampled_from(["v", "kind", "at", "boot", "intent", "engine", "decision_id"]), st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.sampled_from(["intent", "outcome", "abandoned", "genesis", BOOT, plain("x", 0)["at"]]),
    st.dictionaries(st.sampled_from(["boot", "call"]), st.one_of(st.integers(-1, 3), st.sampled_from([BOOT, ""])), max_size=2),
)), st.data())  # fmt: skip
def test_strange_members_end_in_a_finding_or_in_peace(entry, data):
    entry = {"v": 1, "kind": data.draw(st.sampled_from(["intent", "outcome", "abandoned"])), "at": plain("x", 0)["at"], **entry}
    verdict = judged(intent(0), entry, in_flight=5)
    assert verdict is None or verdict[1] in (0, 1)
