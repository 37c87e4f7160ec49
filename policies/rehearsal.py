"""Rehearse: run decision vectors against the packs that they name, in the format of docs/packs.md. Changes nothing, logs nothing."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from policies import reading
from policies.decision import Permit, Refusal
from policies.errors import FactsError, VectorError
from policies.facts import Facts
from policies.judge import Judge
from policies.obligations import covers
from policies.packs import SHIPPED, load, names
from policies.question import KINDS
from policies.rulebook import build_or_refuse_all
from policies.vocabulary import Vocabulary

DECISIONS: Final = ("allow", "allow_with_obligations", "deny")
_EXPECTED: Final = ("rule", "obligations_include", "forbid_obligations", "actions_include", "actions_exclude")
_FIELDS: Final[Mapping[str, reading.Reader]] = {
    "id": reading.text,
    "packs": reading.texts,
    "at": reading.time,
    "request": reading.members,
    "licence": reading.texts,
    "pack_options": reading.members,
}
_NECESSARY: Final = ("id", "packs", "at", "request")


@dataclass(frozen=True, slots=True)
class Vector:
    """One line: which packs, what is asked, and what is expected."""

    id: str
    kind: str
    packs: tuple[str, ...]
    at: datetime
    request: Mapping[str, object]
    expect: Mapping[str, Any]
    licence: tuple[str, ...] | None = None
    pack_options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one vector. `rules` are those that refused or allowed; `wrong` says what differs, empty if nothing does."""

    id: str
    expected: str
    got: str
    rules: tuple[str, ...]
    obligations: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True if the answer is the expected one."""
        return not self.wrong

    def to_json(self) -> dict[str, object]:
        """The result as `policies rehearse --json` prints it."""
        return {
            "id": self.id,
            "expected": self.expected,
            "got": self.got,
            "rules": list(self.rules),
            "obligations": list(self.obligations),
            "passed": self.passed,
            "wrong": list(self.wrong),
        }


@dataclass(slots=True)
class Rehearsal:
    """Judges made for one run, one for each set of packs and options; or `under` one judge, whatever packs a vector names."""

    words: Vocabulary = field(default_factory=Vocabulary.shipped)
    judges: dict[str, Judge] = field(default_factory=dict)
    under: Judge | None = None

    def run(self, vector: Vector) -> Result:
        """Put one vector to the judge of its packs."""
        judge = self._judge(vector)
        if vector.kind == "lifecycle":
            return self._lifecycle(vector, judge)
        try:
            answer = judge.decide(self._facts(vector), vector.kind)
        except FactsError as error:
            answer = judge.refuse(error)
        expected = vector.expect["decision"]
        wrong = [] if (answer.decision == "deny") == (expected == "deny") else [f"expected {expected}, got {answer.decision}"]
        wrong = [f"{wrong[0]}{_about(answer)}"] if wrong and isinstance(answer, Refusal) else wrong
        if not isinstance(answer, Permit):
            rules = tuple(dict.fromkeys(entry.rule for entry in answer.reasons))
            if not wrong and vector.expect["rule"] and not set(vector.expect["rule"]) & set(rules):
                wrong.append(f"expected a reason among {', '.join(vector.expect['rule'])}, got {', '.join(rules)}{_about(answer)}")
            return Result(vector.id, expected, answer.decision, rules, (), tuple(wrong))
        slugs = tuple(duty.slug for duty in answer.obligations)
        wrong += [f"no {slug}" for slug in vector.expect["obligations_include"] if not covers(answer.obligations, slug, self.words)]
        wrong += [f"{slug} is there" for slug in vector.expect["forbid_obligations"] if slug in slugs]
        return Result(vector.id, expected, answer.decision, tuple(dict.fromkeys(entry.rule for entry in answer.rules)), slugs, tuple(wrong))

    def _lifecycle(self, vector: Vector, judge: Judge) -> Result:
        wanted, unwanted = vector.expect["actions_include"], vector.expect["actions_exclude"]
        expected = ",".join(wanted) or "nothing"
        try:
            actions = judge.due(self._facts(vector))
        except FactsError as error:
            return Result(vector.id, expected, error.code, (), (), (error.sentence,))
        slugs = tuple(dict.fromkeys(action.slug for action in actions))
        wrong = [f"no {slug}" for slug in wanted if slug not in slugs] + [f"{slug} is there" for slug in unwanted if slug in slugs]
        rules = tuple(dict.fromkeys(action.reason.rule for action in actions))
        return Result(vector.id, expected, ",".join(slugs) or "nothing", rules, (), tuple(wrong))

    def _facts(self, vector: Vector) -> Facts:
        licence = vector.licence
        if licence is None:
            # Exactly what is asked, as the capture shows it: a vector about something else must not fail for its licence.
            purpose, operation = vector.request.get("purpose"), vector.request.get("operation")
            licence = (f"{purpose}:{operation}", *([f"{purpose}:live_identify"] if operation == "identify" else []))
        return Facts.from_json(vector.request, at=vector.at, licence=licence)

    def _judge(self, vector: Vector) -> Judge:
        if self.under is not None:
            return self.under
        key = json.dumps([sorted(vector.packs), reading.plain(vector.pack_options)], sort_keys=True)
        if key not in self.judges:
            options = _by_pack(vector, self.words)
            self.judges[key] = Judge(build_or_refuse_all(vector.packs, options))
        return self.judges[key]


def _about(answer: Refusal) -> str:
    """What failed before any rule was asked: a pack that cannot load, an option or facts that cannot be read."""
    return f": {answer.reasons[0].sentence}" if answer.code in ("pack-unavailable", "facts-malformed") and answer.reasons else ""


def rehearse(lines: Iterable[str]) -> tuple[Result, ...]:
    """Run every vector, in order. Raises VectorError naming the first line that is none; then nothing has been run."""
    vectors = read_vectors(lines)
    rehearsal = Rehearsal()
    return tuple(rehearsal.run(vector) for vector in vectors)


def pack_lines(name: str) -> tuple[str, ...]:
    """The vectors that a pack ships with itself. Raises RulebookRefused if there is no such pack."""
    load(name, Vocabulary.shipped())
    return lines_of((SHIPPED / name / "rehearsal.jsonl").read_text(encoding="utf-8"))


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a file of vectors, by line feeds alone: other separators may stand within a JSON text."""
    return tuple(text.removesuffix("\n").split("\n")) if text else ()


