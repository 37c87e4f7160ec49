"""What a client declares is read from headers or the first form part; what the gateway knows itself cannot be declared."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.declaration import PART_LIMIT, from_headers, from_part
from gateway.enforcement.declaration import DeclarationMalformed

SEARCH = frozenset({"identify", "live_identify"})


def test_headers_and_form_part_say_the_same_thing() -> None:
    headers = {
        "custodes-purpose": "missing_person",
        "custodes-case": '"MP-2026-0142"',
        "custodes-gallery": '"g-missing"',
        "custodes-target": "kind=specific_person, role=missing, minor",
        "custodes-capture": "source=upload, age_s=86400, subject_involved=?0",
        "custodes-threshold": "99.5",
    }
    part = {
        "purpose": "missing_person",
        "case": {"ref": "MP-2026-0142"},
        "gallery": {"id": "g-missing"},
        "target": {"kind": "specific_person", "role": "missing", "minor": True},
        "capture": {"source": "upload", "age_s": 86400, "subject_involved": False},
        "threshold_pct": 99.5,
    }
    assert from_headers(headers, "identify", SEARCH) == from_part(json.dumps(part).encode(), "identify", SEARCH)


@pytest.mark.parametrize("name", ["client", "licence", "authorisations", "review", "evidence", "vendor_approval", "at", "role"])
def test_what_the_gateway_knows_itself_cannot_be_declared(name: str) -> None:
    with pytest.raises(DeclarationMalformed) as refused:
        from_part(json.dumps({"purpose": "missing_person", name: {}}).encode(), "identify", SEARCH)
    assert refused.value.field == name


def test_the_facts_of_a_case_cannot_be_declared_only_its_reference() -> None:
    with pytest.raises(DeclarationMalformed) as refused:
        from_part(b'{"case": {"ref": "C-1", "imminent_threat": true}}', "identify", SEARCH)
    assert refused.value.field == "case.imminent_threat"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"purpose": 1}', b'{"purpose":"a","purpose":"b"}', b'{"threshold_pct": NaN}', b'{"threshold_pct": 101}',
     b'{"threshold_pct": true}', b'{"case": "C-1"}', b'{"purpose": "a\\u0000b"}', b'{"purpose": "\\ud800"}', b"\xff", b"[" * 100_000,
     b'{"target": {"kind": {"deep": 1}}}', b'{"operation": "export_templates"}', b'{"subject": 3}', b'{"x":' + b" " * PART_LIMIT + b"1}"],
)  # fmt: skip
def test_a_malformed_part_is_refused_in_our_own_words(body: bytes) -> None:
    with pytest.raises(DeclarationMalformed):
        from_part(body, "identify", SEARCH)


@pytest.mark.parametrize(
    ("name", "value"),
    [("custodes-purpose", "Missing Person"), ("custodes-purpose", ""), ("custodes-case", '"open'), ("custodes-capture", "source="),
     ("custodes-threshold", "high"), ("custodes-operation", "export_templates"), ("custodes-target", "kind=@1659578233"),
     ("custodes-purpose", "münchen"), ("custodes-context", "a=:YWJj:")],
)  # fmt: skip
def test_a_malformed_header_is_refused_in_our_own_words(name: str, value: str) -> None:
    with pytest.raises(DeclarationMalformed):
        from_headers({name: value}, "identify", SEARCH)


@given(st.binary(max_size=300))
def test_no_part_whatever_raises_anything_else(body: bytes) -> None:
    try:
        from_part(body, "identify", SEARCH)
    except DeclarationMalformed as refused:
        assert refused.sentence


@given(st.sampled_from(["custodes-purpose", "custodes-capture", "custodes-target", "custodes-threshold"]), st.text(max_size=60))
def test_no_header_whatever_raises_anything_else(name: str, value: str) -> None:
    try:
        from_headers({name: value}, "identify", SEARCH)
    except DeclarationMalformed as refused:
        assert refused.sentence


def test_an_enrolment_goes_into_the_gallery_of_the_path_and_no_other() -> None:
    said = from_headers({"custodes-gallery": '"mine"'}, "enroll", frozenset({"enroll"}))
    assert said.into("mine").gallery_id == "mine"
    with pytest.raises(DeclarationMalformed):
        said.into("theirs")
