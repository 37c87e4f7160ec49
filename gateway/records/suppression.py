"""Hide small counts of a report so that no difference gives them back: of rows and their total, of one table and another. Counts nothing.

A small count is `<5`; what has to be hidden beside it is `hidden`. What a reader could then work out, whoever they are, is worked out here:
as long as a small count could not be every number from 1 to 4, the smallest count that is still shown is hidden, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

Tables: TypeAlias = Mapping[str, Mapping[str, int]]
Cell: TypeAlias = tuple[str, str]
HIDDEN: Final = "hidden"
UNKNOWN: Final = "(never shown)"  # the table of sums that no report shows, and that readers may come by
_FAR: Final = 1 << 60
_ROUNDS: Final = 200  # bounds that move for longer move by ever smaller steps
# Tables that count the same things: each one's rows have the sum of that name.
_SUMS: Final = {
    "requests by purpose": "requests",
    "requests by client kind": "requests",
    "requests by month": "requests",
    "requests by operation": "requests",
    "permits by purpose": "permits",
    "searches by end": "permits",
    "refusals by purpose": "refusals",
    "refusals by reason": "refusals",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """Counts of which the sum is another count."""

    parts: Sequence[Cell]
    whole: Cell

    def cells(self) -> Iterable[Cell]:
        """All of them."""
        return chain(self.parts, [self.whole])


def suppressed(tables: Tables, below: int) -> dict[str, dict[str, int | str]]:
    """Return the tables as everybody may see them; with `below` 0, as they are."""
    values = {(table, row): count for table, rows in tables.items() for row, count in rows.items()}
    relations = [
        relation for relation in _relations(tables, values) if sum(values[cell] for cell in relation.parts) == values[relation.whole]
    ]
    small = {cell for cell, count in values.items() if 0 < count < below and cell[0] != UNKNOWN}
    beside = {cell for cell in values if cell[0] == UNKNOWN}
    while (told := _told(values, relations, small, beside, below)) is not None:
        # The nearest first: what stands in a relation with the count that was given away; failing that, whatever is shown in any.
        near = {cell for relation in relations if told in set(relation.cells()) for cell in relation.cells()}
        far = {cell for relation in relations for cell in relation.cells()}
        shown = [
            sorted((values[cell], cell) for cell in group - small - beside if values[cell] and cell[0] in tables) for group in (near, far)
        ]
        if not any(shown):
            break  # nothing is left that could be hidden
        beside.add((shown[0] or shown[1])[0][1])
    return {
        table: {row: f"<{below}" if (table, row) in small else HIDDEN if (table, row) in beside else count for row, count in rows.items()}
        for table, rows in tables.items()
    }


def _relations(tables: Tables, values: dict[Cell, int]) -> list[Relation]:
    """Say which counts make up which. Sums that no table shows are put among the values, to be hidden from the start."""
    made = []
    for table, rows in tables.items():
        if table == "review":
            continue
        name = _SUMS.get(table, table)
        # A table that stands alone is treated as if its sum were known from elsewhere.
        whole = (UNKNOWN, name) if table in _SUMS else ("sum", name)
        values.setdefault(whole, sum(rows.values()))
        made.append(Relation([(table, row) for row in rows], whole))
    made += _across(tables, values)
    return made


def _across(tables: Tables, values: dict[Cell, int]) -> list[Relation]:
    """A purpose's permits and refusals are its requests, and so are all of them; results that were settled were overturned or not."""
    made = []
    if {"requests by purpose", "permits by purpose", "refusals by purpose"} <= tables.keys():
        made.append(Relation([(UNKNOWN, "permits"), (UNKNOWN, "refusals")], (UNKNOWN, "requests")))
        for purpose in tables["requests by purpose"]:
            for table in ("permits by purpose", "refusals by purpose"):
                values.setdefault((table, purpose), 0)
            made.append(Relation([("permits by purpose", purpose), ("refusals by purpose", purpose)], ("requests by purpose", purpose)))
    review, ends = tables.get("review", {}), tables.get("results by end", {})
    if "leads settled" in review:
        made.append(Relation([("results by end", row) for row in ends], ("review", "leads settled")))
        if "withheld" in ends:
            made.append(Relation([("results by end", "withheld")], ("review", "of these overturned")))
        for part, whole in (("of these overturned", "leads settled"), ("of these alike", "judged by two or more")):
            rest = ("rest", whole)
            values[rest] = review[whole] - review[part]
            made.append(Relation([("review", part), rest], ("review", whole)))
    return made


def _told(values: Mapping[Cell, int], relations: Sequence[Relation], small: set[Cell], beside: set[Cell], below: int) -> Cell | None:
    """Return a small count of which a reader learns more than that it is small; None if there is none.

    A reader knows every sum, what is shown, that `<5` is 1 to 4, that `hidden` is no less than 5, and that nothing is negative."""
    rest = {cell: count for cell, count in values.items() if cell[0] == "rest"}
    secret = small | {cell for cell, count in rest.items() if 0 < count < below}
    bounds = {cell: (count, count) for cell, count in values.items()}
    bounds |= dict.fromkeys(beside, (below, _FAR)) | dict.fromkeys((*rest, *(cell for cell in beside if cell[0] == UNKNOWN)), (0, _FAR))
    bounds |= dict.fromkeys(small, (1, below - 1))
    for _ in range(_ROUNDS):
        moved = [_narrow(relation, bounds) for relation in relations]
        if not any(moved):
            break
    for cell in sorted(secret, key=lambda one: (values[one], one)):
        low, high = bounds[cell]
        if low > 1 or high < below - 1:
            return cell
    return None


def _narrow(relation: Relation, bounds: dict[Cell, tuple[int, int]]) -> bool:
    """Take from each count's bounds what the others' exclude; return whether that changed anything."""
    low = sum(bounds[cell][0] for cell in relation.parts)
    high = sum(bounds[cell][1] for cell in relation.parts)
    new = {relation.whole: (max(bounds[relation.whole][0], low), min(bounds[relation.whole][1], high))}
    least, most = bounds[relation.whole]
    for cell in relation.parts:
        own_low, own_high = bounds[cell]
        new[cell] = (max(own_low, least - (high - own_high)), min(own_high, most - (low - own_low)))
    changed = any(bounds[cell] != pair for cell, pair in new.items())
    bounds.update(new)
    return changed
