"""Rulebooks: enabled packs and own rules as one immutable, digest-named text, from which a judge can be made years later.

Never reads a clock, a registry or a log: who approved a rulebook is somebody else's record."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from policies import conditions, frame
from policies.errors import RulebookRefused
from policies.packs import SHIPPED, load
from policies.question import Settings
from policies.rules import COLUMNS, Origin, Rule, check, read_rule
from policies.vocabulary import Vocabulary

FORMAT: Final = 1
OWN: Final = "own"
MODEL: Final = Path(__file__).with_name("model.conf")


@dataclass(frozen=True, slots=True)
class Enabled:
    """A pack as a rulebook enables it: name, status, digest of its files, every option with its value, and the operator's own dates."""

    name: str
    status: str
    version: str
    options: Mapping[str, bool | tuple[str, ...]]
    begins: str | None = None
    ends: str | None = None

    def to_json(self) -> dict[str, object]:
        """The pack as a rulebook's text holds it; a date that the operator did not set is absent."""
        held = {**asdict(self), "options": {name: _plain(value) for name, value in self.options.items()}}
        return {name: value for name, value in held.items() if value is not None}


@dataclass(frozen=True)
class Rulebook:
    """Everything that can change an answer. `blocked` holds why packs could not load: such a rulebook refuses everything."""

    packs: tuple[Enabled, ...]
    rules: tuple[Rule, ...]
    settings: Settings
    words: Vocabulary
    model: str
    meaning: str
    blocked: tuple[str, ...] = ()

    def text(self) -> str:
        """The canonical text: JSON with sorted members, the same for the same rulebook whatever the order of its packs."""
        return self._text

    @cached_property
    def _text(self) -> str:
        table = {
            "format": FORMAT,
            "packs": [pack.to_json() for pack in self.packs],
            "rules": [rule.to_json() for rule in self.rules],
            "settings": asdict(self.settings),
            "vocabulary": self.words.table,
            "model": self.model,
            "meaning": self.meaning,
            "blocked": list(self.blocked),
        }
        return json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, in hex: the rulebook's name in every decision and in the log."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    @property
    def means_the_same(self) -> bool:
        """True if this code gives its conditions the meaning they had when it was built."""
        return self.meaning == conditions.meaning()

    @classmethod
    def from_text(cls, text: str) -> "Rulebook":
        """Read what text() wrote. Raises RulebookRefused for anything else, a text that is not canonical included."""
        try:
            table = json.loads(text)
            book = cls(
                packs=tuple(_enabled(entry) for entry in table["packs"]),
                rules=tuple(Rule.from_json(entry) for entry in table["rules"]),
                settings=Settings(**table["settings"]),
                words=Vocabulary(table["vocabulary"]),
                model=table["model"],
                meaning=table["meaning"],
                blocked=tuple(table["blocked"]),
            )
            for rule in book.rules:
                check(rule, book.words)
            known = table["format"] == FORMAT and book.text() == text
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RulebookRefused("rulebook", 0, "This text is not a rulebook.", "Take it from the registry as it was stored.") from error
        if not known:
            raise RulebookRefused(
                "rulebook", 0, "This text is not a rulebook's canonical text.", "Take it from the registry as it was stored."
            )
        return book


def build(
    packs: Sequence[str],
    options: Mapping[str, Mapping[str, object]] | None = None,
    own_rules: Sequence[Mapping[str, str]] = (),
    settings: Settings | None = None,
    folder: Path = SHIPPED,
    terms: Mapping[str, tuple[date | None, date | None]] | None = None,
) -> Rulebook:
    """Make a rulebook of these packs, with options and terms by pack name, and the administrator's own rules.

    A term is the first day on which the operator wants a pack to act, and the first on which no more; it never widens the pack's own.
    An own rule has the columns of a policy.csv (absent ones are `*` or empty) and a `sentence`. Raises RulebookRefused."""
    words = Vocabulary.shipped()
    options, terms = options or {}, terms or {}
    loaded = [load(name, words, folder).within(*terms.get(name, (None, None))) for name in sorted(set(packs))]
    strange = sorted({*options, *terms} - {pack.name for pack in loaded})
    if strange:
        raise RulebookRefused(strange[0], 0, "Options or dates for a pack that is not enabled.", "Enable it, or drop them.")
    enabled = tuple(
        Enabled(pack.name, pack.status, pack.version, pack.values(options.get(pack.name, {}), words), *map(_day, terms.get(pack.name, ())))
        for pack in loaded
    )
    rules = [*frame.rules(loaded, words)]
    for pack in loaded:
        rules += pack.rules(options.get(pack.name, {}), words)
    rules += [made for number, line in enumerate(own_rules, start=1) if (made := _own_rule(number, line, words)) is not None]
    return Rulebook(enabled, tuple(rules), settings or Settings(), words, MODEL.read_text(encoding="utf-8"), conditions.meaning())


def build_or_refuse_all(
    packs: Sequence[str],
    options: Mapping[str, Mapping[str, object]] | None = None,
    settings: Settings | None = None,
    folder: Path = SHIPPED,
) -> Rulebook:
    """As build(); but where a pack cannot be loaded, a rulebook that refuses everything and says which pack and why."""
    try:
        return build(packs, options, (), settings, folder)
    except RulebookRefused as error:
        model = MODEL.read_text(encoding="utf-8")
        return Rulebook((), (), settings or Settings(), Vocabulary.shipped(), model, conditions.meaning(), blocked=(error.sentence,))


def _own_rule(number: int, line: Mapping[str, str], words: Vocabulary) -> Rule | None:
    strange = sorted(set(line) - {*COLUMNS, "sentence", "source"})
    if strange:
        raise RulebookRefused(OWN, number, f"No column {strange[0]!r}.", f"The columns are {', '.join(COLUMNS)}, sentence, source.")
    if not line.get("sentence", "").strip():
        raise RulebookRefused(OWN, number, "No sentence.", "Say in one sentence what the rule does; refusals will quote it.")
    blank = {"on": "request", "client": "*", "purpose": "*", "operation": "*", "place": "*"}
    cells = tuple(line.get(column, blank.get(column, "")).strip() for column in COLUMNS)
    texts = {cells[0].partition("/")[0]: (line.get("source", "The operator's own rule"), line["sentence"])}
    return read_rule(number, cells, Origin(OWN, "*", None, None, {}, frozenset(), texts), words)


def _enabled(entry: Mapping[str, Any]) -> Enabled:
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in entry["options"].items()}
    return Enabled(entry["name"], entry["status"], entry["version"], options, entry.get("begins"), entry.get("ends"))


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _plain(value: bool | tuple[str, ...]) -> object:
    return list(value) if isinstance(value, tuple) else value
