"""Duties come due as their terms say, one process looks after them, and the clock cannot be turned against them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import FixedClock
from gateway.enforcement.duties.desk import promises_of
from gateway.enforcement.duties.terms import AT_ONCE, HONOURED, PROVED, TERMS, due_at, unkept
from gateway.registry.duties import Duties
from gateway.registry.errors import StateForbids
from gateway.registry.timekeeping import Timekeeping
from gateway.settings import Home
from gateway.store.leases import Lease, LeaseLost
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database
from policies.decision import Permit
from policies.facts import Facts
from policies.obligations import read_obligation
from policies.vocabulary import Vocabulary

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORDS = Vocabulary.shipped()
ROOT = Path(__file__).parents[3]
FACTS = Facts.from_json({"purpose": "missing_person", "operation": "identify", "case": {"ref": "C-1"}, "client": {"id": "ngo"}}, at=NOON)


def permit(*tokens: str) -> Permit:
    return Permit((), tuple(read_obligation(token, WORDS) for token in tokens), "0" * 64)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    upgrade(Home(tmp_path))
    return Database.open(Home(tmp_path).registry)


def test_every_obligation_of_the_vocabulary_is_honoured_in_exactly_one_way() -> None:
    assert set(WORDS.duties) == HONOURED
    assert len(HONOURED) == len(AT_ONCE) + len(TERMS) + len(PROVED)


def test_the_page_on_duties_names_every_obligation_and_no_other() -> None:
    rows = [line for line in (ROOT / "docs/duties.md").read_text("utf-8").split("## Time")[0].splitlines() if line.startswith("| `")]
    named = {word for line in rows for word in re.findall(r"`([a-z_0-9]+)`", line.split("|")[1])}
    assert named == set(WORDS.duties)


@pytest.mark.parametrize(
    ("token", "first_use", "due"),
    [
        ("request_authorisation:24", NOON, NOON + timedelta(hours=24)),
        ("request_authorisation:48", NOON, NOON + timedelta(hours=48)),
        ("retention_limit:30", NOON, NOON + timedelta(days=30)),
        ("annual_report", NOON, datetime(2027, 2, 1, tzinfo=UTC)),
        ("quarterly_report", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)),
        ("quarterly_report", datetime(2026, 9, 30, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        ("quarterly_report", NOON, datetime(2027, 2, 1, tzinfo=UTC)),
        ("disclose_defendant", NOON, None),
        ("stop_delete_on_reject", NOON, None),
    ],
)
def test_a_duty_falls_due_when_its_terms_say(token: str, first_use: datetime, due: datetime | None) -> None:
    assert due_at(read_obligation(token, WORDS), FACTS, first_use) == due


@pytest.mark.parametrize("token", ["notice", "consent_record", "alternative_method", "destroy_watchlist_after"])
def test_what_the_request_does_not_prove_is_not_honoured(token: str) -> None:
    assert unkept(read_obligation(token, WORDS), FACTS)


def test_what_the_request_proves_is_honoured() -> None:
    shown = {"notice": {"posted": True}, "consent": {"type": "explicit"}, "evidence": {"alternative_method": True}}
    facts = Facts.from_json({**FACTS.to_json(), **shown}, at=NOON)
    assert [unkept(read_obligation(token, WORDS), facts) for token in sorted(PROVED)] == [None, None, None]


def test_withdrawn_consent_is_no_record_of_consent() -> None:
    facts = Facts.from_json({**FACTS.to_json(), "consent": {"type": "explicit", "withdrawn": True}}, at=NOON)
    assert unkept(read_obligation("consent_record", WORDS), facts)


def test_a_watchlist_is_destroyed_when_the_last_paper_of_its_deployment_ends() -> None:
    ends = [NOON + timedelta(days=1), NOON + timedelta(days=3)]
    papers = [
        {"type": "deployment_authority", "status": "granted", "purpose": "missing_person", "valid_to": end.isoformat()} for end in ends
    ]
    facts = Facts.from_json({**FACTS.to_json(), "authorisations": papers}, at=NOON)
    assert due_at(read_obligation("destroy_watchlist_after", WORDS), facts, NOON) == ends[1]


def test_one_case_owes_one_thing_once_and_nothing_is_kept_of_a_request_that_keeps_nothing(database: Database) -> None:
    duties, given = Duties(database), permit("request_authorisation:24", "retention_limit:30")
    (promise,) = promises_of("ngo", "d-1", FACTS, given, NOON, "g", None)
    first = duties.owe(promise, NOON)
    assert duties.is_owed(promise.name)
    with pytest.raises(StateForbids):
        duties.owe(replace(promise, decision_id="d-2"), NOON)
    duties.discharge(first.id, "authorisation-granted", NOON)
    with pytest.raises(StateForbids):
        duties.fall_due(first.id)
    assert duties.owe(promise, NOON).id != first.id
    held = promises_of("ngo", "d-1", FACTS, permit("retention_limit:30", "human_review:1"), NOON, "g", None)
    assert [kept.kind for kept in held] == ["retention_limit"]


def test_one_process_holds_the_lease_and_one_that_was_overtaken_writes_nothing(database: Database) -> None:
    first, second = (Lease(database, "duties", holder, timedelta(seconds=60)) for holder in ("a", "b"))
    assert first.take(NOON)
    assert not second.take(NOON + timedelta(seconds=59))
    first.must_hold()
    assert second.take(NOON + timedelta(seconds=60))
    second.must_hold()
    with pytest.raises(LeaseLost):
        first.must_hold()
    assert not first.take(NOON + timedelta(seconds=61))
    second.give_up()
    assert first.take(NOON + timedelta(seconds=62))
    with pytest.raises(LeaseLost):
        second.must_hold()


def test_a_lease_from_a_time_to_come_is_not_waited_for(database: Database) -> None:
    first, second = (Lease(database, "duties", holder, timedelta(seconds=60)) for holder in ("a", "b"))
    assert first.take(NOON + timedelta(days=365))
    assert second.take(NOON)


def test_time_goes_on_where_the_clock_went_back_and_survives_a_restart(database: Database) -> None:
    clock = FixedClock(NOON)
    time = Timekeeping(database, clock)
    assert time.read(0, [NOON - timedelta(hours=2), NOON]) == ()
    clock.advance(-3600)
    (step,) = time.read(2, [])
    assert (step.start, step.end) == (NOON, NOON - timedelta(hours=1))
    assert time.now() == NOON
    clock.advance(1800)
    again = Timekeeping(database, clock)
    again.refresh()
    assert again.now() == NOON + timedelta(minutes=30)
    assert again.read(2, [NOON - timedelta(minutes=31)]) == ()
    with pytest.raises(ValueError, match="already"):
        again.read(2, [])


def test_entries_of_several_threads_a_little_out_of_order_are_no_step(database: Database) -> None:
    clock = FixedClock(NOON)
    time = Timekeeping(database, clock)
    assert time.read(0, [NOON, NOON - timedelta(seconds=4)]) == ()
    assert time.now() == NOON
