"""Lint rules before anybody votes on them: every fault of every line at once, with its line, its name and what to write instead.

Reads a pack's policy.csv, or an administrator's own rules (as CSV with the further columns sentence and source, or as rows).
A draft with an error is refused whole; a warning is for the author to weigh. Never changes what it reads."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from policies.errors import RulebookRefused
from policies.overlaps import overlaps
from policies.packs import read
from policies.rulebook import OWN
from policies.rules import COLUMNS, Origin, Rule, read_rule
from policies.spelling import faults_of_cell, faults_of_text
from policies.vocabulary import Vocabulary

ERROR, WARNING = "error", "warning"
OWN_COLUMNS: Final = (*COLUMNS, "sentence", "source")
_FREE: Final = frozenset({"sentence", "source"})
_BLANK: Final = {"on": "request", "client": "*", "purpose": "*", "operation": "*", "place": "*"}
MOST_LINES: Final = 20_000

# From outside: that the values are text is one of the things to be found out.
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault: the line (0: the whole text; for rows, their number from 1), a stable code, what is wrong, and what to write."""

    line: int
    code: str
    severity: str
    sentence: str
    mend: str

    def to_json(self) -> dict[str, object]:
        """The finding as reports keep it."""
        return asdict(self)


def lint(
    source: str | Sequence[Row], *, origin: Origin | None = None, beside: Sequence[Rule] = (), words: Vocabulary | None = None
) -> tuple[Finding, ...]:
    """Every fault of these rules, in the order of lines. Never raises for what is in them.

    `origin` is the pack that the lines belong to; without one they are an administrator's own. `beside` are the rules of the
    rulebook that they will stand in: an own rule that these already overrule is found too."""
    words = words or Vocabulary.shipped()
    findings: list[Finding] = []
    rows: list[tuple[int, Row]]
    if isinstance(source, str):
        rows = [*_split(source, OWN_COLUMNS if origin is None else COLUMNS, findings)]
    else:
        rows = list(enumerate(source, start=1))
    rules: list[tuple[int, Rule]] = []
    for number, row in rows:
        rule = _rule(number, row, origin, words, findings)
        if rule is not None:
            rules.append((number, rule))
    for line, code, severe, sentence, mend in overlaps(rules, beside, words):
        findings.append(Finding(line, code, ERROR if severe else WARNING, sentence, mend))
    return tuple(sorted(findings))


def lint_pack(name: str, folder: Path, words: Vocabulary | None = None) -> tuple[Finding, ...]:
    """Every fault of a pack in `folder`/`name`, under its default options. A pack.toml that cannot be read is a finding of line 0."""
    words = words or Vocabulary.shipped()
    try:
        text = (folder / name / "policy.csv").read_text(encoding="utf-8")
        pack = read(name, words, folder, manifest_alone=True)
    except (OSError, UnicodeDecodeError) as error:
        return (Finding(0, "unreadable", ERROR, f"policy.csv cannot be read ({error}).", "Save it as UTF-8 text."),)
    except RulebookRefused as error:
        return (Finding(0, error.code, ERROR, error.problem, error.mend),)
    return lint(text, origin=pack.origin(pack.values({}, words)), words=words)


def rows_of(text: str) -> tuple[dict[str, str], ...]:
    """An administrator's own rules from CSV, as rulebook.build() takes them. Raises RulebookRefused for the first line that is none."""
    findings: list[Finding] = []
    rows = _split(text, OWN_COLUMNS, findings)
    for finding in findings:
        raise RulebookRefused(OWN, finding.line, finding.sentence, finding.mend)
    return tuple(row for _number, row in rows)


def clean(findings: Sequence[Finding]) -> bool:
    """True if nothing found is an error: the rules may go on."""
    return not any(finding.severity == ERROR for finding in findings)


