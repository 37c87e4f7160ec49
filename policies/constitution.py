"""Hold a rulebook against what no rulebook may lack: the licence frame and the baseline, in the words of this version.
Never asks who approved it: a rulebook that was slipped in is refused like one that was voted for."""

from typing import Final

from policies.errors import RulebookRefused
from policies.rulebook import Rulebook, build
from policies.vocabulary import Vocabulary

BASELINE: Final = "baseline"
_MEND: Final = "Build it with this version's packs, the baseline among them, and have it approved."


def require(rulebook: Rulebook) -> None:
    """Return if the rulebook keeps the constitution; otherwise raise RulebookRefused (constitution-broken) saying what it lacks.

    A digest shows that a text is the one that was named; only this shows that the text still refuses what nothing may open."""
    if rulebook.words.table != Vocabulary.shipped().table:
        raise _broken("Its vocabulary is not that of this version.")
    if not rulebook.means_the_same:
        raise _broken("Its conditions had another meaning when it was built.")
    missing = set(build((BASELINE,)).rules) - set(rulebook.rules)
    if missing:
        raise _broken(f"It lacks {', '.join(sorted({rule.rule for rule in missing}))} of the baseline or of the licence frame.")


def _broken(sentence: str) -> RulebookRefused:
    return RulebookRefused("rulebook", 0, sentence, _MEND, code="constitution-broken")
