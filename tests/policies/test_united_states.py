"""The conditions that only American law asks for: what satisfies them, what does not, and that absence never does."""

from datetime import UTC, datetime

import pytest

from policies.conditions import bind
from policies.conditions.united_states import CONDITIONS
from policies.errors import RulebookRefused
from policies.question import Question, Settings
from policies.vocabulary import Vocabulary

WORDS = Vocabulary.shipped()
# Those that take a literal, with one.
_READ = ["paper_shown:court_order", "years_since:last_interaction=3"]
LIVE = {"source": "live_feed", "device": "fixed", "space": "public", "age_s": 0, "subject_involved": False}


@pytest.fixture
def holds(facts):
    """Ask one condition about the missing child's request, changed."""

    def ask(token, at=datetime(2026, 11, 22, 10, tzinfo=UTC), **changes):
        return bind(token, WORDS).ask(Question(facts(at=at, **changes), "request", Settings(), WORDS))

    return ask


def mandate(**changes):
    term = {"valid_from": "2026-11-20T00:00:00Z", "valid_to": "2026-12-20T00:00:00Z"}
    bound = {"purpose": "missing_person", "operation": "identify", "place": "US"}
    return {"type": "legal_mandate", "issuer": "us_congress", "status": "granted", **term, **bound, **changes}


@pytest.mark.parametrize("token", [*(condition.name for condition in CONDITIONS if condition.literal is None), *_READ])
def test_a_request_that_says_nothing_of_it_satisfies_no_american_condition(holds, token):
    assert not holds(token)


def test_urgency_and_danger_to_life_are_exigent_and_a_plain_no_is_not(holds):
    assert holds("exigent", context={"urgent": True})
    assert holds("exigent", context={"exigent_circumstances": True})
    assert holds("exigent", case={"ref": "EM-1", "imminent_threat": True})
    assert not holds("exigent", context={"urgent": False, "emergency": "yes"})


def test_watching_is_live_or_tracking_or_bulk_recordings_or_said_so(holds):
    assert holds("surveillance", capture=LIVE)
    assert holds("surveillance", operation="track")
    assert holds("surveillance", capture={**LIVE, "source": "cctv_bulk", "age_s": 864000})
    assert holds("surveillance", context={"ongoing_surveillance": True})
    assert not holds("surveillance", capture={**LIVE, "source": "recorded_video", "age_s": 864000})


def test_a_federal_matter_is_a_federal_body_or_a_federal_law_in_force(holds):
    assert holds("federal_matter", client={"kind": "prosecutor_court", "place": "US"})
    assert holds("federal_matter", authorisations=[mandate()])
    assert not holds("federal_matter", authorisations=[mandate(place="US-CA")])
    assert not holds("federal_matter", authorisations=[mandate(valid_to="2026-11-22T10:00:00Z")])
    assert not holds("federal_matter", authorisations=[mandate(type="court_order")])


@pytest.mark.parametrize(
    ("changes", "exempt"),
    [
        ({"capture": {**LIVE, "space": "border"}}, True),
        ({"client": {"kind": "public_agency", "acts_for": "border_agency", "place": "US-WA"}}, True),
        ({"context": {"airport": True, "federal_partner": True}}, True),
        ({"context": {"site": "airport", "partner": "TSA"}}, True),
        ({"context": {"airport": True}}, False),
        ({"context": {"federal_partner": True}}, False),
        ({"capture": {**LIVE, "space": "border"}, "context": {"federal_partner": False}}, False),
    ],
)
def test_a_port_verifies_travellers_only_together_with_a_federal_agency(holds, changes, exempt):
    assert holds("federal_matter", operation="verify", **changes) is exempt
    assert not holds("federal_matter", operation="identify", **changes)


def test_a_document_is_shown_even_if_it_counts_for_nothing(holds):
    assert holds("paper_shown:court_order", authorisations=[{"type": "court_order", "status": "revoked"}])
    assert not holds("paper_shown:court_order", authorisations=[mandate()])


def test_a_document_of_an_unknown_kind_is_no_literal():
    with pytest.raises(RulebookRefused):
        bind("paper_shown:letter", WORDS)


