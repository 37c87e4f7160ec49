"""Say why: the reasons of an answer, what is needed for another one, and the nearest rule where none allows. Decides nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from policies.conditions import Bound
from policies.decision import REFUSALS, Permit, Reason, Refusal
from policies.index import Plan, Row
from policies.question import Question
from policies.rules import Rule

DOCUMENTS: Final = ("authorised", "authorisation")
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


def lacking(rows: Iterable[Row], plan: Plan, bits: int, place: str | None) -> tuple[str, ...]:
    """What would have to be there so that all these denies fell silent; nothing, if one of them would not fall silent for anything.

    It is what the denies want not to hold, and what would make hold no more what they want to. Where a deny names several such
    conditions, one of them is enough. `place` is that of the use."""
    needed: set[str] = set()
    for row in rows:
        bounds = [bound for position, bound in enumerate(plan.bounds) if row.care & ~row.want & ~bits & (1 << position) and bound.needed]
        cures = {bound.cure for position, bound in enumerate(plan.bounds) if row.want & (1 << position)} - {""}
        if not bounds and not cures:
            return ()
        needed |= _named(bounds, place) | cures
    return tuple(sorted(needed))


def _named(bounds: Iterable[Bound], place: str | None) -> set[str]:
    """What these conditions are called when they are missing. No document counts for a use in no place: then that is missing first."""
    needed = {bound.needed for bound in bounds} - {""}
    documents = any(bound.token.partition(":")[0] in DOCUMENTS for bound in bounds)
    return needed | {"place"} if documents and not place else needed


def nearest(rows: Sequence[Row], plan: Plan, bits: int, place: str | None) -> tuple[Row, tuple[str, ...]] | None:
    """Of these allows, the one with the fewest conditions unmet, and what is missing for it; None if there is no allow."""
    if not rows:
        return None
    row = min(rows, key=lambda row: (((bits ^ row.want) & row.care).bit_count(), row.rule.pack, row.rule.row))
    missing = [bound for position, bound in enumerate(plan.bounds) if row.want & ~bits & (1 << position)]
    return row, tuple(sorted(_named(missing, place)))


def unmet(row: Row, plan: Plan, bits: int) -> tuple[str, ...]:
    """The conditions of a rule that keep it from applying, as packs write them."""
    missed = {bound.token for position, bound in enumerate(plan.bounds) if (bits ^ row.want) & row.care & (1 << position)}
    return tuple(str(term) for term in row.rule.when if term.token in missed)


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
