"""A rulebook goes live whole or not at all, whatever dies between its entry and its effect; and of two who approve at once, one does."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from gateway.assembly.commands import changing, journalling, open_rulebook_desk
from gateway.assembly.homes import open_explorer, open_log
from gateway.clock import SystemClock
from gateway.enforcement.answers import NotReady
from gateway.enforcement.bench import Bench, live_by_the_log, name_the_rulebook
from gateway.enforcement.desks.rulebooks import RulebookDesk
from gateway.enforcement.registrar import Actor
from gateway.enforcement.unsettled import UnsettledChanges
from gateway.registry.drafts import Drafts, Findings
from gateway.registry.errors import StateForbids
from gateway.registry.marks import Marks
from gateway.registry.rulebook import Rulebooks
from gateway.settings import Settings, read_settings
from policies.judge import unheard
from policies.rulebook import build
from tests.gateway.enforcement import registering

ANN, BOB, BEA = Actor("staff", "ann"), Actor("staff", "bob"), Actor("staff", "bea")
OLD, NEW = build(["baseline"]).digest, build(["baseline", "vendor-ibm-exit"]).digest
# Every step of going live, and which rulebook it leaves live when the process dies there.
STEPS = {
    "before anything": (RulebookDesk, "activate", "before", OLD),
    "before the report is marked": (Drafts, "make_live", "before", OLD),
    "before the pointer": (Rulebooks, "point", "before", OLD),
    "after the pointer, unseen by anybody": (Rulebooks, "point", "after", OLD),
    "before the note": (UnsettledChanges, "put", "before", OLD),
    "after the note": (UnsettledChanges, "put", "after", NEW),
    "after the entry": (Marks, "set", "before", NEW),
    "before the commit": (Marks, "set", "after", NEW),
    "after the commit": (UnsettledChanges, "drop", "before", NEW),
    "at the end": (UnsettledChanges, "drop", "after", NEW),
}


class Died(BaseException):
    """The process is gone; nothing may catch this."""


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was begun, with one draft that two people agree on, to be copied."""
    chosen, clock = read_settings({}, home=tmp_path_factory.mktemp("furnished")), SystemClock()
    with changing(chosen, clock) as (registry, _), journalling(chosen, clock) as journal:
        for person, role in (("ann", "policy_author"), ("bob", "policy_approver"), ("bea", "policy_approver")):
            registry.staff.redeem(registry.staff.invite(person, person, (role,), "test").secret)
        asyncio.run(name_the_rulebook(journal, clock, registry.rulebooks.live().digest))
        text = build(["baseline", "vendor-ibm-exit"]).text()
        registry.rulebooks.keep(text, "ann")
        draft = registry.drafts.begin(json.dumps({"title": "New", "packs": {"baseline": {}, "vendor-ibm-exit": {}}}), "ann")
        registry.drafts.report(Findings(draft.id, 1, NEW, OLD, "the report", passed=True), "ann")
    return chosen.home.root


@pytest.fixture
def settings(furnished: Path, tmp_path: Path) -> Settings:
    shutil.copytree(furnished, tmp_path / "home")
    return read_settings({}, home=tmp_path / "home")


@pytest.fixture
def desk(settings: Settings) -> Iterator[RulebookDesk]:
    with changing(settings, SystemClock()) as (registry, registrar):
        bench = Bench(registry.lookups, registry.rulebooks, unheard, lambda: None)
        yield open_rulebook_desk(settings, SystemClock(), registry, registrar, bench)


def lives(settings: Settings) -> list[dict[str, object]]:
    log = open_log(settings)
    try:
        return [entry for raw in log.entries(0, log.size) if (entry := json.loads(raw)).get("act") == "live"]
    finally:
        log.close()


def sitting(settings: Settings) -> str:
    """Return the rulebook by which a process judges that starts now."""
    with changing(settings, SystemClock()) as (registry, _), journalling(settings, SystemClock()) as journal:
        bench = Bench(registry.lookups, registry.rulebooks, unheard, partial(live_by_the_log, journal.explorer))
        assert registry.rulebooks.live().digest == live_by_the_log(journal.explorer)
        assert registry.rulebooks.reigns()[-1].digest == registry.rulebooks.live().digest
        return bench.judge().rulebook.digest


