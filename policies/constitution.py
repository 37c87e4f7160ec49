"""Hold a rulebook against what no rulebook may lack: the licence frame and the baseline, in the words of this version.
Never asks who approved it: a rulebook that was slipped in is refused like one that was voted for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.errors import RulebookRefused
from policies.rulebook import Rulebook, build
from policies.vocabulary import Vocabulary

BASELINE: Final = "baseline"
# The least and the most that an operator may set. A shorter live window would let a fresh picture pass as an old one, an older
# quorum would vouch for a log that is long past; a longer live window only refuses more.
BOUNDS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({"live_window_s": (3600, 30 * 86400), "witness_window_s": (1, 900)})
_MEND: Final = "Build it with this version's packs, the baseline among them, and have it approved."


def require(rulebook: Rulebook) -> None:
    """Return if the rulebook keeps the constitution; otherwise raise RulebookRefused (constitution-broken) saying what it lacks.

    A digest shows that a text is the one that was named; only this shows that the text still refuses what nothing may open."""
    if rulebook.words.table != Vocabulary.shipped().table:
        raise _broken("Its vocabulary is not that of this version.")
    if not rulebook.means_the_same:
        raise _broken("Its conditions had another meaning when it was built.")
    for name, (least, most) in BOUNDS.items():
        value = getattr(rulebook.settings, name)
        if type(value) is not int or not least <= value <= most:
            raise _broken(f"Its {name} is {value!r}; it may be {least} to {most}.")
    for pack in rulebook.packs:
        opened = {purpose for value in pack.options.values() if isinstance(value, tuple) for purpose in value}
        never = sorted(name for name in opened if rulebook.words.purposes[name].default == "never")
        if never:
            raise _broken(f"An option of {pack.name} names {never[0]}, which nothing may open.")
    missing = set(build((BASELINE,)).rules) - set(rulebook.rules)
    if missing:
        raise _broken(f"It lacks {', '.join(sorted({rule.rule for rule in missing}))} of the baseline or of the licence frame.")


def _broken(sentence: str) -> RulebookRefused:
    return RulebookRefused("rulebook", 0, sentence, _MEND, code="constitution-broken")