def read_vectors(lines: Iterable[str]) -> tuple[Vector, ...]:
    """Read a vector file; blank lines and the `_meta` line are passed over. Raises VectorError with the line number."""
    found: list[Vector] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            obj = reading.parsed(line)
        except ValueError as error:
            raise VectorError(number, f"this is not JSON ({error}).") from error
        if not isinstance(obj, dict):
            raise VectorError(number, "this is not a JSON object.")
        if obj.get("kind") == "meta" or obj.get("id") == "_meta":
            continue
        vector = _vector(number, obj)
        if vector.id in seen:
            raise VectorError(number, f"the id {vector.id!r} is there twice.")
        seen.add(vector.id)
        found.append(vector)
    return tuple(found)


def _vector(number: int, obj: dict[str, Any]) -> Vector:
    field = "kind"
    try:
        kind = _one_of(obj.get("kind"), KINDS)
        field = "expect"
        expect = reading.members(obj.get("expect"))
        read: dict[str, Any] = {name: reading.texts(expect.get(name, [])) for name in _EXPECTED}
        # Some files write it beside `expect` and not in it; either way it is meant.
        field = "forbid_obligations"
        read["forbid_obligations"] += reading.texts(obj.get("forbid_obligations", []))
        field = "expect"
        if kind != "lifecycle":
            read["decision"] = _one_of(expect.get("decision"), DECISIONS)
        values: dict[str, Any] = {}
        for field, read_field in _FIELDS.items():
            if field in obj or field in _NECESSARY:
                values[field] = read_field(obj.get(field))
    except FactsError as error:
        raise VectorError(number, error.inside(field).sentence) from error
    return Vector(kind=kind, expect=read, **values)


def _one_of(word: object, known: tuple[str, ...]) -> str:
    if not isinstance(word, str) or word not in known:
        raise FactsError("", f"must be one of {', '.join(known)}.")
    return word


def _by_pack(vector: Vector, words: Vocabulary) -> dict[str, dict[str, object]]:
    """Give each option to the packs that declare it; one that none declares goes to the first, which refuses to load with it."""
    options: dict[str, dict[str, object]] = {}
    enabled = [name for name in vector.packs if name in names()]
    for option, value in vector.pack_options.items():
        takers = [name for name in enabled if option in load(name, words).options] or enabled[:1]
        for name in takers:
            options.setdefault(name, {})[option] = value
    return options