@pytest.mark.parametrize("step", STEPS)
def test_what_the_log_says_is_live_is_live_at_the_next_start_wherever_going_live_was_cut_off(
    desk: RulebookDesk, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    owner, name, when, left = STEPS[step]
    (draft,) = desk.drafts.all()
    report = desk.drafts.latest(draft.id)
    assert report is not None
    desk.approve(BOB, draft.id, report.digest)
    real = getattr(owner, name)

    def deadly(*arguments: object) -> object:
        if when == "after":
            real(*arguments)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, deadly)
        with pytest.raises(Died):
            desk.activate(BOB, draft.id)
    assert sitting(settings) == left
    assert [entry["rulebook"] for entry in lives(settings)][-1] == left
    # Who asks again hears how it ended; nothing goes live a second time.
    if left == OLD:
        desk.activate(BOB, draft.id)
        assert sitting(settings) == NEW
    else:
        with pytest.raises(StateForbids):
            desk.activate(BOB, draft.id)
    assert [reign.digest for reign in desk.rulebooks.reigns()] == [OLD, NEW]


def test_what_another_process_made_live_is_obeyed_by_one_whose_own_log_has_not_looked_since(desk: RulebookDesk, settings: Settings) -> None:
    alarms: list[str] = []
    with (
        changing(settings, SystemClock()) as (registry, _),
        closing(open_log(settings)) as log,
        closing(open_explorer(settings, log)) as there,
    ):
        bench = Bench(registry.lookups, registry.rulebooks, alarms.append, partial(live_by_the_log, there))
        assert bench.judge().rulebook.digest == OLD
        (draft,) = desk.drafts.all()
        report = desk.drafts.latest(draft.id)
        assert report is not None
        desk.approve(BOB, draft.id, report.digest)
        desk.activate(BOB, draft.id)
        assert (bench.judge().rulebook.digest, alarms) == (NEW, [])


def test_a_process_that_is_killed_between_the_entry_and_the_swap_leaves_nobody_served_until_it_is_finished(settings: Settings) -> None:
    with changing(settings, SystemClock()) as (registry, _):
        (draft,) = registry.drafts.all()
        report = registry.drafts.latest(draft.id)
        assert report is not None
        registry.drafts.approve(draft.id, report.digest, "bob")
        killed = subprocess.run([sys.executable, registering.__file__, str(settings.home.root), "live", "after the entry"], check=False)
        assert killed.returncode == 9
        # The log says the one, the registry still the other: whoever comes between decides by neither.
        log = open_log(settings)
        explorer = open_explorer(settings, log)
        assert (live_by_the_log(explorer), registry.rulebooks.live().digest) == (NEW, OLD)
        with pytest.raises(NotReady):
            Bench(registry.lookups, registry.rulebooks, unheard, partial(live_by_the_log, explorer)).judge()
        explorer.close()
        log.close()
    assert sitting(settings) == NEW
    assert [(entry["rulebook"], entry.get("resumed", False)) for entry in lives(settings)] == [(OLD, False), (NEW, False), (NEW, True)]


def test_of_two_who_approve_and_make_live_at_once_one_does_and_one_entry_says_so(desk: RulebookDesk, settings: Settings) -> None:
    (draft,) = desk.drafts.all()
    report = desk.drafts.latest(draft.id)
    assert report is not None

    def tried(what: str, who: Actor) -> object:
        try:
            return desk.approve(who, draft.id, report.digest) if what == "approve" else desk.activate(who, draft.id)
        except StateForbids as refused:
            return refused

    with ThreadPoolExecutor(4) as crowd:
        for what in ("approve", "live"):
            ended = list(crowd.map(partial(tried, what), (BOB, BEA, BOB, BEA)))
            assert sum(not isinstance(end, StateForbids) for end in ended) == 1
    assert [entry["rulebook"] for entry in lives(settings)] == [OLD, NEW]
    assert sitting(settings) == NEW
