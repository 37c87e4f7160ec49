"""Say why: the reasons of an answer, what is needed for another one, and the nearest rule where none allows. Decides nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from policies.decision import REFUSALS, Permit, Reason, Refusal
from policies.index import Plan, Row
from policies.question import Question
from policies.rules import Rule

PRESUMED: Final = Reason(
    "BASE-8",
    "baseline",
    "AI Act recital 17",
    "Nothing is declared about what took the picture, so it counts as a live camera's; declare its source and age.",
)


def reasons(rows: Iterable[Row]) -> tuple[Reason, ...]:
    """One reason for each different sentence of these rules, in the order of packs and ids."""
    return tuple(sorted({reason(row.rule) for row in rows}, key=lambda entry: (entry.pack, entry.rule, entry.sentence)))


def reason(rule: Rule) -> Reason:
    """A rule as a reason."""
    return Reason(rule.rule, rule.pack, rule.source, rule.sentence)


def lacking(rows: Iterable[Row], plan: Plan, bits: int) -> tuple[str, ...]:
    """What would have to be there so that all these denies fell silent; nothing, if one of them would not fall silent for anything.

    It is what the denies want not to hold. Where a deny names several such conditions, one of them is enough."""
    needed: set[str] = set()
    for row in rows:
        names = {bound.needed for position, bound in enumerate(plan.bounds) if row.care & ~row.want & ~bits & (1 << position)} - {""}
        if not names:
            return ()
        needed |= names
    return tuple(sorted(needed))


def nearest(rows: Sequence[Row], plan: Plan, bits: int) -> tuple[Row, tuple[str, ...]] | None:
    """Of these allows, the one with the fewest conditions unmet, and what is missing for it; None if there is no allow."""
    if not rows:
        return None
    row = min(rows, key=lambda row: (((bits ^ row.want) & row.care).bit_count(), row.rule.pack, row.rule.row))
    missing = {bound.needed for position, bound in enumerate(plan.bounds) if row.want & ~bits & (1 << position)}
    return row, tuple(sorted(missing - {""}))


def with_what_is_presumed(answer: Permit | Refusal, question: Question) -> Permit | Refusal:
    """Put before a refusal's reasons that a word about the picture is missing, where its want alone made the picture a live one.

    Not where the purpose itself is closed to everybody: no word about a picture opens that."""
    if not isinstance(answer, Refusal) or not question.presumed_live or answer.code == "purpose-prohibited":
        return answer
    return replace(answer, reasons=(PRESUMED, *answer.reasons), needed=tuple(sorted({*answer.needed, "capture"})))


def sentences(answer: Permit | Refusal) -> list[str]:
    """The answer as lines for people."""
    if isinstance(answer, Permit):
        lines = [f"Allowed under rulebook {answer.rulebook[:12]}."]
        lines += [f"  {entry.rule} ({entry.pack}): {entry.sentence} [{entry.source}]" for entry in answer.rules]
        return lines + [f"  Owed: {duty.slug}: {duty.sentence}" for duty in answer.obligations]
    lines = [f"Refused ({answer.code}) under rulebook {answer.rulebook[:12]}: {REFUSALS[answer.code]}"]
    lines += [f"  {entry.rule} ({entry.pack}): {entry.sentence} [{entry.source}]" for entry in answer.reasons]
    return [*lines, f"  Needed: {', '.join(answer.needed)}"] if answer.needed else lines
