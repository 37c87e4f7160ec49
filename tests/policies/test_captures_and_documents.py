"""What makes a search live, and what makes a document count: both are facts, and neither is a label."""

import pytest

from policies.decision import Permit, Refusal
from policies.judge import Judge
from policies.question import Settings
from policies.rulebook import build
from policies.vocabulary import Vocabulary

WORDS = Vocabulary.shipped()
LIVE = {"source": "live_feed", "device": "fixed", "space": "public", "age_s": 0, "subject_involved": False}
EVERY_PAPER = {
    "place": "US",
    "issuer": "court",
    "status": "granted",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_to": "2027-01-01T00:00:00Z",
}


def papers(purpose, operation):
    return [{"type": kind, **EVERY_PAPER, "purpose": purpose, "operation": operation} for kind in WORDS.authorisations]


def rules(answer):
    return {reason.rule for reason in answer.reasons}


def test_a_licence_for_still_pictures_does_not_cover_a_running_camera(baseline, facts):
    asked = facts(capture=LIVE, authorisations=papers("missing_person", "live_identify"))
    answer = baseline.decide(asked)
    assert answer.code == "not-licensed"
    assert isinstance(
        baseline.decide(
            facts(licence=["missing_person:live_identify"], capture=LIVE, authorisations=papers("missing_person", "live_identify"))
        ),
        Permit,
    )


@pytest.mark.parametrize(
    ("capture", "live"),
    [
        ({"source": "live_feed", "age_s": 0}, True),
        ({"source": "live_feed", "age_s": 3600}, True),
        ({"source": "live_feed", "age_s": 3601}, False),
        ({"source": "live_feed"}, True),
        ({"source": "live_feed", "age_s": 0, "subject_involved": True}, False),
        ({"source": "recorded_video", "age_s": 20}, True),
        ({"source": "cctv_bulk", "age_s": 20}, True),
        ({"source": "recorded_video", "age_s": 86400}, False),
        ({"source": "upload", "device": "none", "age_s": 0}, False),
        ({"source": "upload"}, False),
        ({"source": "upload", "device": "body_worn", "age_s": 5}, True),
        ({"source": "upload", "device": "body_worn", "age_s": 86400}, False),
        ({"device": "none", "age_s": 20}, True),
        ({"age_s": 86400}, False),
        ({}, True),
    ],
)
def test_live_is_what_the_capture_shows_and_never_the_label(baseline, facts, capture, live):
    answer = baseline.decide(facts(capture=capture, licence=["missing_person:identify", "missing_person:live_identify"]))
    assert (isinstance(answer, Refusal) and rules(answer) == {"BASE-8"}) == live


def test_a_refusal_says_that_a_word_about_the_picture_is_missing_where_its_want_alone_made_it_live(baseline, facts):
    answer = baseline.decide(facts(capture={}))
    assert isinstance(answer, Refusal)
    assert "declare its source and age" in answer.reasons[0].sentence
    assert "capture" in answer.needed
    assert isinstance(baseline.decide(facts(capture={"source": "upload", "age_s": 86400})), Permit)


@pytest.mark.parametrize(
    "more", [{"capture": LIVE}, {"capture": {}, "purpose": "mass_surveillance"}, {"capture": {}, "operation": "live_identify"}]
)
def test_no_word_about_the_picture_is_asked_for_where_it_would_change_nothing(baseline, facts, more):
    answer = baseline.decide(facts(**more))
    assert isinstance(answer, Refusal)
    assert "capture" not in answer.needed


def test_the_label_live_identify_is_believed_even_for_an_old_picture(baseline, facts):
    assert rules(baseline.decide(facts(operation="live_identify"))) == {"BASE-8"}


def test_the_window_in_which_a_frame_is_live_is_a_setting_and_part_of_the_digest(facts):
    narrow = build(["baseline"], settings=Settings(live_window_s=10))
    assert isinstance(Judge(narrow).decide(facts(capture={"source": "live_feed", "age_s": 11})), Permit)
    assert narrow.digest != build(["baseline"]).digest


@pytest.mark.parametrize(
    "spoil",
    [
        {"status": "requested"},
        {"status": "revoked"},
        {"status": None},
        {"valid_to": "2026-11-22T10:00:00Z"},
        {"valid_from": "2026-11-22T10:00:01Z"},
        {"valid_from": None},
        {"valid_to": None},
        {"purpose": "imminent_threat"},
        {"purpose": None},
        {"operation": "identify"},
        {"operation": None},
        {"case_ref": "MP-2025-9999"},
        {"place": "US-WA"},
        {"place": "FR"},
        {"place": None},
    ],
)
def test_a_document_counts_only_if_everything_on_it_fits(baseline, facts, spoil):
    fitting = papers("missing_person", "live_identify")
    spoilt = [paper | spoil for paper in fitting]
    assert isinstance(baseline.decide(facts(operation="live_identify", capture=LIVE, authorisations=fitting)), Permit)
    assert rules(baseline.decide(facts(operation="live_identify", capture=LIVE, authorisations=spoilt))) == {"BASE-8"}


def test_a_document_that_ends_before_it_begins_refuses_even_where_none_is_needed(baseline, facts):
    answer = baseline.decide(facts(authorisations=[{"valid_from": "2026-12-01T00:00:00Z", "valid_to": "2026-11-01T00:00:00Z"}]))
    assert rules(answer) == {"SYS-3"}
