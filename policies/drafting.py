"""Read what an administrator drafts (packs, options, dates, own rules, expectations, properties) and make a rulebook of it, or say
everything that is wrong with it, line by line. Keeps no draft and approves none."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from policies import constitution
from policies.errors import PolicyError, RulebookRefused, VectorError
from policies.lint import ERROR, Finding, lint, rows_of
from policies.packs import names
from policies.prove import Property, read_properties
from policies.question import Settings
from policies.reading import parsed
from policies.rehearsal import Vector, read_vectors
from policies.rulebook import OWN, Rulebook, build
from policies.vocabulary import Vocabulary

# What one draft may hold. To look for rules that overrule each other costs the solver about one question a rule: 40 s at 5,000, measured.
MOST_RULES: Final = 5_000
MOST_VECTORS: Final = 5_000
LONGEST_TITLE: Final = 200
_MEMBERS: Final = ("title", "packs", "rules", "settings", "vectors", "never", "return_to")
_PACK_MEMBERS: Final = ("options", "from", "to")

Tell = Callable[[str, int, int], None]
"""Hears how far long work is: the step, how much of it is done, and how much there is (0: nobody knows)."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong: where (`rules`, `vectors`, `never`, a pack's name, a member), its line (0: the whole), and the mend."""

    where: str
    line: int
    code: str
    severity: str
    sentence: str
    mend: str

    def to_json(self) -> dict[str, object]:
        """The fault as problems and reports hold it."""
        return asdict(self)


