"""An erasure is recorded before it is done, is done whole whatever crashes when, and reaches nobody else's values."""

import json
from datetime import UTC, datetime

import pytest

from gateway.assembly.homes import open_eraser, open_explorer, open_log
from gateway.assembly.registers import open_registry
from gateway.audit.export import write_export
from gateway.audit.failures import LogUnavailable
from gateway.audit.log import AuditLog
from gateway.audit.note import VerifierKey
from gateway.audit.tlogproof import TlogProof
from gateway.audit.verify import verify_export
from gateway.clock import FixedClock
from gateway.enforcement.answers import AuditUnavailable
from gateway.enforcement.erasure import TARGET, Eraser, NothingToErase, Target, Why
from gateway.records import entries
from gateway.records.explorer import Explorer, Filter
from gateway.registry.cases import Case
from gateway.registry.cases import Target as Sought
from gateway.registry.clients import NewClient
from gateway.registry.errors import StateForbids
from gateway.review.vault import Vault
from gateway.settings import read_settings
from policies.decision import Permit, Refusal
from policies.facts import Facts

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
CANARY, WHO = "CANARY-CASE-4711", "CANARY-PERSON-0815"


class Home:
    """A home with a log in which one client's case was searched for, another client has a case of the same name, and more."""

    def __init__(self, root):
        self.settings = read_settings({}, home=root)
        self.clock = FixedClock(AT)
        self.open()
        for client in ("ngo", "other"):
            self.registry.clients.register(NewClient(client, client, "ngo_victim", place="US-WA"), "registrar")
            self.registry.cases.open(Case(client, CANARY, Sought("specific_person", role="missing")), "registrar")
        self.put(entries.note("genesis", at=AT, more={"origin": "test"}))
        self.mine = [self.denied("ngo", "d-1"), *self.searched("ngo", "d-2")]
        self.theirs = self.denied("other", "d-3")
        self.put(entries.log_read(at=AT, by="auditor-1", what={"page": 1}, asked={"case_ref": CANARY}))
        self.put(
            entries.change(
                "case-change", at=AT, by="registrar", act="closed", more={"client": "ngo", "case_ref": CANARY, "reason": "found"}
            )
        )

    def open(self):
        self.registry = open_registry(self.settings, self.clock)
        self.log = open_log(self.settings)
        self.explorer = open_explorer(self.settings, self.log)
        self.eraser = open_eraser(self.settings, self.clock, self.registry, self.log, self.explorer)

    def close(self):
        self.explorer.close()
        self.log.close()
        self.registry.close()

    def restart(self):
        self.close()
        self.open()
        return self.eraser.settle()

    def put(self, record):
        return self.log.append_blocking(record.body, record.openings)

    def facts(self, client):
        request = {"operation": "identify", "client": {"id": client}, "case": {"ref": CANARY}, "context": {"justification": f"of {CANARY}"}}
        return Facts.from_json(request, at=AT)

    def denied(self, client, decision):
        said = {"at": AT, "decision_id": decision, "client": client, "facts": self.facts(client)}
        return self.put(entries.denial(**said, refusal=Refusal("nothing-allows", (), (), "0" * 64), by="policy")).index

    def searched(self, client, decision):
        said = {"at": AT, "decision_id": decision}
        asked = {"client": client, "facts": self.facts(client), "permit": Permit((), (), "0" * 64), "images": ["1" * 64]}
        found = {"status": "held", "engine": None, "subjects": [WHO, "s-2"], "similarities": [99.9, 99.5]}
        intent = self.put(entries.intent(**said, **asked, boot="ab", order_id="o")).index
        yield intent
        yield self.put(entries.outcome(**said, **found, intent_index=intent)).index
        yield self.put(entries.review(**said, reviewer="reviewer-1", act="judged", more={"said": ["same", "different"]})).index

    def close_case(self, client="ngo"):
        self.registry.cases.close(client, CANARY, "over")

    def files_with(self, text):
        return [path.name for path in self.settings.home.root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    yield home
    home.close()


def everywhere(home):
    for client in ("ngo", "other"):
        home.close_case(client)
    return Target("case", CANARY)


def test_of_an_erased_case_nothing_is_left_in_any_file_and_every_root_and_receipt_stands(home, tmp_path):
    receipts = [(home.log.entry(index), home.log.receipt(index).text()) for index in range(home.log.size)]
    older, key = home.log.checkpoint(), home.log.verifier_keys[0]
    assert home.files_with(CANARY)
    erased = home.eraser.erase("registrar-1", everywhere(home), Why.REQUEST)
    assert home.files_with(CANARY) == []
    assert home.files_with(WHO) == []
    for entry, receipt in receipts:
        TlogProof.parse(receipt).verify(entry, VerifierKey.parse(key.text()))
    assert home.log.check().size == home.log.size
    write_export(home.log, tmp_path / "export", key, rulebook=lambda _digest: b"")
    report = verify_export(tmp_path / "export", key, older)
    assert {found.code for found in report.findings} <= {"rulebook-differs"}  # the decisions of this test name a rulebook that is none
    entry = json.loads(home.log.entry(erased.receipt.index))
    assert (entry["kind"], entry["about"], entry["why"]) == ("erasure", "case", "data-subject-request")
    assert entry["openings"] == erased.openings > 8
    assert home.explorer.find(Filter(case_ref=CANARY)) == []


def test_who_acted_for_the_house_stays_on_record(home):
    home.eraser.erase("registrar-1", everywhere(home), Why.REQUEST)
    assert home.log.openings(home.mine[-1])["/reviewer"].value == b"reviewer-1"


def test_another_client_s_case_of_the_same_name_is_left_alone(home):
    home.close_case()
    home.eraser.erase("registrar-1", Target("case", CANARY, "ngo"), Why.RETENTION)
    assert home.log.openings(home.theirs)["/facts/request/case/ref"].value == CANARY.encode()
    assert home.registry.cases.get("other", CANARY).reference == CANARY
    assert [found.index for found in home.explorer.find(Filter(case_ref=CANARY))] == [home.theirs]
    assert all("/facts/request/case/ref" not in home.log.openings(index) for index in home.mine)


def test_a_person_is_forgotten_and_the_case_is_not(home):
    erased = home.eraser.erase("registrar-1", Target("subject", WHO), Why.REQUEST)
    assert (erased.entries, erased.openings) == (1, 1)
    assert home.files_with(WHO) == []
    assert home.files_with(CANARY)
    assert home.log.openings(home.mine[2])["/candidates/1/subject"].value == b"s-2"


def test_a_decision_is_forgotten_whole(home):
    home.eraser.erase("registrar-1", Target("decision", "d-2"), Why.ORDER)
    assert home.files_with(WHO) == []
    assert home.log.openings(home.mine[1]) == {}
    assert "/facts/request/case/ref" in home.log.openings(home.mine[0])


def test_an_open_case_is_not_erased(home):
    size = home.log.size
    with pytest.raises(StateForbids):
        home.eraser.erase("registrar-1", Target("case", CANARY, "ngo"), Why.REQUEST)
    assert home.log.size == size
    assert home.files_with(CANARY)


@pytest.mark.parametrize(
    "target",
    [
        Target("case", "nobody's"),
        Target("subject", "nobody"),
        Target("decision", "none"),
        Target("subject", CANARY),
        Target("case", CANARY, "nobody"),
    ],
)
def test_what_is_not_held_is_not_erased_and_leaves_no_entry(home, target):
    size = home.log.size
    with pytest.raises(NothingToErase):
        home.eraser.erase("registrar-1", target, Why.REQUEST)
    assert home.log.size == size


def test_without_an_entry_nothing_is_erased(home, monkeypatch):
    def full(*_asked):
        raise LogUnavailable("the disk is full")

    target = everywhere(home)
    monkeypatch.setattr(AuditLog, "append_blocking", full)
    with pytest.raises(AuditUnavailable):
        home.eraser.erase("registrar-1", target, Why.REQUEST)
    assert home.log.openings(home.theirs)
    assert home.registry.cases.get("ngo", CANARY)


STEPS = {
    "the case's key": (Vault, "shred"),
    "the index": (Explorer, "forget_cases"),
    "the log": (AuditLog, "erase_all"),
    "the whole of it": (Eraser, "_carry_out"),
}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_was_interrupted_is_finished_at_the_next_start_and_recorded_once(home, monkeypatch, step, moment):
    owner, name = STEPS[step]
    real = getattr(owner, name)

    def dies(*given):
        if moment == "after":
            real(*given)
        raise KeyboardInterrupt

    target = everywhere(home)
    with monkeypatch.context() as broken:
        broken.setattr(owner, name, dies)
        with pytest.raises(KeyboardInterrupt):
            home.eraser.erase("registrar-1", target, Why.REQUEST)
    size = home.log.size
    assert home.restart() == (0 if (step, moment) == ("the whole of it", "after") else 1)
    assert home.files_with(CANARY) == []
    assert home.log.size == size
    assert home.restart() == 0
    erasures = home.explorer.find(Filter(kind="erasure"))
    assert len(erasures) == 1
    assert TARGET not in home.log.openings(erasures[0].index)


def test_what_comes_after_an_erasure_is_not_reached_by_it(home):
    home.eraser.erase("registrar-1", everywhere(home), Why.REQUEST)
    later = home.denied("ngo", "d-9")
    assert home.restart() == 0
    assert home.log.openings(later)["/facts/request/case/ref"].value == CANARY.encode()