def test_a_probe_that_is_not_known_as_a_photograph_counts_as_made_or_altered(holds):
    for kind in ("sketch", "composite", "ai_generated", "Photo", "", 7):
        assert holds("altered_probe", context={"probe_kind": kind}), kind
    assert holds("altered_probe", context={"probe_kind": "photo", "probe_manipulated": True})
    assert not holds("altered_probe", context={"probe_kind": "video_frame", "probe_manipulated": False})


def test_a_step_rests_on_the_match_alone_if_said_so_or_if_other_evidence_is_denied(holds):
    assert holds("match_alone", context={"sole_basis": True})
    assert holds("match_alone", context={"action": "arrest", "independent_evidence": False})
    assert not holds("match_alone", context={"action": "arrest", "independent_evidence": True})
    assert not holds("match_alone", context={"independent_evidence": False})


def test_contractors_of_the_state_and_banks_are_outside_the_biometric_act(holds):
    assert holds("works_for_government", client={"kind": "company", "acts_for": "public_agency"})
    assert holds("works_for_government", evidence={"glba": True})
    assert not holds("works_for_government", client={"kind": "company", "acts_for": "police_federal"})


def test_a_release_that_is_dated_after_the_capture_is_late(holds):
    day_old = {**LIVE, "age_s": 86400}
    assert holds("release_late", capture=day_old, consent={"type": "written_release", "signed_at": "2026-11-21T10:00:01Z"})
    assert not holds("release_late", capture=day_old, consent={"type": "written_release", "signed_at": "2026-11-21T10:00:00Z"})
    assert not holds("release_late", capture=day_old, consent={"type": "written_release", "given_at": "lately"})


def test_gain_is_a_sale_by_purpose_or_by_declaration(holds):
    assert holds("for_gain", purpose="sale")
    assert holds("for_gain", context={"lease": True})
    assert not holds("for_gain", context={"lease": False})


@pytest.mark.parametrize(
    ("since", "at", "passed"),
    [
        ("2023-11-22T10:00:00Z", "2026-11-22T10:00:00+00:00", True),
        ("2023-11-22T10:00:01Z", "2026-11-22T10:00:00+00:00", False),
        ("2024-02-29T00:00:00Z", "2027-02-28T00:00:00+00:00", True),
        ("2024-02-29T00:00:00Z", "2027-02-27T23:59:59+00:00", False),
        ("2020-01-01T00:00:00Z", "2026-11-22T10:00:00+00:00", True),
        ("2027-01-01T00:00:00Z", "2026-11-22T10:00:00+00:00", False),
    ],
)
def test_years_pass_on_the_calendar_day(holds, since, at, passed):
    assert holds("years_since:last_interaction=3", at=datetime.fromisoformat(at), context={"last_interaction": since}) is passed


def test_an_own_device_counts_only_while_the_person_takes_part(holds):
    involved = {**LIVE, "subject_involved": True}
    assert holds("own_device", capture=involved, context={"own_device": True})
    assert holds("own_device", capture=involved, context={"employer_device": True})
    assert not holds("own_device", capture=LIVE, context={"own_device": True})


def test_seized_pictures_need_the_offence_the_case_the_material_and_nothing_live(holds):
    case, gallery = {"ref": "CSE-1", "offence": "child_sexual_exploitation"}, {"provenance": "case_material"}
    assert holds("seized_child_abuse", case=case, gallery=gallery)
    assert not holds("seized_child_abuse", case={**case, "offence": "assault"}, gallery=gallery)
    assert not holds("seized_child_abuse", case={**case, "ref": " "}, gallery=gallery)
    assert not holds("seized_child_abuse", case=case, gallery={"provenance": "licence_photos"})
    assert not holds("seized_child_abuse", case=case, gallery=gallery, capture=LIVE)


def test_a_drones_target_is_the_person_whom_a_courts_warrant_names(holds):
    drone = {**LIVE, "source": "recorded_video", "device": "drone", "age_s": 86400}
    warrant = [mandate(type="judicial_warrant", issuer="court")]
    assert holds("drone_target", capture=drone, authorisations=warrant)
    assert not holds("drone_target", capture=drone)
    assert not holds("drone_target", capture=LIVE, authorisations=warrant)
    assert not holds("drone_target", capture=drone, authorisations=warrant, target={"kind": "bystander"})
    assert not holds("drone_target", capture=drone, authorisations=[mandate(type="judicial_warrant", issuer="police")])
