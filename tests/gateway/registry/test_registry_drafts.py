"""Drafts of rulebooks: one edits what they have seen, a second approves what was found, and nothing is forgotten."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.registry.drafts import Draft, Findings, Report
from gateway.registry.errors import DraftChanged, Malformed, NotOnRecord, SamePerson, StateForbids
from tests.gateway.registry.conftest import Register


def reported(
    register: Register, text: str, author: str = "ann", *, passed: bool = True, draft: Draft | None = None, by: str = ""
) -> Report:
    draft = draft or register.drafts.begin("{}", by=author)
    rulebook = register.rulebooks.keep(text, author)
    base = register.rulebooks.live().digest
    return register.drafts.report(
        Findings(draft.id, draft.edition, rulebook.digest, base, f"report on {text}, edition {draft.edition}", passed), by or author
    )


def lived(register: Register, text: str, author: str = "ann", approver: str = "bob") -> Report:
    report = reported(register, text, author)
    register.drafts.approve(report.draft, report.digest, by=approver)
    return register.drafts.make_live(report.draft, report.digest)


def test_a_rulebook_goes_live_only_on_a_second_persons_approval_of_that_very_report(register: Register) -> None:
    first = register.rulebooks.install("first")
    old = reported(register, "second")
    with pytest.raises(StateForbids):
        register.drafts.make_live(old.draft, old.digest)
    with pytest.raises(SamePerson):
        register.drafts.approve(old.draft, old.digest, by="ann")
    draft = register.drafts.replace(old.draft, 1, '{"edition":2}', by="ann")
    new = reported(register, "second", draft=draft)
    with pytest.raises(Malformed):
        register.drafts.approve(new.draft, old.digest, by="bob")
    register.drafts.approve(new.draft, new.digest, by="bob")
    register.clock.advance(1)
    assert register.drafts.make_live(new.draft, new.digest).rulebook == register.rulebooks.live().digest
    assert register.lookups.now().live_rulebook() == hashlib.sha256(b"second").hexdigest()
    assert [(reign.digest, reign.draft) for reign in register.rulebooks.reigns()] == [(first.digest, None), (new.rulebook, new.draft)]


def test_an_edit_or_a_new_report_makes_an_approval_void(register: Register) -> None:
    register.rulebooks.install("first")
    report = reported(register, "second")
    register.drafts.approve(report.draft, report.digest, by="bob")
    reported(register, "second", draft=register.drafts.get(report.draft))
    with pytest.raises(StateForbids, match="not approved"):
        register.drafts.make_live(report.draft, report.digest)
    again = register.drafts.latest(report.draft)
    assert again is not None
    register.drafts.approve(report.draft, again.digest, by="bob")
    register.drafts.replace(report.draft, 1, '{"edition":2}', by="carl")
    with pytest.raises(StateForbids, match="edited since") as stale:
        register.drafts.make_live(report.draft, report.digest)
    assert stale.value.code == "report-stale"


def test_nobody_who_wrote_in_a_draft_or_had_it_reported_on_or_wrote_that_rulebook_first_approves_it(register: Register) -> None:
    register.rulebooks.install("first")
    register.rulebooks.keep("second", "dora")
    draft = register.drafts.begin("{}", by="ann")
    draft = register.drafts.replace(draft.id, 1, '{"edition":2}', by="carl")
    report = reported(register, "second", draft=draft, by="erin")
    for person in ("ann", "carl", "dora", "erin"):
        with pytest.raises(SamePerson):
            register.drafts.approve(draft.id, report.digest, by=person)
    assert register.drafts.approve(draft.id, report.digest, by="bob").approved_by == "bob"


def test_a_report_on_what_is_not_live_any_more_can_neither_be_kept_nor_approved_nor_carried_out(register: Register) -> None:
    first = register.rulebooks.install("first")
    waiting, ready = reported(register, "second"), reported(register, "third")
    register.drafts.approve(ready.draft, ready.digest, by="bob")
    lived(register, "fourth")
    for step in (
        lambda: register.drafts.approve(waiting.draft, waiting.digest, by="bob"),
        lambda: register.drafts.make_live(ready.draft, ready.digest),
        lambda: register.drafts.report(Findings(waiting.draft, 1, waiting.rulebook, first.digest, "late", True), by="ann"),
    ):
        with pytest.raises(StateForbids) as stale:
            step()
        assert stale.value.code == "report-stale"


def test_a_failed_report_cannot_be_approved(register: Register) -> None:
    register.rulebooks.install("first")
    report = reported(register, "second", passed=False)
    with pytest.raises(StateForbids) as failed:
        register.drafts.approve(report.draft, report.digest, by="bob")
    assert failed.value.code == "report-failed"


def test_whoever_did_not_see_the_newest_edition_overwrites_nothing(register: Register) -> None:
    draft = register.drafts.begin("{}", by="ann")
    register.drafts.replace(draft.id, 1, '{"by":"carl"}', by="carl")
    with pytest.raises(DraftChanged):
        register.drafts.replace(draft.id, 1, '{"by":"ann"}', by="ann")
    with pytest.raises(DraftChanged):
        register.drafts.discard(draft.id, 1)
    kept = register.drafts.get(draft.id)
    assert (kept.document, kept.edition, kept.editors) == ('{"by":"carl"}', 2, ("ann", "carl"))


def test_of_two_who_approve_at_once_one_wins(register: Register) -> None:
    register.rulebooks.install("first")
    report = reported(register, "second")

    def approve(by: str) -> str:
        try:
            return register.drafts.approve(report.draft, report.digest, by=by).approved_by or ""
        except StateForbids:
            return "refused"

    with ThreadPoolExecutor(4) as several:
        answers = sorted(several.map(approve, ("bob", "bea", "ben", "bill")))
    assert answers[1:] == ["refused"] * 3 or answers.count("refused") == 3
    latest = register.drafts.latest(report.draft)
    assert latest is not None
    assert latest.approved_by in answers


def test_a_roll_back_is_a_new_approval_of_an_old_rulebook_and_nothing_is_forgotten(register: Register) -> None:
    first = register.rulebooks.install("first")
    lived(register, "second")
    lived(register, "first", author="carl")
    assert register.rulebooks.live() == first
    assert register.rulebooks.get(hashlib.sha256(b"second").hexdigest()).text == "second"
    assert register.rulebooks.install("third") == first
    assert len(register.rulebooks.reigns()) == 3


def test_a_discarded_draft_is_over_and_an_absent_one_is_not_on_record(register: Register) -> None:
    register.rulebooks.install("first")
    report = reported(register, "second")
    register.drafts.discard(report.draft, 1)
    for step in (
        lambda: register.drafts.replace(report.draft, 1, "{}", by="ann"),
        lambda: register.drafts.approve(report.draft, report.digest, by="bob"),
        lambda: register.drafts.make_live(report.draft, report.digest),
    ):
        with pytest.raises(StateForbids):
            step()
    with pytest.raises(NotOnRecord):
        register.drafts.get("draft-absent")
    with pytest.raises(NotOnRecord):
        register.rulebooks.get("0" * 64)


def test_before_the_first_start_no_rulebook_is_live(register: Register) -> None:
    assert register.lookups.now().live_rulebook() is None
    with pytest.raises(NotOnRecord):
        register.rulebooks.live()