class DraftRefused(PolicyError):
    """A draft does not hold together; nothing of it is used. `faults` are all that were found."""

    code = "draft-refused"

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        place = f"{first.where}, line {first.line}" if first.line else first.where
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{place}: {first.sentence} {first.mend}{more}")
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Enabling:
    """How a pack is switched on: its options, and from and until when the operator wants it."""

    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    begins: date | None = None
    ends: date | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What was drafted, read. A draft that returns to an old rulebook names its digest and holds nothing else."""

    title: str
    packs: Mapping[str, Enabling]
    rules: tuple[Mapping[str, str], ...]
    settings: Settings
    vectors: tuple[Vector, ...]
    never: tuple[Property, ...]
    return_to: str | None
    warnings: tuple[Fault, ...]

    def with_those_of(self, document: Mapping[str, Any]) -> "Draft":
        """A draft that returns to an old rulebook, with the expectations and properties by which that one went live."""
        faults: list[Fault] = []
        words = Vocabulary.shipped()
        found = replace(self, vectors=_vectors(document.get("vectors"), faults), never=_never(document.get("never"), faults, words))
        if faults:
            raise DraftRefused(faults)
        return found

    def build(self) -> Rulebook:
        """Make the rulebook, held against the constitution. Raises RulebookRefused."""
        rulebook = build(
            tuple(self.packs),
            {name: pack.options for name, pack in self.packs.items()},
            self.rules,
            self.settings,
            terms={name: (pack.begins, pack.ends) for name, pack in self.packs.items()},
        )
        constitution.require(rulebook)
        return rulebook


def read_draft(document: object, words: Vocabulary | None = None) -> Draft:
    """Read a draft's document: a JSON object with the members of docs/policies.md. Raises DraftRefused with every fault.

    1 the members and their forms; 2 packs, dates, options; 3 own rules, linted beside the packs'; 4 expectations and properties;
    5 the rulebook as a whole."""
    words = words or Vocabulary.shipped()
    faults: list[Fault] = []
    # 1
    if not isinstance(document, Mapping) or not all(isinstance(name, str) for name in document):
        raise DraftRefused([_error("draft", "not-an-object", "A draft is a JSON object.", "See docs/policies.md.")])
    faults += [
        _error("draft", "unknown-member", f"No member {name[:60]!a}.", f"Its members are {', '.join(_MEMBERS)}.")
        for name in document
        if name not in _MEMBERS
    ]
    title = _title(document.get("title"), faults)
    if document.get("return_to") is not None:
        return _returning(title, document, faults)
    # 2
    packs = _packs(document.get("packs"), faults)
    settings = _settings(document.get("settings"), faults)
    if faults:
        raise DraftRefused(sorted(faults))
    # 3
    rules = _rules(document.get("rules"), packs, faults, words)
    # 4
    vectors = _vectors(document.get("vectors"), faults)
    never = _never(document.get("never"), faults, words)
    # 5
    draft = Draft(title, packs, rules, settings, vectors, never, None, tuple(fault for fault in faults if fault.severity != ERROR))
    if not _wrong(faults):
        try:
            draft.build()
        except RulebookRefused as error:
            faults.append(_refused(error, "rules" if error.where == OWN else error.where))
    if _wrong(faults):
        raise DraftRefused(sorted(_wrong(faults)))
    return draft


def _wrong(faults: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.severity == ERROR]


def _title(given: object, faults: list[Fault]) -> str:
    if isinstance(given, str) and given.strip() and len(given) <= LONGEST_TITLE and given.isprintable():
        return given
    mend = f"Say in one line of at most {LONGEST_TITLE} characters what it changes."
    faults.append(_error("title", "no-title", "A draft needs a title.", mend))
    return ""


def _returning(title: str, document: Mapping[str, Any], faults: list[Fault]) -> Draft:
    digest = document["return_to"]
    if not isinstance(digest, str) or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        faults.append(_error("return_to", "no-digest", "It names no rulebook.", "Write the 64 small hexadecimal digits of its digest."))
    if set(document) - {"title", "return_to"}:
        faults.append(_error("return_to", "returns-and-changes", "Who returns to a rulebook changes nothing in it.", "Drop the rest."))
    if faults:
        raise DraftRefused(sorted(faults))
    return Draft(title, {}, (), Settings(), (), (), digest, ())


def _packs(given: object, faults: list[Fault]) -> dict[str, Enabling]:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        faults.append(_error("packs", "no-packs", "The packs are missing.", 'Write {"baseline": {}, …}: each that is on, by name.'))
        return {}
    if constitution.BASELINE not in given:
        faults.append(_error("packs", "constitution-broken", "The baseline is missing.", 'It is the constitution: write "baseline": {}.'))
    found = {}
    for name, said in given.items():
        if name not in names():
            faults.append(_error("packs", "unknown-pack", f"There is no pack {name[:60]!a}.", f"The packs are {', '.join(names())}."))
        elif not isinstance(said, Mapping) or set(said) - set(_PACK_MEMBERS) or not isinstance(said.get("options", {}), Mapping):
            mend = f"Its members are {', '.join(_PACK_MEMBERS)}."
            faults.append(_error(name, "pack-members", "This is not how a pack is switched on.", mend))
        else:
            found[name] = Enabling(said.get("options", {}), *(_day(name, said.get(end), faults) for end in ("from", "to")))
            if name == constitution.BASELINE and (said.get("from") or said.get("to")):
                faults.append(_error(name, "constitution-broken", "The constitution has no dates.", "Drop them: it always holds."))
    return found


def _day(pack: str, given: object, faults: list[Fault]) -> date | None:
    if given is None:
        return None
    try:
        if isinstance(given, str) and len(given) == len("2026-12-01"):
            return date.fromisoformat(given)
    except ValueError:
        pass
    faults.append(_error(pack, "no-date", f"{str(given)[:40]!a} is no date.", "Write one such as 2026-12-01."))
    return None


def _settings(given: object, faults: list[Fault]) -> Settings:
    known = {member.name for member in fields(Settings)}
    if given is None:
        return Settings()
    if not isinstance(given, Mapping) or set(given) - known:
        faults.append(_error("settings", "unknown-setting", "These are not the settings.", f"They are {', '.join(sorted(known))}."))
        return Settings()
    for name, value in given.items():
        least, most = constitution.BOUNDS[name]
        if type(value) is not int or not least <= value <= most:
            faults.append(_error("settings", "constitution-broken", f"{name} is {str(value)[:40]}.", f"It may be {least} to {most}."))
            return Settings()
    return Settings(**given)


def _rules(given: object, packs: Mapping[str, Enabling], faults: list[Fault], words: Vocabulary) -> tuple[Mapping[str, str], ...]:
    if given is None:
        return ()
    if not isinstance(given, str) and not (isinstance(given, list) and all(isinstance(row, Mapping) for row in given)):
        mend = "Write a list of objects, or the text of a policy.csv."
        faults.append(_error("rules", "no-rules", "Own rules are rows or a text of CSV.", mend))
        return ()
    if (len(given) if isinstance(given, list) else given.count("\n")) > MOST_RULES:
        faults.append(_error("rules", "too-many", "Too many own rules.", f"A draft holds at most {MOST_RULES}; write a pack instead."))
        return ()
    options = {name: pack.options for name, pack in packs.items()}
    terms = {name: (pack.begins, pack.ends) for name, pack in packs.items()}
    try:
        beside = build(tuple(packs), options, terms=terms).rules
    except RulebookRefused as error:
        faults.append(_refused(error, error.where))
        return ()
    found = [_fault("rules", finding) for finding in lint(given, beside=beside, words=words)]
    faults += found
    if _wrong(found):
        return ()
    return rows_of(given) if isinstance(given, str) else tuple(given)


def _vectors(given: object, faults: list[Fault]) -> tuple[Vector, ...]:
    if given is None:
        return ()
    lines = given.split("\n") if isinstance(given, str) else [json.dumps(row) for row in given] if isinstance(given, list) else None
    if lines is None or len(lines) > MOST_VECTORS:
        mend = f"Write at most {MOST_VECTORS} as a list of objects, or as the text of a file of vectors."
        faults.append(_error("vectors", "no-vectors", "These are no decision vectors.", mend))
        return ()
    try:
        return read_vectors(_with_packs(lines))
    except VectorError as error:
        faults.append(Fault("vectors", error.line, error.code, ERROR, error.sentence.partition(": ")[2], "See docs/packs.md."))
        return ()


def own_vectors(document: Mapping[str, Any]) -> tuple[Vector, ...]:
    """The expectations of a draft that was read before; none where they cannot be read any more."""
    return _vectors(document.get("vectors"), [])


def own_properties(document: Mapping[str, Any], words: Vocabulary) -> tuple[Property, ...]:
    """The properties of a draft that was read before; none where they cannot be read any more."""
    return _never(document.get("never"), [], words)


def _with_packs(lines: Sequence[str]) -> Iterator[str]:
    """An own vector need not name packs: it is put to the draft's own rulebook."""
    for line in lines:
        try:
            vector = parsed(line)
        except ValueError:
            yield line  # its reader says which line, and what is wrong
        else:
            yield json.dumps({"packs": [constitution.BASELINE], **vector}) if isinstance(vector, dict) else line


def _never(given: object, faults: list[Fault], words: Vocabulary) -> tuple[Property, ...]:
    if given is None:
        return ()
    try:
        if isinstance(given, str):
            return read_properties(given, "never", words)
        faults.append(_error("never", "no-properties", "Properties are a text of TOML.", "See policies/constitution.toml."))
    except RulebookRefused as error:
        faults.append(_refused(error, "never"))
    return ()


def _fault(where: str, finding: Finding) -> Fault:
    return Fault(where, finding.line, finding.code, finding.severity, finding.sentence, finding.mend)


def _refused(error: RulebookRefused, where: str) -> Fault:
    return Fault(where, error.line, error.code, ERROR, error.problem, error.mend)


def _error(where: str, code: str, sentence: str, mend: str) -> Fault:
    return Fault(where, 0, code, ERROR, sentence, mend)
