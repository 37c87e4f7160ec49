"""Packs: a law or a promise as rules, with its sources, dates and options, read from packs/<name>/. Enables nothing itself."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from policies.errors import RulebookRefused
from policies.places import known_area
from policies.rules import COLUMNS, Origin, Rule, read_lines, read_rule
from policies.vocabulary import Vocabulary

SHIPPED: Final = Path(__file__).with_name("packs")
STATUSES: Final = ("in_force", "superseded", "proposed", "disputed")
MARKS: Final = ("T", "S", "M", "R")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,40}", re.ASCII)
_KEYS: Final = {
    "name", "title", "status", "verified_on", "effective_from", "effective_to", "place", "closes_purposes", "sources", "options", "rules",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """Something the operator may set about a pack: a flag, or a list of purposes. `lifts`: rows from this date act at once."""

    name: str
    default: bool | tuple[str, ...]
    sentence: str
    lifts: date | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule comes from, and how well that was read: T text, S secondary page, M memory, R our reading."""

    mark: str
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a rule says in one sentence, the article it rests on, and how sure that is."""

    source: str
    mark: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack as it lies on disk; `version` is the digest of its two files."""

    name: str
    title: str
    status: str
    verified_on: date
    effective_from: date | None
    effective_to: date | None
    place: str
    closes_purposes: bool
    sources: tuple[Source, ...]
    options: Mapping[str, Option]
    texts: Mapping[str, RuleText]
    lines: tuple[tuple[int, tuple[str, ...]], ...]
    version: str

    def rules(self, options: Mapping[str, object], words: Vocabulary) -> tuple[Rule, ...]:
        """The pack's rules under these options (others take their defaults). Raises RulebookRefused."""
        origin = self.origin(self.values(options, words))
        made = (read_rule(number, cells, origin, words) for number, cells in self.lines)
        return tuple(rule for rule in made if rule is not None)

    def origin(self, values: Mapping[str, bool | tuple[str, ...]]) -> Origin:
        """What each line inherits from the pack under these option values."""
        lifted = {option.lifts for name, option in self.options.items() if values[name] is True and option.lifts}
        texts = {rule: (text.source, text.sentence) for rule, text in self.texts.items()}
        return Origin(self.name, self.place, self.effective_from, self.effective_to, values, frozenset(lifted), texts)

    def within(self, begins: date | None, ends: date | None) -> "Pack":
        """The pack as it acts from and until these days, as far as its own dates allow. Raises RulebookRefused if that leaves no day."""
        begins = max((day for day in (begins, self.effective_from) if day), default=None)
        ends = min((day for day in (ends, self.effective_to) if day), default=None)
        if begins and ends and begins >= ends:
            raise RulebookRefused(self.name, 0, f"It would begin on {begins} and end on {ends}.", "Let its dates leave it at least a day.")
        return replace(self, effective_from=begins, effective_to=ends)

    def values(self, options: Mapping[str, object], words: Vocabulary) -> dict[str, bool | tuple[str, ...]]:
        """Every option with its value. Raises RulebookRefused for one that the pack does not have or that has the wrong form."""
        for name in options:
            if name not in self.options:
                raise RulebookRefused(self.name, 0, f"No option {name!r}.", f"It has {', '.join(self.options) or 'none'}.")
        return {name: _value(self.name, option, options.get(name, option.default), words) for name, option in self.options.items()}


def names() -> tuple[str, ...]:
    """The packs that this version of the software ships."""
    return tuple(sorted(path.name for path in SHIPPED.iterdir() if (path / "pack.toml").is_file()))


def load(name: str, words: Vocabulary, folder: Path = SHIPPED) -> Pack:
    """Read one pack whole, its rules checked under default options. Raises RulebookRefused (`pack-unavailable`)."""
    pack = read(name, words, folder)
    try:
        pack.rules({}, words)
    except RulebookRefused as error:
        raise RulebookRefused(error.where, error.line, error.problem, error.mend, code="pack-unavailable") from error
    return pack


