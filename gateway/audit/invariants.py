"""Check what must hold between the entries of a log: each intent closed once, no outcome without one, engine calls = intents.

It reads entries in their order and keeps only what is open, so a log of any length fits. It never judges whether an answer was right."""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from gateway.audit.canonical import CanonicalError, decode
from gateway.audit.report import Broken

RulebookText = Callable[[str], bytes | None]
"""Gives the text of a rulebook by its digest, already held against it; None if it is not published."""


class Rederivation(Protocol):
    """Decides every recorded decision again, as the entries stream by."""

    def see(self, index: int, entry: Mapping[str, Any]) -> None:
        """Take the next entry. Raises Broken where it does not record what its rulebook gives."""
        ...

    @property
    def derived(self) -> int:
        """How many decisions were derived again, and came out as they are recorded."""
        ...

    @property
    def unchecked(self) -> Mapping[str, int]:
        """How many could not be derived by this program though they should be, by the reason why."""
        ...


Rederive = Callable[[RulebookText], Rederivation]

MAX_ENTRY: Final = 8192  # bytes; the log takes no longer one
MAX_KINDS: Final = 256  # more would be an attack on the report's memory, not a log
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_BOOT: Final = re.compile(r"[0-9a-f]{1,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NAMED: Final = re.compile(rb'"rulebook":"([0-9a-f]{64})"')


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A recorded order to search whose end is not yet on record."""

    boot: str
    at: str
    decision_id: object


@dataclass(slots=True)
class Boot:
    """The engine's count of its own calls since it was started, as the outcomes report it.

    Calls may be missing from the report (a crash), but since no call counts higher than the intents before it, each
    missing one is matched by an intent that was closed without an account: calls never outnumber intents."""

    intents: int = 0
    highest: int = 0
    unseen: set[int] = field(default_factory=set)


class EntryRules:
    """Everything that must hold inside and between entries, checked while they stream by."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.rulebooks: dict[str, int] = {}  # digest -> the first entry that names it
        self._open: dict[int, OpenIntent] = {}
        self._boots: dict[str, Boot] = {}
        self._latest = ""

    def see(self, index: int, raw: bytes) -> Mapping[str, Any]:
        """Take the next entry and return what it says. Raises Broken, naming this entry and what it breaks."""
        if len(raw) > MAX_ENTRY:
            raise Broken("entry-malformed", f"an entry has at most {MAX_ENTRY} bytes; this one has {len(raw)}", index)
        try:
            entry = decode(raw)
        except CanonicalError as wrong:
            raise Broken(wrong.code, wrong.sentence, index) from wrong
        kind = self._envelope(index, entry)
        if kind == "intent":
            self._opened(index, entry)
        elif kind in ("outcome", "abandoned"):
            self._closed(index, kind, entry)
        elif kind == "genesis" and index != self.kinds["recovery"]:
            raise Broken("genesis-repeated", "a log begins once, before all else but the record of a recovery", index)
        rulebook = entry.get("rulebook")
        if isinstance(rulebook, str) and _DIGEST.fullmatch(rulebook):
            self.rulebooks.setdefault(rulebook, index)
        return entry

    def end(self, in_flight: timedelta) -> tuple[int, ...]:
        """Return the intents that are still open at the log's end, all younger than `in_flight`. Raises Broken for an older one."""
        for index, intent in self._open.items():
            if in_flight <= timedelta(0) or _age(intent.at, self._latest) > in_flight:
                raise Broken("intent-open", "this intent has no outcome, and it was not abandoned either", index)
        return tuple(self._open)

    def _envelope(self, index: int, entry: Mapping[str, Any]) -> str:
        version, kind, at = entry.get("v"), entry.get("kind"), entry.get("at")
        if type(version) is not int or version != 1:
            raise Broken("entry-malformed", 'an entry carries "v": 1', index)
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            raise Broken("entry-malformed", "an entry carries its kind, a word of small letters", index)
        if not isinstance(at, str) or not _MOMENT.fullmatch(at) or not _is_moment(at):
            raise Broken("entry-malformed", 'an entry carries its time in UTC, as in "2026-11-23T10:00:00.123456Z"', index)
        if kind not in self.kinds and len(self.kinds) >= MAX_KINDS:
            raise Broken("entry-malformed", f"the log has more than {MAX_KINDS} kinds of entry", index)
        self.kinds[kind] += 1
        self._latest = max(self._latest, at)
        return kind

    def _opened(self, index: int, entry: Mapping[str, Any]) -> None:
        boot = entry.get("boot")
        if not isinstance(boot, str) or not _BOOT.fullmatch(boot):
            raise Broken("entry-malformed", "an intent names the boot that it belongs to, in hexadecimal", index)
        if "intent" in entry:
            raise Broken("entry-malformed", "an intent has no link to another intent", index)
        self._open[index] = OpenIntent(boot, entry["at"], entry.get("decision_id"))
        self._boots.setdefault(boot, Boot()).intents += 1

    def _closed(self, index: int, kind: str, entry: Mapping[str, Any]) -> None:
        link = entry.get("intent")
        if type(link) is not int or not 0 <= link < index:
            raise Broken("outcome-without-intent", f"this {kind} names no intent before it", index)
        intent = self._open.pop(link, None)
        if intent is None:
            raise Broken(
                "outcome-without-intent", f"this {kind} names entry {link}, which is no open intent: not an intent, or closed before", index
            )
        if "decision_id" in entry and entry["decision_id"] != intent.decision_id:
            raise Broken("outcome-without-intent", f"this {kind} belongs to another decision than its intent, entry {link}", index)
        engine = entry.get("engine")
        if engine is not None:
            if kind == "abandoned" or not isinstance(engine, dict):
                raise Broken("entry-malformed", "only an outcome carries the engine's account of its call", index)
            self._called(index, intent.boot, engine)

    def _called(self, index: int, boot_of_intent: str, engine: Mapping[str, Any]) -> None:
        name, call = engine.get("boot"), engine.get("call")
        if name != boot_of_intent or type(call) is not int or call < 1:
            raise Broken("engine-counter", "the engine's account names its intent's boot and the number of the call, from 1", index)
        boot = self._boots[boot_of_intent]
        if call > boot.intents:
            raise Broken("engine-counter", f"engine call {call} is claimed, but only {boot.intents} intents of its boot precede it", index)
        if call > boot.highest:
            boot.unseen.update(range(boot.highest + 1, call))
            boot.highest = call
        elif call in boot.unseen:
            boot.unseen.remove(call)
        else:
            raise Broken("engine-counter", f"engine call {call} of this boot was accounted for before", index)


def rulebook_named(raw: bytes, known: Collection[str]) -> str | None:
    """Return the digest of the rulebook that an entry names, None if it names none, or a known one."""
    if all(digest.decode() in known for digest in _NAMED.findall(raw)):  # nearly every entry is told by this, without being read
        return None
    try:
        digest = json.loads(raw)["rulebook"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return digest if isinstance(digest, str) and _DIGEST.fullmatch(digest) else None


def _is_moment(at: str) -> bool:
    try:
        datetime.fromisoformat(at)
    except ValueError:
        return False
    return True


def _age(at: str, latest: str) -> timedelta:
    return datetime.fromisoformat(latest) - datetime.fromisoformat(at)
