"""A report's numbers are the log's, small ones are hidden, and what cannot be read is refused."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.reports import app
from gateway.records.report_page import page
from gateway.records.tally import Span, tally


def entry(kind: str, at: str = "2026-11-01T00:00:00.000000Z", **more: object) -> bytes:
    return json.dumps({"v": 1, "kind": kind, "at": at, **more}).encode()


def asked(
    kind: str, decision: str, purpose: str = "missing_person", code: str = "", client: str = "ngo", at: str = "2026-11-01T00Z"
) -> bytes:
    facts = {"request": {"purpose": purpose, "operation": "identify", "client": {"kind": "ngo_victim"}}}
    return entry(kind, at, decision_id=decision, client=client, facts=facts, answer={"code": code})


LOG = [
    asked("intent", "d1"),
    entry("outcome", decision_id="d1", status="held"),
    entry("review", decision_id="d1", act="judged", said=["same"]),
    entry("review", decision_id="d1", act="judged", said=["different"]),
    entry("review", decision_id="d1", act="judged", said=["different"]),
    entry("review", decision_id="d1", act="withheld"),
    asked("intent", "d2", client="police", at="2027-01-02T00Z"),
    entry("review", "2027-01-03T00Z", decision_id="d2", act="judged", said=["same"]),
    entry("review", "2027-01-03T00Z", decision_id="d2", act="judged", said=["same"]),
    entry("review", "2027-01-03T00Z", decision_id="d2", act="released"),
    *(asked("denial", f"r{n}", "mass_surveillance", "purpose-prohibited") for n in range(7)),
    entry("tripwire", act="touched", wire="crowd"),
    entry("tripwire", act="noticed", wire="purpose-shopping"),
    entry("policy-change", act="live"),
    entry("heartbeat"),
]


def test_the_numbers_are_those_of_the_log() -> None:
    counted = tally(LOG)
    assert counted.tables["requests by purpose"] == {"missing_person": 2, "mass_surveillance": 7}
    assert counted.tables["refusals by reason"] == {"purpose-prohibited": 7}
    assert counted.tables["requests by month"] == {"2026-11": 8, "2027-01": 1}
    assert (counted.agreement, counted.overturned) == ((1, 2), (1, 2))
    assert counted.tables["tripwires by wire"] == {"crowd": 1}
    assert counted.tables["policy changes by step"] == {"live": 1}
    assert counted.entries == len(LOG)


def test_a_span_and_a_client_count_their_own_alone() -> None:
    year = tally(LOG, Span("2027-01-01", "2028-01-01", "police"))
    assert year.tables["requests by purpose"] == {"missing_person": 1}
    assert year.overturned == (0, 1)
    assert tally(LOG, Span("2028-01-01")).tables["requests by purpose"] == {}


def test_the_page_says_the_same_and_takes_no_markup_from_the_log() -> None:
    text = page(tally([*LOG, asked("denial", "x", "<script>", "c")]).to_json(), "example.org/log")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "http" not in text.replace("https://", "http://").split("</head>")[0]


def test_the_command_reads_an_export_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "entries.jsonl").write_bytes(b"\n".join(LOG) + b"\n")
    run = CliRunner().invoke
    yearly = run(app, ["annual", str(tmp_path), "2026", "--html", str(tmp_path / "year.html")])
    assert yearly.exit_code == 0, yearly.output
    assert json.loads(yearly.output)["tables"]["requests by purpose"] == {"missing_person": 1, "mass_surveillance": 7}
    assert "mass_surveillance" in (tmp_path / "year.html").read_text()
    assert json.loads(run(app, ["quarterly", str(tmp_path), "2027-Q1"]).output)["tables"]["requests by month"] == {"2027-01": 1}
    assert json.loads(run(app, ["public", str(tmp_path)]).output)["tables"]["requests by month"] == {"2026-11": "hidden", "2027-01": "<5"}


@pytest.mark.parametrize("arguments", [["quarterly", ".", "2026-Q5"], ["public", ".", "--since", "soon"], ["public", "/nowhere"]])
def test_what_cannot_be_reported_is_said_plainly(arguments: list[str]) -> None:
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert "report-refused" in refused.output


def test_rubbish_in_an_export_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "entries.jsonl").write_bytes(LOG[0] + b"\n{\n")
    refused = CliRunner().invoke(app, ["public", str(tmp_path)])
    assert refused.exit_code == 2
    assert "Line 2" in refused.output
