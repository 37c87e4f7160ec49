"""What a request sees of the registry is never older than the last commit of anybody, and costs nothing when nothing changed."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from gateway.registry.cases import Case, Target
from gateway.registry.errors import NotOnRecord
from gateway.store.errors import StoreUnavailable
from tests.gateway.registry.conftest import Register


@contextmanager
def counted(register: Register) -> Iterator[list[str]]:
    """Note every statement that goes through the ORM's engine."""
    seen: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    event.listen(register.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(register.database.engine, "before_cursor_execute", note)


def ask_everything(register: Register) -> None:
    view = register.lookups.now()
    view.client("ngo")
    view.identity("built-in", "ngo")
    view.identity("built-in", "nobody")
    view.issuers()
    view.revoked("built-in", "j")
    view.licences("ngo")
    view.authorisations("ngo", "MP-1")
    view.evidence("ngo")
    view.live_rulebook()
    for absent in (lambda: view.case("ngo", "MP-9"), lambda: view.gallery("ngo", "absent"), lambda: view.staff("nobody")):
        with pytest.raises(NotOnRecord):
            absent()


def test_a_request_that_meets_nothing_new_costs_no_query_also_for_what_is_absent(register: Register) -> None:
    ask_everything(register)
    with counted(register) as seen:
        ask_everything(register)
    assert seen == []


def test_a_change_to_one_table_forgets_that_table_and_no_other(register: Register) -> None:
    ask_everything(register)
    register.cases.open(Case("ngo", "MP-1", Target("specific_person")), by="ngo")
    with counted(register) as seen:
        ask_everything(register)
    assert len([statement for statement in seen if "cases" in statement]) == 1
    assert [statement for statement in seen if statement.startswith("SELECT") and "FROM cases" not in statement] == []


def test_counting_quota_or_keys_forgets_nothing_at_all(register: Register) -> None:
    licence = register.licence()
    ask_everything(register)
    register.quotas.spend([licence], "MP-1", register.clock.now())
    register.idempotency.begin("ngo", "k", "ab" * 32)
    register.revocations.redeem_assertion("ngo", "j", register.clock.now())
    with counted(register) as seen:
        ask_everything(register)
    assert seen == []


def test_what_another_process_wrote_is_seen_by_the_very_next_request(register: Register, registry_path: Path) -> None:
    assert register.lookups.now().client("ngo").state == "active"
    script = (
        "import sys, pathlib; from gateway.clock import SystemClock; from gateway.store.sessions import Database; "
        "from gateway.registry.clients import Clients; from gateway.registry.fields import Words; words = Words(*[frozenset()] * 6); "
        "Clients(Database.open(pathlib.Path(sys.argv[1])), SystemClock(), words).suspend('ngo', 'inquiry')"
    )
    subprocess.run([sys.executable, "-c", script, str(registry_path)], cwd=Path(__file__).parents[3], check=True)
    assert register.lookups.now().client("ngo").state == "suspended"


def test_what_was_typed_into_a_database_shell_is_seen_too(register: Register, registry_path: Path) -> None:
    register.lookups.now().client("ngo")
    shell = sqlite3.connect(registry_path)
    shell.execute("UPDATE clients SET state = 'closed' WHERE id = 'ngo'")
    assert register.lookups.now().client("ngo").state == "active"  # not committed yet
    shell.commit()
    assert register.lookups.now().client("ngo").state == "closed"
    shell.execute("DELETE FROM identities")
    shell.commit()
    assert register.lookups.now().identity("built-in", "ngo") is None


def test_a_hundred_switches_are_each_seen_at_once_while_other_threads_fill_the_memory(register: Register) -> None:
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            register.lookups.now().client("ngo")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    late = 0
    for turn in range(60):
        register.clients.suspend("ngo", f"turn {turn}")
        late += register.lookups.now().client("ngo").state != "suspended"
        register.clients.resume("ngo", f"turn {turn}")
        late += register.lookups.now().client("ngo").state != "active"
    done.set()
    for thread in readers:
        thread.join()
    assert late == 0


def test_a_guesser_cannot_fill_the_memory(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.registry.lookups.MOST_KEPT", 50)
    view = register.lookups.now()
    for guess in range(500):
        with pytest.raises(NotOnRecord):
            view.case("ngo", f"MP-{guess}")
    assert len(view.shelves["cases"]) <= 50


def test_when_the_database_is_gone_the_answer_is_unavailable_and_not_the_last_known(register: Register, registry_path: Path) -> None:
    register.lookups.now().client("ngo")
    register.lookups.close()
    with pytest.raises(StoreUnavailable):
        register.lookups.now()


def test_a_hot_request_asks_in_microseconds(register: Register) -> None:
    ask_everything(register)
    best = min(_seconds(register) for _ in range(5))
    assert best < 200e-6  # measured about 10 µs alone on the machine; the test only notices a query that slipped in


def _seconds(register: Register) -> float:
    begun = time.perf_counter()
    for _ in range(200):
        view = register.lookups.now()
        view.client("ngo")
        view.licences("ngo")
        view.revoked("built-in", "j")
    return (time.perf_counter() - begun) / 200
