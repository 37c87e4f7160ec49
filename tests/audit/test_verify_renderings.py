"""Entries for other tools: nothing is lost, and nothing in a cell can act."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.renderings import ENVELOPE, NotRendered, csv_lines, json_lines, ocsf_lines
from gateway.audit.tree import leaf_hash
from tests.audit.honest import ORIGIN, RULEBOOK_DIGEST, canonical, plain, story

ENTRIES = [(index, canonical(story(index, 31))) for index in range(31)]


def table(entries, *columns):
    return list(csv.reader(io.StringIO("".join(csv_lines(entries, columns or ENVELOPE)), newline="")))


def test_a_json_line_carries_the_entry_byte_for_byte():
    for (index, raw), line in zip(ENTRIES, json_lines(ENTRIES), strict=True):
        assert json.loads(line) == {"entry": json.loads(raw), "index": index}
        assert raw in line
        assert line.count(b"\n") == 1


def test_a_csv_table_has_a_header_and_a_row_for_each_entry():
    rows = table(ENTRIES)
    assert rows[0][:5] == ["index", "at", "kind", "decision_id", "client"]
    assert [row[2] for row in rows[1:]] == [json.loads(raw)["kind"] for _, raw in ENTRIES]
    assert rows[2] == [
        "1",
        "2026-11-23T10:00:00.124456Z",
        "intent",
        "d-1",
        "example-ngo",
        "permit",
        "",
        "baseline.missing-person",
        RULEBOOK_DIGEST,
        "",
    ]


def test_the_columns_are_chosen_by_whoever_knows_what_they_mean():
    rows = table(ENTRIES[:2], "/facts/purpose", "/facts/gallery", "/nothing/here")
    assert rows == [
        ["index", "facts.purpose", "facts.gallery", "nothing.here"],
        ["0", "", "", ""],
        ["1", "missing_person", '{"id":"missing-2026","lawful":true}', ""],
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1+1", "=cmd|' /C calc'!A0"])
def test_no_cell_can_start_a_formula(text):
    cell = table([(0, canonical(plain("heartbeat", 0, client=text)))])[1][4]
    assert cell.startswith("'")


@given(st.text(max_size=30))
def test_no_cell_holds_a_control_character_or_starts_a_formula(text):
    cell = table([(0, canonical(plain("heartbeat", 0, client=text)))])[1][4]
    assert cell.isprintable()
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))


def test_an_ocsf_event_has_what_api_activity_requires():
    required = {
        "activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint", "time", "type_uid",
    }  # fmt: skip
    for (index, raw), line in zip(ENTRIES, ocsf_lines(ENTRIES, ORIGIN, "0.1.0"), strict=True):
        event = json.loads(line)
        assert required <= set(event)
        assert (event["class_uid"], event["type_uid"]) == (6003, 600300 + event["activity_id"])
        assert leaf_hash(event["raw_data"].encode()) == leaf_hash(raw)
        assert event["metadata"]["sequence"] == index
        assert event["time"] == 1_795_428_000_123 + index


def test_a_refusal_is_a_failed_api_call_and_a_permit_a_good_one():
    events = [json.loads(line) for line in ocsf_lines(ENTRIES, ORIGIN, "0.1.0")]
    by_kind = {event["message"]: (event["status"], event["activity_name"], event["api"]["operation"]) for event in events}
    assert by_kind["denial"] == ("Failure", "Read", "identify")
    assert by_kind["intent"] == ("Success", "Read", "identify")
    assert by_kind["heartbeat"] == ("Success", "heartbeat", "heartbeat")


@pytest.mark.parametrize(
    "raw",
    ["{}".encode("utf-16"), b"", b"[]", b"rubbish", b"\xff", b"[" * 8000, b'{"kind":"heartbeat"}', b'{"at":"never","kind":"heartbeat"}'],
)
def test_an_entry_that_is_no_entry_is_not_rendered(raw):
    with pytest.raises(NotRendered):
        list(ocsf_lines([(0, raw)], ORIGIN, "0.1.0"))
