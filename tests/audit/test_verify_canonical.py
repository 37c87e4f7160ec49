"""The reader of canonical JSON, against RFC 8785's examples and another implementation."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.canonical import MAX_INTEGER, CanonicalError, decode

NAMES = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_whatever_another_implementation_writes_canonically_is_read(value):
    assert decode(rfc8785.dumps(value)) == value


def test_members_are_ordered_by_utf16_code_units_as_in_the_rfcs_example():
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}
    raw = '{"\\r":2,"1":4,"\x80":6,"\xf6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}'.encode()
    assert rfc8785.dumps(value) == raw
    assert decode(raw) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b" {}",
        b"{}\n",
        b"{}{}",
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":[-0]}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":{"c":1,"b":2}}',
        b'{"a":1}x',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u001F"}',
        b'{"a":"\x1f"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        '{"\ue000":1,"😀":2}'.encode(),
        b"[" * 8000,
        b'{"a":' * 4000,
    ],
)
def test_any_other_spelling_is_refused(raw):
    with pytest.raises(CanonicalError):
        decode(raw)


@given(st.text(alphabet='{}[]:,"abé\\\\ \\n0-1u😀\\ue000tre', max_size=24))
def test_a_text_is_read_just_if_another_implementation_writes_it_so(text):
    raw = f'{{"a":{text}}}'.encode()
    try:
        canonically = rfc8785.dumps(json.loads(raw)) == raw
    except (ValueError, rfc8785.CanonicalizationError):
        canonically = False
    if canonically:
        assert decode(raw) == json.loads(raw)
    else:
        with pytest.raises(CanonicalError):
            decode(raw)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=6), st.data())
def test_one_more_space_escape_or_member_is_noticed_wherever_it_stands(value, data):
    raw = rfc8785.dumps(value).decode()
    at = data.draw(st.integers(0, len(raw)))
    more = data.draw(st.sampled_from([" ", "\n", "\t", "\r", "\\u0041", "-", "0", ",", '"":1,']))
    changed = (raw[:at] + more + raw[at:]).encode()
    try:
        canonically = rfc8785.dumps(json.loads(changed)) == changed
    except (ValueError, rfc8785.CanonicalizationError):
        canonically = False
    if canonically:  # within a text, or a digit more of a number
        assert decode(changed) == json.loads(changed)
    else:
        with pytest.raises(CanonicalError):
            decode(changed)


@given(st.binary(max_size=60))
def test_rubbish_is_refused_and_nothing_else_happens(raw):
    with pytest.raises(CanonicalError):
        decode(raw + b"\x00")
