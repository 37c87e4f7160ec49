"""Say which recorded facts no rulebook can tell apart, from their bytes alone: the same shape, the same answers. Decides nothing.

Three things differ between records and matter to no rule as such: the hour of the day (rules begin and end with days, UTC), the value of
a commitment (rules see only whether two are equal), and the moments of a paper (rules see only how they lie to the decision's moment and
to each other). When witnesses cosigned the log matters only by whether that counts as recent, which the settings say. Facts with any other
moment in them keep every byte, and are a shape of their own."""

import re
from datetime import datetime
from typing import Final

from policies.conditions.witnesses import recent
from policies.question import Settings

# Fed with canonical JSON (RFC 8785); anything else only makes more shapes, never a wrong one.
_BEGINS: Final = b'{"at":"'
_DAY: Final = len(b"2026-11-22")
_MARK: Final = b"commitment:"
_VALUE: Final = re.compile(rb"[0-9a-f]{64}")
# Every moment that facts can hold has a clock in it, after a letter that is rare elsewhere.
_CLOCK: Final = re.compile(rb"T\d\d:\d\d:\d\d")
_TERMS: Final = (b'"valid_from":"', b'"valid_to":"', b'"withdrawn_at":"')
_WITNESSED: Final = b'"witnessed_at":"'
_LONGEST_NAME: Final = max(map(len, (*_TERMS, _WITNESSED)))


def shape_of(facts: bytes, settings: Settings) -> bytes:
    """A key that two facts share only if every rulebook with these settings answers them alike."""
    if not facts.startswith(_BEGINS):
        return facts
    ends = facts.find(b'"', len(_BEGINS))
    at, rest = facts[len(_BEGINS) : ends], facts[ends:]
    if at[-1:] != b"Z":
        return facts
    if _CLOCK.search(rest) is not None:
        ranked = _ranked(at[:-1], rest, settings)
        if ranked is None:
            return facts
        rest = ranked
    return at[:_DAY] + (_numbered(rest) if _MARK in rest else rest)


def _numbered(text: bytes) -> bytes:
    """The text with each commitment replaced by its number in the order of appearance: equal ones stay equal."""
    first, *parts = text.split(_MARK)
    seen: dict[bytes, int] = {}
    told = [first]
    for part in parts:
        value = part[:64]
        if _VALUE.fullmatch(value) is None:
            return text
        told.append(b"#%d%b" % (seen.setdefault(value, len(seen)), part[64:]))
    return b"".join(told)


def _ranked(at: bytes, text: bytes, settings: Settings) -> bytes | None:
    """The text with each moment of a term replaced by its rank among them and the decision's; None if it holds other moments."""
    found: list[tuple[int, int, bytes]] = []
    order = {at}
    for clock in _CLOCK.finditer(text):
        starts = clock.start() - _DAY
        ends = text.find(b"Z", clock.end())
        name = text[max(0, starts - _LONGEST_NAME) : starts]
        if text[ends + 1 : ends + 2] != b'"' or text[clock.end() : ends].strip(b".0123456789"):
            return None
        if name.endswith(_WITNESSED):
            counts = recent(_moment(text[starts:ends]), _moment(at), settings.witness_window_s)
            found.append((starts, ends, b"#recent" if counts else b"#old"))
        elif name.endswith(_TERMS):
            found.append((starts, ends, b""))
            order.add(text[starts:ends])
        else:
            return None
    # Without the Z, moments in UTC sort as text: `…:00` before `…:00.5`.
    rank = {moment: b"#%d" % position for position, moment in enumerate(sorted(order))}
    told = [rank[at]]
    begins = 0
    for starts, ends, said in found:
        told += [text[begins:starts], said or rank[text[starts:ends]]]
        begins = ends
    return b"".join((*told, text[begins:]))


def _moment(text: bytes) -> datetime:
    return datetime.fromisoformat(text.decode() + "+00:00")
