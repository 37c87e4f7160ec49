"""Training counts from its beginning to its end, on another person's word, and for nothing once it is withdrawn."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import FixedClock
from gateway.registry.errors import Malformed, NotOnRecord, SamePerson
from gateway.registry.staff import Staff
from gateway.registry.trainings import LONGEST, Training, Trainings, trained
from gateway.settings import Home
from gateway.store.migrate import upgrade
from gateway.store.sessions import Database

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def trainings(tmp_path: Path) -> Trainings:
    home = Home(tmp_path)
    upgrade(home)
    database = Database.open(home.registry)
    staff = Staff(database, FixedClock(NOW))
    staff.invite("ada", "Ada", ("reviewer",), "rita")
    staff.invite("gone", "Gone", ("reviewer",), "rita")
    staff.leave("gone")
    return Trainings(database)


def course(person: str = "ada", length: timedelta = timedelta(days=365)) -> Training:
    return Training(person, "Comparing faces, two days", NOW, NOW + length)


def test_a_training_counts_within_its_term_and_not_a_moment_longer(trainings: Trainings) -> None:
    made = trainings.record(course(), "rita")
    held = trainings.of("ada")
    assert held == (made,)
    ends = NOW + timedelta(days=365)
    assert [trained(held, at) for at in (NOW - timedelta(seconds=1), NOW, ends - timedelta(seconds=1), ends)] == [False, True, True, False]
    assert not trained((), NOW)


def test_a_withdrawn_training_counts_for_nothing_and_stays_on_record(trainings: Trainings) -> None:
    made = trainings.record(course(), "rita")
    trainings.withdraw("ada", made.id)
    assert not trained(trainings.of("ada"), NOW)
    assert trainings.get("ada", made.id).withdrawn
    with pytest.raises(NotOnRecord):
        trainings.withdraw("ada", made.id)


def test_nobody_vouches_for_themselves_for_strangers_or_for_ever(trainings: Trainings) -> None:
    with pytest.raises(SamePerson):
        trainings.record(course(), "ada")
    for person in ("nobody", "gone"):
        with pytest.raises(NotOnRecord):
            trainings.record(course(person), "rita")
    with pytest.raises(Malformed):
        trainings.record(course(length=LONGEST + timedelta(seconds=1)), "rita")
    with pytest.raises(NotOnRecord):
        trainings.get("rita", trainings.record(course(), "rita").id)