def read(name: str, words: Vocabulary, folder: Path = SHIPPED, *, manifest_alone: bool = False) -> Pack:
    """Read a pack's two files, its lines only split, or not at all. Raises RulebookRefused (`pack-unavailable`)."""
    if not _NAME.fullmatch(name) or not (folder / name / "pack.toml").is_file():
        raise RulebookRefused(name[:60], 0, "There is no such pack.", f"Packs: {', '.join(names())}.", code="pack-unavailable")
    try:
        manifest = (folder / name / "pack.toml").read_bytes().replace(b"\r\n", b"\n")
        policy = (folder / name / "policy.csv").read_bytes().replace(b"\r\n", b"\n")
        version = hashlib.sha256(manifest + b"\0" + policy).hexdigest()
        lines = ",".join(COLUMNS) if manifest_alone else policy.decode()
        return _pack(name, tomllib.loads(manifest.decode()), lines, version, words)
    except RulebookRefused as error:
        raise RulebookRefused(error.where, error.line, error.problem, error.mend, code="pack-unavailable") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = f"pack.toml or policy.csv cannot be read ({type(error).__name__}: {error})."
        raise RulebookRefused(name, 0, sentence, "Restore it from the release.", code="pack-unavailable") from error


def _pack(name: str, table: Mapping[str, Any], policy: str, version: str, words: Vocabulary) -> Pack:
    strange = sorted(set(table) - _KEYS)
    if strange or table["name"] != name:
        raise RulebookRefused(name, 0, f"pack.toml: {strange[0] if strange else 'name'} does not belong there.", "See docs/packs.md.")
    place = table.get("place", "*")
    if place != "*" and not known_area(place, words):
        raise RulebookRefused(name, 0, f"pack.toml: {place!r} is no place.", "Write an ISO 3166 code or a group such as EU.")
    if table["status"] not in STATUSES:
        raise RulebookRefused(name, 0, f"pack.toml: status {table['status']!r}.", f"Write one of {', '.join(STATUSES)}.")
    return Pack(
        name=name,
        title=table["title"],
        status=table["status"],
        verified_on=_day(name, table["verified_on"]),
        effective_from=_day(name, table["effective_from"]) if "effective_from" in table else None,
        effective_to=_day(name, table["effective_to"]) if "effective_to" in table else None,
        place=place,
        closes_purposes=table.get("closes_purposes", False) is True,
        sources=tuple(Source(_mark(name, entry["mark"]), entry["title"], entry["address"]) for entry in table["sources"]),
        options={option: _option(name, option, entry) for option, entry in table.get("options", {}).items()},
        texts={rule: RuleText(entry["source"], _mark(name, entry["mark"]), entry["sentence"]) for rule, entry in table["rules"].items()},
        lines=read_lines(policy, name),
        version=version,
    )


def _option(pack: str, name: str, entry: Mapping[str, Any]) -> Option:
    default = tuple(entry["default"]) if isinstance(entry["default"], list) else entry["default"]
    return Option(name, default, entry["sentence"], _day(pack, entry["lifts"]) if "lifts" in entry else None)


def _value(pack: str, option: Option, given: object, words: Vocabulary) -> bool | tuple[str, ...]:
    if isinstance(option.default, bool):
        if isinstance(given, bool):
            return given
        raise RulebookRefused(pack, 0, f"Option {option.name} is {given!r}.", "Write true or false.")
    if not isinstance(given, list | tuple) or not all(isinstance(word, str) and word in words.purposes for word in given):
        raise RulebookRefused(pack, 0, f"Option {option.name} is {given!r}.", "Write a list of purposes.")
    return tuple(sorted(given))


def _day(pack: str, value: object) -> date:
    if type(value) is not date:
        raise RulebookRefused(pack, 0, f"pack.toml: {value!r} is no date.", "Write one such as 2026-07-01, without quotation marks.")
    return value


def _mark(pack: str, value: object) -> str:
    if value not in MARKS:
        raise RulebookRefused(pack, 0, f"pack.toml: mark {value!r}.", f"Write one of {', '.join(MARKS)}.")
    return str(value)
