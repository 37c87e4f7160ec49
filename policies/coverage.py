"""Say which rules the vectors of a rehearsal have shown: acting in one, and holding back in another. Judges nothing itself."""

from collections.abc import Iterable
from dataclasses import dataclass

from policies.packs import load
from policies.rehearsal import Result
from policies.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Covered:
    """One rule of one pack. `denied`, `allowed`: the vectors that it refused, and those answered otherwise in which it refused nothing.

    A rule that refuses nothing (it allows, asks or makes something due) has `denied` None, and is shown by the vectors it acted in."""

    pack: str
    rule: str
    denied: int | None
    allowed: int
    acted: int

    @property
    def shown(self) -> bool:
        """True if the vectors have shown the rule on both sides: it acted in one, and let one pass."""
        return self.acted > 0 and self.allowed > 0

    def to_json(self) -> dict[str, object]:
        """The rule as `policies rehearse --json` prints it."""
        counts = {"denied": self.denied, "allowed": self.allowed, "acted": self.acted}
        return {"pack": self.pack, "rule": self.rule, **counts, "shown": self.shown}


def coverage(pack: str, results: Iterable[Result]) -> tuple[Covered, ...]:
    """What these results have shown of each rule of a pack, in the order of its texts. Raises RulebookRefused if there is no such pack."""
    held = load(pack, Vocabulary.shipped())
    given = tuple(results)
    effects: dict[str, set[str]] = {}
    for _, cells in held.lines:
        effects.setdefault(cells[0].partition("/")[0], set()).add(cells[2])
    return tuple(_covered(pack, rule, given, refuses="deny" in effects.get(rule, ())) for rule in _ids(held.texts))


def _ids(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.partition("/")[0] for text in texts))


def _covered(pack: str, rule: str, results: tuple[Result, ...], *, refuses: bool) -> Covered:
    permitted = sum(result.got != "deny" for result in results)
    acted = sum(rule in result.rules for result in results)
    if not refuses:
        return Covered(pack, rule, None, permitted, acted)
    denied = sum(rule in result.rules and result.got == "deny" for result in results)
    return Covered(pack, rule, denied, permitted, denied)
