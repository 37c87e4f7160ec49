"""Assess a draft: everything that its approver has to know, in the order in which a fault stops it. Approves nothing, and knows no log.

0 what of the standing expectations and properties the draft restates, shown before anything else;
1 expectations: the packs' own vectors, the draft's, and the standing ones that the draft does not restate;
2 proofs: the constitution's properties, the draft's own, and the standing ones; 3 the exact set of requests whose answer changes;
4 the past: recorded decisions that would have been answered differently, newly allowed first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from policies import constitution
from policies.diff import diff
from policies.drafting import Draft, Tell
from policies.errors import RulebookRefused, Undecided
from policies.judge import Judge
from policies.prove import constitution as constitutional
from policies.prove import prove
from policies.rehearsal import Rehearsal, Result, Vector, pack_lines, rehearse
from policies.replay import Past, Replay
from policies.rulebook import Rulebook
from policies.standing import Standing, restated

# What a report shows of each; the counts are always whole.
MOST_FAILURES: Final = 50
MOST_REGIONS: Final = 60
MOST_LINKS: Final = 20
MOST_GROUPS: Final = 200

Entries = Callable[[], Iterable[tuple[int, bytes]]]
"""Opens the log's entries, each with its index, to be read once."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found. `stops` says why the draft must not go live; empty if nothing speaks against asking a second person."""

    rulebook: str
    base: str
    stops: tuple[str, ...]
    found: dict[str, object]

    @property
    def passed(self) -> bool:
        """True if a second person may be asked."""
        return not self.stops


def assess(draft: Draft, rulebook: Rulebook, live: Rulebook, standing: Standing, entries: Entries, records: int, tell: Tell) -> Assessment:
    """Assess the rulebook that a draft makes beside the live one; `standing` is what the live one and those before it promised.

    `tell` hears of each step. Raises RecordDamaged, or what `entries` raises, where the past cannot be read."""
    stops: list[str] = []
    found: dict[str, object] = {"title": draft.title, "warnings": [fault.to_json() for fault in draft.warnings]}
    try:
        constitution.require(rulebook)
    except RulebookRefused as error:
        stops.append(error.sentence)
    # 0
    found["restated"] = [change.to_json() for change in restated(draft, standing)]
    # 1
    tell("expectations", 0, 0)
    found["expectations"] = _expectations(draft, rulebook, tuple(standing.vectors.values()), stops)
    # 2
    tell("proofs", 0, 0)
    anew = {stated.name for stated in draft.never}
    inherited = [stated for stated in standing.never.values() if stated.name not in anew]
    proofs = prove(rulebook, (*constitutional(rulebook.words), *draft.never, *inherited))
    found["proofs"] = [proof.to_json() for proof in proofs]
    # Whoever returns to an old rulebook means to give up what came after it; the approver sees what that is.
    given_up = {stated.name for stated in inherited} if draft.return_to else set()
    stops += [
        f"Not proved: {proof.sentence} ({proof.name}: {proof.outcome})"
        for proof in proofs
        if not proof.holds and proof.name not in given_up
    ]
    # 3
    tell("changes", 0, 0)
    found["changes"] = _changes(live, rulebook, tell)
    # 4
    replayed = replayed_under(rulebook, entries, records, tell).to_json(MOST_LINKS)
    groups = replayed["groups"]
    assert isinstance(groups, list)
    found["past"] = {**replayed, "groups": groups[:MOST_GROUPS], "groups_in_all": len(groups)}
    return Assessment(rulebook.digest, live.digest, tuple(stops), found)


def replayed_under(rulebook: Rulebook, entries: Entries, records: int, tell: Tell) -> Replay:
    """Judge the recorded decisions again under a rulebook; `records` is how many entries there are, and `tell` hears how far it is.

    Raises RecordDamaged, or what `entries` raises, where the past cannot be read."""
    past = Past.read(_told(entries(), records, tell), rulebook.settings)
    tell("past", records, records)
    return past.under(rulebook)


def _expectations(draft: Draft, rulebook: Rulebook, expected: Sequence[Vector], stops: list[str]) -> dict[str, object]:
    under = Rehearsal(under=Judge(rulebook))
    anew = {vector.id for vector in draft.vectors}
    sets: dict[str, list[Result]] = {
        "packs": [result for name in sorted({pack.name for pack in rulebook.packs}) for result in rehearse(pack_lines(name))],
        "own": [under.run(vector) for vector in draft.vectors],
        # What the rulebooks so far were approved for holds on, unless the draft says the new expectation under the same id.
        "live": [under.run(vector) for vector in expected if vector.id not in anew],
    }
    for name, results in sets.items():
        failed = sum(not result.passed for result in results)
        # Whoever returns to an old rulebook means to give up what came after it; the approver sees what that is.
        if failed and not (name == "live" and draft.return_to):
            stops.append(f"{failed} of {len(results)} expectations ({name}) are not met.")
    return {
        name: {
            "passed": sum(result.passed for result in results),
            "failed": sum(not result.passed for result in results),
            "failures": [result.to_json() for result in results if not result.passed][:MOST_FAILURES],
        }
        for name, results in sets.items()
    }


def _changes(live: Rulebook, rulebook: Rulebook, tell: Tell) -> dict[str, object]:
    """Every request that is answered differently; where that cannot be found out, the approver is told so."""
    try:
        return diff(live, rulebook, most=MOST_REGIONS, hear=lambda count: tell("changes", count, MOST_REGIONS)).to_json()
    except Undecided as error:
        return {"undecided": error.sentence}


def _told(entries: Iterable[tuple[int, bytes]], records: int, tell: Tell) -> Iterable[tuple[int, bytes]]:
    for count, entry in enumerate(entries):
        if count % 4096 == 0:
            tell("past", count, records)
        yield entry
