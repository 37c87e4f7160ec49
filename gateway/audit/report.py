"""Say what a verification found, to a person and to a program. Knows nothing of how it was found.

Exit statuses: 0, everything holds; 1, something does not (`first` names the entry); 2, it, or a part that was asked for, could not
be checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gateway.audit.errors import AuditError

MAX_SHOWN: Final = 20


class CannotVerify(AuditError):
    """There is nothing to verify, or nothing to verify it with; this says nothing about the log. Exit status 2."""

    code = "cannot-verify"


class Broken(AuditError):
    """One thing that does not hold; `index` is the first entry that it touches, where that can be told."""

    def __init__(self, code: str, sentence: str, index: int | None = None) -> None:
        super().__init__(sentence, code=code)
        self.finding = Finding(code, sentence, index)


@dataclass(frozen=True, slots=True)
class Finding:
    """What failed: a stable code, a sentence, and the first entry that it touches, where that can be told."""

    code: str
    sentence: str
    index: int | None = None

    def line(self) -> str:
        """Write the finding on one line that no terminal can be tricked by."""
        place = "" if self.index is None else f"entry {self.index}: "
        return f"{place}{printable(self.sentence)} [{self.code}]"


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked and what was found; true only for the bytes that were read."""

    source: str
    findings: tuple[Finding, ...]
    origin: str | None = None
    size: int | None = None
    root: bytes | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)
    in_flight: tuple[int, ...] = ()
    since: int | None = None
    signers: tuple[str, ...] = ()
    cosigners: tuple[tuple[str, int], ...] = ()
    unknown_signatures: int = 0
    derived: int | None = None
    unchecked: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings

    @property
    def exit_status(self) -> int:
        """0 if everything holds, 1 if something does not, 2 if something that was asked for could not be checked."""
        return 1 if not self.ok else 2 if self.unchecked else 0

    @property
    def first(self) -> Finding | None:
        """The finding with the lowest entry index; one without an index only if no other exists."""
        return min(self.findings, key=lambda found: (found.index is None, found.index or 0), default=None)

    def lines(self) -> Iterator[str]:
        """Write the report for a terminal, the verdict first."""
        if self.first is None:
            yield f"{'NOT WHOLLY CHECKED' if self.unchecked else 'VERIFIED'}  {printable(self.source)}"
        else:
            yield f"NOT VERIFIED  {printable(self.source)}"
            others = [found for found in self.findings if found is not self.first]
            yield f"  first   {self.first.line()}"
            yield from (f"  also    {found.line()}" for found in others[:MAX_SHOWN])
            if len(others) > MAX_SHOWN:
                yield f"  also    {len(others) - MAX_SHOWN} more"
        if self.size is not None and self.root is not None:
            yield f"  log     {printable(self.origin or '')}, {self.size} entries, root {self.root.hex()}"
        if self.kinds:
            yield "  kinds   " + ", ".join(f"{count} {printable(kind)}" for kind, count in sorted(self.kinds.items()))
        if self.since is not None and self.ok:
            yield f"  since   the older checkpoint's {self.since} entries are a prefix of these"
        yield from (f"  signed  {printable(name)}" for name in self.signers)
        yield from (f"  cosigned  {printable(name)} at {_moment(time)}" for name, time in self.cosigners)
        if self.derived is not None:
            yield f"  decided {self.derived} decisions were derived again from their rulebooks, and are as recorded"
        yield from (f"  open    {count} decisions could not be derived: {printable(why)}" for why, count in self.unchecked.items())
        if self.unknown_signatures:
            yield f"  note    {self.unknown_signatures} signatures of keys that were not given were not checked"
        yield from (f"  note    {printable(remark)}" for remark in self.remarks)
        if self.in_flight:
            yield f"  note    {len(self.in_flight)} searches were in flight, the first at entry {self.in_flight[0]}"

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {
            "ok": self.ok,
            "source": self.source,
            "origin": self.origin,
            "size": self.size,
            "root": None if self.root is None else self.root.hex(),
            "first": None if self.first is None else _finding(self.first),
            "findings": [_finding(found) for found in self.findings],
            "kinds": dict(self.kinds),
            "in_flight": list(self.in_flight),
            "since": self.since,
            "signers": list(self.signers),
            "cosigners": [{"name": name, "time": time} for name, time in self.cosigners],
            "unknown_signatures": self.unknown_signatures,
            "derived": self.derived,
            "unchecked": dict(self.unchecked),
            "remarks": list(self.remarks),
        }


def printable(text: str) -> str:
    """Return the text with whatever could drive a terminal, or hide, written as an escape."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _finding(found: Finding) -> dict[str, object]:
    return {"code": found.code, "index": found.index, "sentence": found.sentence}


def _moment(time: int) -> str:
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"second {time}"
