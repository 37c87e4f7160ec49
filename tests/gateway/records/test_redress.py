"""Whoever a decision concerns reads in two languages what happened and what they can do; and nothing that the reader may not see."""

import pytest

from gateway.records.redress import Contacts, redress
from gateway.settings import SettingsRefused, read_settings

DENIAL = {
    "kind": "denial",
    "at": "2026-12-01T10:00:00.000000Z",
    "client": "city-police",
    "facts": {"request": {"operation": "identify", "purpose": "mass_surveillance"}},
    "answer": {"code": "prohibited"},
}
OUTCOME = {"kind": "outcome", "at": "2026-12-01T10:00:01.000000Z", "status": "held", "candidates": [{"subject": "commitment:00"}]}
WITHHELD = {"kind": "review", "act": "withheld", "at": "2026-12-01T11:00:00.000000Z"}


def test_the_notice_says_what_happened_in_two_languages() -> None:
    text = redress("d-1", [DENIAL, OUTCOME, WITHHELD], Contacts())
    for words in (
        "city-police asked to identify, mass_surveillance. It was refused (prohibited)",
        "1 candidates",
        "people did not confirm the result",
        "Refusé (prohibited)",
        "n’a pas été confirmé",
    ):
        assert words in text
    assert text.count("d-1") == 2


def test_the_notice_says_how_to_have_erased_restricted_and_checked_and_to_whom_to_complain() -> None:
    text = redress("d-1", [], Contacts("Records Office, 1 High Street", "the Commissioner", "ombudsman@example.org"))
    for words in ("erasure", "restriction", "verify.html", "python3 -m gateway.audit", "effacement", "limitation", "Comment le vérifier"):
        assert words in text
    for contact in ("Records Office, 1 High Street", "Complain to the Commissioner", "ombudsman@example.org"):
        assert contact in text
    assert text.count("Records Office") == text.count("the Commissioner") == 2


def test_where_nothing_is_set_the_notice_still_says_where_to_go() -> None:
    text = redress("d-1", [DENIAL], Contacts())
    assert "supervisory authority for data protection where you live" in text
    assert "None" not in text
    assert "()" not in text


def test_entries_that_its_reader_may_not_see_leave_no_trace_in_it() -> None:
    assert "candidates" not in redress("d-1", [DENIAL], Contacts()).split("What you can do")[0]


def test_a_contact_is_one_line() -> None:
    assert read_settings({"CUSTODES_CONTACT_AUTHORITY": " the Commissioner "}).contact_authority == "the Commissioner"
    for wrong in ("two\nlines", "x" * 201):
        with pytest.raises(SettingsRefused):
            read_settings({"CUSTODES_CONTACT_OPERATOR": wrong})
