"""The conditions of European law, one promise a test; the packs' own vectors show them at work."""

from datetime import UTC, datetime

import pytest

from policies.conditions import bind
from policies.facts import Facts
from policies.question import Question, Settings
from policies.vocabulary import Vocabulary
from tests.policies.conftest import MISSING_CHILD

WORDS = Vocabulary.shipped()
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def holds(token, at=NOW, **parts):
    facts = Facts.from_json(MISSING_CHILD | {"place": "FR"} | parts, at=at, licence=["missing_person:identify"])
    bound = bind(token, WORDS)
    return bound.ask(Question(facts, "request", Settings(), WORDS))


def paper(**change):
    held = {"type": "judicial_authorisation", "place": "FR", "status": "requested", "purpose": "missing_person", "operation": "identify"}
    return held | change


@pytest.mark.parametrize(
    ("purpose", "role", "expected"),
    [
        ("criminal_investigation", None, True),
        ("wanted_person", "convicted", True),
        ("imminent_threat", "suspect", True),
        ("imminent_threat", None, False),
        ("prosecution", "witness", False),
        ("missing_person", "missing", False),
    ],
)
def test_a_suspect_is_sought_by_role_or_by_purpose_where_no_role_is_given(purpose, role, expected):
    target = {"kind": "specific_person"} | ({"role": role} if role else {})
    assert holds("suspect_sought", purpose=purpose, target=target) is expected


@pytest.mark.parametrize(
    ("kind", "suspicion", "expected"),
    [
        ("unknown_suspect", "objective_facts", True),
        ("unknown_suspect", "probable_cause", True),
        ("unknown_suspect", "reasonable_suspicion", False),
        ("unknown_suspect", None, False),
        ("specific_person", "objective_facts", False),
    ],
)
def test_a_first_identification_is_of_an_unknown_suspect_and_rests_on_objective_facts(kind, suspicion, expected):
    assert holds("first_identification", target={"kind": kind}, case={"suspicion": suspicion}) is expected


@pytest.mark.parametrize(
    ("started", "papers", "expected"),
    [
        ("2026-11-21T10:00:00Z", [], False),
        ("2026-11-21T09:59:59Z", [], True),
        ("2026-11-20T10:00:00Z", [paper(requested_at="2026-11-21T10:00:00Z")], False),
        ("2026-11-20T10:00:00Z", [paper(requested_at="2026-11-21T10:00:01Z")], True),
        ("2026-11-20T10:00:00Z", [paper()], False),
        ("2026-11-20T10:00:00Z", [paper(place="DE")], True),
        ("2026-11-20T10:00:00Z", [paper(type="subpoena")], True),
        ("2026-11-20T10:00:00Z", [paper(status="rejected")], True),
        (None, [], False),
    ],
)
def test_a_request_is_overdue_one_second_after_the_deadline_unless_one_made_in_time_is_pending(started, papers, expected):
    assert holds("request_overdue:24", context={"started_at": started} if started else {}, authorisations=papers) is expected


@pytest.mark.parametrize(
    ("held", "expected"),
    [(True, True), (False, False), (["missing_person"], True), (["imminent_threat"], False), ("missing_person", False)],
)
def test_national_law_opens_every_objective_or_those_it_lists(held, expected):
    assert holds("national_law_opens", evidence={"national_rbi_law": held}) is expected


@pytest.mark.parametrize(
    ("name", "held", "expected"),
    [
        ("national_law_lifts_14_5", True, True),
        ("two_person_rule_waived", True, True),
        ("national_law_lifts_14_5", False, False),
        ("national_law_lifts_14_5", "true", False),
        ("national_law_lifts_fria", True, False),
        ("art_14_5_training", True, False),
    ],
)
def test_only_a_record_that_says_so_lifts_the_double_check(name, held, expected):
    assert holds("double_check_lifted", evidence={name: held}) is expected


@pytest.mark.parametrize(
    ("categories", "expected"),
    [(["age"], False), ("glasses", False), (["age", "religion"], True), (["Age"], True), ([], True), (None, True)],
)
def test_a_category_that_is_not_known_to_be_harmless_is_an_inference(categories, expected):
    assert holds("infers_sensitive_trait", context={"categories": categories}) is expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"context": {"labelling_lawful_dataset": True}}, True),
        ({"context": {"task": "dataset_labelling"}}, True),
        ({"context": {"labelling_lawful_dataset": False}}, False),
        ({"purpose": "system_testing"}, True),
        ({"purpose": "system_testing", "gallery": {"provenance": "scraped"}}, False),
        ({"purpose": "system_testing", "gallery": {}}, False),
        ({"context": {"labelling": True}, "capture": {"source": "web_scrape"}}, False),
        ({}, False),
    ],
)
def test_labelling_is_of_a_lawful_dataset_or_it_is_none(parts, expected):
    assert holds("lawful_labelling", **parts) is expected


@pytest.mark.parametrize(
    ("client", "purpose", "expected"),
    [
        ({"kind": "police_local"}, "missing_person", True),
        ({"kind": "company", "acts_for": "police_state"}, "criminal_investigation", True),
        ({"kind": "police_local"}, "access_control", False),
        ({"kind": "company"}, "criminal_investigation", False),
        ({"kind": "public_agency"}, "unidentified_person", False),
    ],
)
def test_police_work_is_what_police_exist_for_whoever_does_it_for_them(client, purpose, expected):
    assert holds("police_work", client=client, purpose=purpose) is expected


@pytest.mark.parametrize(("effect", "expected"), [("adverse", True), (None, True), ("none", False), ("beneficial", False), ("tiny", True)])
def test_an_effect_that_is_not_said_to_be_harmless_affects_the_person(effect, expected):
    assert holds("affects_person", context={"effect": effect}) is expected


@pytest.mark.parametrize(
    ("categories", "expected"),
    [
        (["wanted_on_warrant", "missing_vulnerable"], True),
        (["wanted_on_warrant", "persons_of_interest"], False),
        (["wanted_and_others"], False),
        (["protesters"], False),
        ([], False),
        (None, False),
    ],
)
def test_one_open_category_makes_a_watchlist_open(categories, expected):
    gallery = {"provenance": "lawful_watchlist"} | ({} if categories is None else {"categories": categories})
    assert holds("closed_watchlist", gallery=gallery) is expected
