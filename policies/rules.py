"""A rule: whom it meets, under which conditions, and what it says then; and how one line of a policy.csv becomes one.

Every word is checked against the vocabulary here, because Casbin checks none: it would ignore a `Deny` and match a typing error never."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from policies.conditions import Term, bind, read_when
from policies.errors import RulebookRefused
from policies.obligations import read_obligation
from policies.places import known_area
from policies.vocabulary import Vocabulary

COLUMNS: Final = ("rule", "on", "effect", "client", "purpose", "operation", "place", "when", "from", "to", "obligations")
MOMENTS: Final = ("request", "release", "lifecycle")
EFFECTS: Final = ("allow", "deny", "oblige", "due")
ANY: Final = ("*",)
# `BASE-8` is a row of LAW.md; what follows a slash tells apart the sentences of one row.
RULE_ID: Final = re.compile(r"[A-Z]{2,5}-\d{1,3}(/[a-z][a-z0-9_-]{0,30})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with its options applied, its words expanded and its dates and moment written into `when`."""

    rule: str
    row: str
    pack: str
    effect: str
    clients: tuple[str, ...]
    purposes: tuple[str, ...]
    operations: tuple[str, ...]
    place: str
    when: tuple[Term, ...]
    asks: tuple[str, ...]
    source: str
    sentence: str

    @property
    def condition(self) -> str:
        """The `when` as Casbin holds it."""
        return " & ".join(str(term) for term in self.when)

    def to_json(self) -> dict[str, object]:
        """The rule as a rulebook's text holds it."""
        return {
            "rule": self.rule,
            "row": self.row,
            "pack": self.pack,
            "effect": self.effect,
            "clients": list(self.clients),
            "purposes": list(self.purposes),
            "operations": list(self.operations),
            "place": self.place,
            "when": self.condition,
            "asks": list(self.asks),
            "source": self.source,
            "sentence": self.sentence,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Rule":
        """Read what to_json() wrote; KeyError and TypeError are the caller's to turn into a refusal of the whole text."""
        held: dict[str, Any] = {name: entry[name] for name in ("rule", "row", "pack", "effect", "place", "source", "sentence")}
        held |= {name: tuple(entry[name]) for name in ("clients", "purposes", "operations", "asks")}
        return cls(**held, when=read_when(entry["when"]))


@dataclass(frozen=True, slots=True)
class Origin:
    """What a line inherits from its pack: name, dates, place, option values, and the sentence and source of each rule."""

    pack: str
    place: str
    begins: date | None
    ends: date | None
    options: Mapping[str, object]
    lifted: frozenset[date]
    texts: Mapping[str, tuple[str, str]]


def read_lines(text: str, where: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Split a policy.csv into numbered lines of cells; `#` begins a comment. Raises RulebookRefused."""
    found: list[tuple[int, tuple[str, ...]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line.isascii() or not line.isprintable():
            raise RulebookRefused(
                where, number, "A letter that is not plain ASCII.", "Type it again: look-alike letters make look-alike rules."
            )
        try:
            # One physical line at a time: a quoted line break cannot smuggle in a second rule.
            (cells,) = csv.reader([line], strict=True)
        except csv.Error as error:
            raise RulebookRefused(where, number, f"Not a line of CSV ({error}).", "Check the quotation marks.") from error
        if len(cells) != len(COLUMNS):
            raise RulebookRefused(where, number, f"{len(cells)} cells.", f"A rule has {len(COLUMNS)}: {', '.join(COLUMNS)}.")
        found.append((number, tuple(cell.strip() for cell in cells)))
    if not found or found[0][1] != COLUMNS:
        raise RulebookRefused(where, 1, "The header is missing.", f"Begin with {','.join(COLUMNS)}.")
    return tuple(found[1:])


def read_rule(number: int, cells: tuple[str, ...], origin: Origin, words: Vocabulary) -> Rule | None:
    """Make one line into a rule; None if the pack's options take it away. Raises RulebookRefused with this line's number."""
    try:
        return _read(number, dict(zip(COLUMNS, cells, strict=True)), origin, words)
    except RulebookRefused as error:
        raise RulebookRefused(origin.pack, number, error.problem, error.mend) from error


def _read(number: int, line: Mapping[str, str], origin: Origin, words: Vocabulary) -> Rule | None:
    if not RULE_ID.fullmatch(line["rule"]):
        raise _refused(f"{line['rule']!r} is no rule id.", "Write one such as AMZ-5 or AMZ-5/reviewers.")
    effect = _one_of(line["effect"], EFFECTS, "effect")
    if (_one_of(line["on"], MOMENTS, "on") == "lifecycle") != (effect == "due"):
        raise _refused("`due` and `lifecycle` belong together.", "Write both, or neither.")
    texts = origin.texts.get(line["rule"]) or origin.texts.get(line["rule"].partition("/")[0])
    if texts is None:
        raise _refused(f"{line['rule']} has no source and sentence.", f"Add [rules.{line['rule'].partition('/')[0]}] to pack.toml.")
    terms = _terms(line, origin)
    cells = [
        _cell(line[column], of, origin, words)
        for column, of in (("client", "clients"), ("purpose", "purposes"), ("operation", "operations"))
    ]
    asks = tuple(part.strip() for part in line["obligations"].split("&")) if line["obligations"] else ()
    _check_asks(effect, asks, words)
    if terms is None or not all(cells):
        return None
    rule = Rule(
        rule=line["rule"].partition("/")[0],
        row=f"{line['rule']}#{number}",
        pack=origin.pack,
        effect=effect,
        clients=cells[0],
        purposes=cells[1],
        operations=cells[2],
        place=line["place"] if line["place"] != "*" else origin.place,
        when=terms,
        asks=asks,
        source=texts[0],
        sentence=texts[1],
    )
    check(rule, words)
    return rule


def check(rule: Rule, words: Vocabulary) -> None:
    """Refuse what no rulebook may hold, wherever the rule came from. Raises RulebookRefused (line 0)."""
    _one_of(rule.effect, EFFECTS, "effect")
    for of, named in (("clients", rule.clients), ("purposes", rule.purposes), ("operations", rule.operations)):
        strange = [] if named == ANY else [word for word in named if word not in words.words(of)]
        if strange or not named:
            raise _refused(f"{strange[0] if strange else 'nothing'!r} among the {of}.", "Use the words of the vocabulary, or * for any.")
    if rule.place != "*" and not known_area(rule.place, words):
        raise _refused(f"{rule.place!r} is no place.", "Write an ISO 3166 code, a group such as EU, or *.")
    if rule.effect == "allow":
        _check_allow(rule, words)
    _check_asks(rule.effect, rule.asks, words)
    for term in rule.when:
        bind(term.token, words)


def _check_allow(rule: Rule, words: Vocabulary) -> None:
    if rule.purposes == ANY:
        raise _refused("An allow for any purpose.", "Name the purposes: a spelling that no deny knows would be allowed.")
    never = [name for name in rule.purposes if words.purposes[name].default == "never"]
    if never:
        raise _refused(f"An allow for {never[0]}, which nothing may open.", "Drop it.")
    if Term("licensed", wanted=True) not in rule.when:
        raise _refused("An allow without `licensed`.", "Only a licence allows.")


def _terms(line: Mapping[str, str], origin: Origin) -> tuple[Term, ...] | None:
    """The conjunction with options folded in, dates and moment added; None if an option makes it never hold."""
    terms: list[Term] = []
    for term in read_when(line["when"]):
        name, _, option = term.token.partition(":")
        if name != "option":
            terms.append(term)
        elif not isinstance(origin.options.get(option), bool):
            raise _refused(f"The pack has no flag {option!r}.", "Declare it as an option in pack.toml.")
        elif origin.options[option] is not term.wanted:
            return None
    begins, ends = _date(line["from"]), _date(line["to"])
    if begins in origin.lifted:
        begins = None
    begins = max((day for day in (begins, origin.begins) if day), default=None)
    ends = min((day for day in (ends, origin.ends) if day), default=None)
    terms += [Term(f"since:{begins}", wanted=True)] if begins else []
    terms += [Term(f"before:{ends}", wanted=True)] if ends else []
    terms += [Term("at_release", wanted=True)] if line["on"] == "release" else []
    terms += [Term("licensed", wanted=True)] if line["effect"] == "allow" else []
    return tuple(dict.fromkeys(terms))


def _cell(text: str, of: str, origin: Origin, words: Vocabulary) -> tuple[str, ...]:
    """Expand `police|company`, `*|-missing_person` or `criminal|-$exempt_purposes`; `*` alone stays. In the vocabulary's order."""
    known: Mapping[str, object] = getattr(words, of)
    wanted: set[str] = set()
    unwanted: set[str] = set()
    for part in text.split("|"):
        word = part.strip().removeprefix("-")
        (unwanted if part.strip().startswith("-") else wanted).update(_meaning_of(word, of, origin, words))
    if wanted >= set(known) and not unwanted:
        return ANY
    return tuple(name for name in known if name in wanted - unwanted)


def _meaning_of(word: str, of: str, origin: Origin, words: Vocabulary) -> tuple[str, ...]:
    known: Mapping[str, object] = getattr(words, of)
    if word == "*":
        return tuple(known)
    if word.startswith("$"):
        listed = origin.options.get(word[1:])
        if not isinstance(listed, tuple):
            raise _refused(f"The pack has no list {word!r}.", "Declare it as an option in pack.toml.")
        return listed
    if word in known:
        return (word,)
    members = words.group(of, word)
    if members is None:
        raise _refused(f"{word!r} is neither one of the {of} nor a group of them.", "See vocabulary.toml.")
    return members


def _check_asks(effect: str, asks: tuple[str, ...], words: Vocabulary) -> None:
    if effect in ("oblige", "due") and not asks:
        raise _refused(f"A rule that says {effect} and names nothing.", "Fill in its last cell.")
    if effect == "deny" and asks:
        raise _refused("A deny with obligations.", "Drop them: a refusal asks for nothing.")
    for ask in asks:
        if effect != "due":
            read_obligation(ask, words)
        elif ask not in words.actions:
            raise _refused(f"Unknown action {ask!r}.", f"Use one of {', '.join(sorted(words.actions))}.")


def _one_of(word: str, known: tuple[str, ...], column: str) -> str:
    if word not in known:
        raise _refused(f"{word!r} in the column {column}.", f"Write {', '.join(known)} exactly so.")
    return word


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise _refused(f"{text!r} is no date.", "Write one such as 2026-07-01.") from error


def _refused(sentence: str, mend: str) -> RulebookRefused:
    return RulebookRefused("rule", 0, sentence, mend)