def _split(text: str, columns: tuple[str, ...], findings: list[Finding]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a CSV as rows by column; what cannot be split becomes a finding."""
    rows: list[tuple[int, dict[str, str]]] = []
    header: tuple[str, ...] | None = None
    lines = text.removeprefix("\ufeff").split("\n")
    if len(lines) > MOST_LINES:
        findings.append(Finding(0, "too-long", ERROR, f"{len(lines)} lines.", f"A text of rules has at most {MOST_LINES}."))
        return rows
    for number, line in enumerate(lines, start=1):
        bare = line.removesuffix("\r")
        if not bare.strip() or bare.lstrip().startswith("#"):
            findings += [Finding(number, *fault) for fault in faults_of_text(bare, "the comment")]
            continue
        try:
            # One physical line at a time: a quoted line break cannot smuggle in a second rule.
            (cells,) = csv.reader([bare], strict=True)
        except (csv.Error, ValueError) as error:
            findings.append(Finding(number, "not-csv", ERROR, f"Not a line of CSV ({error}).", "Check the quotation marks."))
            continue
        cells = [cell.strip() for cell in cells]
        if header is None:
            header = tuple(cells)
            if set(header) - set(columns) or len(set(header)) != len(header) or not set(COLUMNS) <= set(header):
                findings.append(Finding(number, "header", ERROR, "This is not the header.", f"Begin with {','.join(columns)}."))
                return []
        elif len(cells) != len(header):
            sentence, mend = f"{len(cells)} cells.", f"Here a rule has {len(header)}: {', '.join(header)}."
            findings.append(Finding(number, "cell-count", ERROR, sentence, mend))
        else:
            rows.append((number, dict(zip(header, cells, strict=True))))
    if header is None:
        findings.append(Finding(1, "header", ERROR, "The header is missing.", f"Begin with {','.join(columns)}."))
    return rows


def _rule(number: int, row: Row, origin: Origin | None, words: Vocabulary, findings: list[Finding]) -> Rule | None:
    """Read one row; every fault of its cells becomes a finding, and then there is no rule."""
    known = OWN_COLUMNS if origin is None else COLUMNS
    faults: list[tuple[str, str, str, str]] = []
    for column, cell in row.items():
        if column not in known:
            faults.append(("unknown-column", ERROR, f"No column {column!a}.", f"The columns are {', '.join(known)}."))
        elif not isinstance(cell, str):
            faults.append(("not-text", ERROR, f"The column {column} holds no text.", "Write text."))
        elif column in _FREE:
            faults += faults_of_text(cell, f"the column {column}", letters=False)
        else:
            faults += faults_of_cell(column, cell.strip(), origin, words)
    if origin is None and not str(row.get("sentence", "")).strip():
        faults.append(("no-sentence", ERROR, "No sentence.", "Say in one sentence what the rule does; refusals will quote it."))
    if not faults:
        faults += _faults_of_row({**_BLANK, **{column: str(cell) for column, cell in row.items()}}, origin)
    findings += [Finding(number, *fault) for fault in faults]
    if any(severity == ERROR and code != "allow-without-end" for code, severity, _sentence, _mend in faults):
        return None
    cells = tuple(str(row.get(column, _BLANK.get(column, ""))).strip() for column in COLUMNS)
    mine = origin or Origin(OWN, "*", None, None, {}, frozenset(), {cells[0].partition("/")[0]: ("The operator's own rule", "-")})
    try:
        rule = read_rule(number, cells, mine, words)
    except RulebookRefused as error:
        findings.append(Finding(number, "rule-refused", ERROR, error.problem, error.mend))
        return None
    if rule is None and origin is None:
        findings.append(Finding(number, "meets-nobody", ERROR, "What is taken away leaves nobody.", "Name whom the rule is about."))
    return rule


def _faults_of_row(row: Mapping[str, str], origin: Origin | None) -> list[tuple[str, str, str, str]]:
    """What only shows when the cells of a row are seen together."""
    faults = []
    begins, ends = row.get("from", "").strip(), row.get("to", "").strip()
    if begins and ends and begins >= ends:
        faults.append(("dates-reversed", ERROR, f"It ends on {ends}, before or when it begins.", "Let `to` be after `from`."))
    if row.get("effect") == "allow":
        if any(part.strip() == "*" for part in row.get("purpose", "*").split("|")):
            mend = "Name the purposes: a spelling that no deny knows would be allowed."
            faults.append(("wildcard-purpose", ERROR, "An allow for any purpose.", mend))
        if not ends and (origin is None or origin.ends is None):
            # A law says itself when it ends; what an administrator opens has to be looked at again.
            severity = ERROR if origin is None else WARNING
            faults.append(
                ("allow-without-end", severity, "An allow without an end.", "Write in `to` the day on which it has to be renewed.")
            )
    return faults
