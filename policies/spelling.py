"""Find misspelt and disguised words in the cells of rules, and name the word that was probably meant. Never corrects one."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from policies.conditions import CONDITIONS, bind, read_when
from policies.errors import RulebookRefused
from policies.obligations import read_obligation
from policies.places import known_area
from policies.rules import EFFECTS, MOMENTS, RULE_ID, Origin
from policies.vocabulary import Vocabulary

# Code, severity, sentence and mend of one fault, as lint.Finding has them.
Fault = tuple[str, str, str, str]
_ERROR: Final = "error"
# Letters that look like plain ones, from Unicode's confusables; widths, styles and accents are taken off by NFKD.
_ALIKE: Final[Mapping[str, str]] = MappingProxyType(
    {
        alike: plain
        for plain, several in {
            "a": "аαɑ", "b": "ьƅ", "c": "сϲ", "d": "ԁ", "e": "еҽ", "g": "ɡց", "h": "һհ", "i": "іιı", "j": "јϳ", "k": "κк", "l": "ӏǀ",
            "m": "м", "n": "ոп", "o": "оοօ", "p": "рρ", "q": "ԛ", "r": "г", "s": "ѕꜱ", "t": "тτ", "u": "υս", "v": "νѵ", "w": "ԝѡ",
            "x": "хχ", "y": "уγ", "z": "ᴢ", "A": "АΑ", "B": "ВΒ", "C": "С", "E": "ЕΕ", "H": "НΗ", "I": "ІΙ", "J": "Ј", "K": "КΚ",
            "M": "МΜ", "N": "Ν", "O": "ОΟ", "P": "РΡ", "S": "Ѕ", "T": "ТΤ", "X": "ХΧ", "Y": "УΥ", "Z": "Ζ", "-": "‐‑‒–—−", "_": "‗",
            "!": "ǃ", "|": "∣｜", "&": "＆", ":": "։ː∶", "*": "∗⁎",
        }.items()
        for alike in several
    }
)  # fmt: skip
_WORD_COLUMNS: Final[Mapping[str, str]] = MappingProxyType({"client": "clients", "purpose": "purposes", "operation": "operations"})


def faults_of_text(text: str, where: str, *, letters: bool = True) -> list[Fault]:
    """Letters that do not show, that turn the direction of writing, or (in rules) that are not plain ASCII. One fault for each letter."""
    faults: list[Fault] = []
    for letter in dict.fromkeys(text):
        if letter.isascii() and (letter.isprintable() or letter == "\t"):
            continue
        name = f"U+{ord(letter):04X} {unicodedata.name(letter, 'without a name')}"
        category = unicodedata.category(letter)
        if unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"):
            sentence = f"{name} in {where} turns the direction of writing: what is read is not what is there."
            faults.append(("bidirectional-letter", _ERROR, sentence, "Delete it."))
        elif category in ("Cf", "Cc", "Zl", "Zp", "Cn", "Co", "Cs", "Mn") or letter in "\u115f\u1160\u3164\uffa0":
            faults.append(("invisible-letter", _ERROR, f"{name} in {where} does not show.", "Delete it, and type the word again."))
        elif letters:
            plain = _plain(letter)
            alike = f" looks like {plain!r} and is another letter" if plain else " is no plain ASCII"
            faults.append(
                ("look-alike-letter", _ERROR, f"{name} in {where}{alike}.", "Type it again: look-alike letters make look-alike rules.")
            )
    return faults


def faults_of_cell(column: str, cell: str, origin: Origin | None, words: Vocabulary) -> list[Fault]:
    """Everything that is wrong with one cell of a rule by itself."""
    disguised = faults_of_text(cell, f"the column {column}")
    if disguised:
        return disguised
    if column in _WORD_COLUMNS:
        return _words(column, cell, origin, words)
    if column == "when":
        return _when(cell, origin, words)
    if column == "obligations":
        return _asks(cell, words)
    if column == "rule":
        mend = "Write one such as AMZ-5 or AMZ-5/reviewers."
        return [] if RULE_ID.fullmatch(cell) else [("rule-id", _ERROR, f"{cell[:64]!r} is no rule id.", mend)]
    if column == "place" and cell != "*" and not known_area(cell, words):
        return [("unknown-place", _ERROR, f"{cell[:64]!r} is no place.", "Write an ISO 3166 code, a group such as EU, or *.")]
    if column in ("from", "to") and cell and not _is_day(cell):
        return [("not-a-date", _ERROR, f"{cell[:64]!r} is no date.", "Write one such as 2026-07-01.")]
    closed = {"on": MOMENTS, "effect": EFFECTS}.get(column)
    return [_unknown(cell, column, closed)] if closed is not None and cell not in closed else []


def nearest_word(word: str, known: Iterable[str]) -> str:
    """How to write it instead: the nearest known word if one is near, else all of them."""
    known = sorted(known)
    folded = {entry.casefold(): entry for entry in known}
    plain = "".join(_plain(letter) or letter for letter in word).strip().casefold().replace("-", "_").replace(" ", "_")
    close = get_close_matches(plain, folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]}?"
    return f"Use one of {', '.join(known[:40])}{' …' if len(known) > 40 else ''}."


def _plain(letter: str) -> str:
    """The ASCII letter that this one looks like; empty if it looks like none."""
    if letter in _ALIKE:
        return _ALIKE[letter]
    folded = unicodedata.normalize("NFKD", letter)[:1]
    return folded if folded.isascii() and folded.isprintable() else _ALIKE.get(folded, "")


def _words(column: str, cell: str, origin: Origin | None, words: Vocabulary) -> list[Fault]:
    of = _WORD_COLUMNS[column]
    known = {*words.words(of), *words.table["groups"].get(of, {})}
    faults = []
    for part in cell.split("|"):
        word = part.strip().removeprefix("-")
        if word.startswith("$"):
            listed = origin is not None and isinstance(origin.options.get(word[1:]), tuple)
            if not listed:
                faults.append(("unknown-option", _ERROR, f"There is no list {word[:64]!r}.", "Declare it as an option in pack.toml."))
        elif word != "*" and word not in known:
            faults.append(_unknown(word, column, known))
    return faults


def _when(cell: str, origin: Origin | None, words: Vocabulary) -> list[Fault]:
    faults = []
    for part in cell.split("&") if cell else []:
        try:
            (term,) = read_when(part)
            name, _, option = term.token.partition(":")
            if name == "option":
                if origin is None or not isinstance(origin.options.get(option), bool):
                    faults.append(("unknown-option", _ERROR, f"There is no flag {option[:64]!r}.", "Declare it as an option in pack.toml."))
            elif name not in CONDITIONS:
                faults.append(("unknown-condition", _ERROR, f"Unknown condition {name[:64]!r}.", nearest_word(name, CONDITIONS)))
            else:
                bind(term.token, words)
        except RulebookRefused as error:
            faults.append(("unknown-literal", _ERROR, error.problem, error.mend))
        except ValueError:
            faults.append(("empty-condition", _ERROR, "A condition is missing before or after &.", "Write it, or drop the &."))
    if not faults:
        try:
            read_when(cell)
        except RulebookRefused as error:
            faults.append(("never-applies", _ERROR, error.problem, error.mend))
    return faults


def _asks(cell: str, words: Vocabulary) -> list[Fault]:
    faults = []
    for ask in (part.strip() for part in cell.split("&") if cell):
        name = ask.partition(":")[0]
        if name not in words.duties and name not in words.actions:
            faults.append(_unknown(name, "obligations", {*words.duties, *words.actions}, code="unknown-obligation"))
        elif name in words.duties:
            try:
                read_obligation(ask, words)
            except RulebookRefused as error:
                faults.append(("unknown-obligation", _ERROR, error.problem, error.mend))
    return faults


def _unknown(word: str, column: str, known: Iterable[str], *, code: str = "unknown-word") -> Fault:
    said = f"{word[:64]!r} in the column {column} is in no closed list." if word else f"The column {column} is empty."
    return code, _ERROR, said, nearest_word(word, known)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
