"""The frame that every rulebook contains: the licence allows, and doubt about place or papers refuses. Knows no law.

Its ids are rows of LAW.md section 1a that hold whether or not the baseline pack is enabled."""

from collections.abc import Iterable
from typing import Final

from policies.conditions import Term
from policies.packs import Pack
from policies.rules import ANY, Rule
from policies.vocabulary import Vocabulary

PACK: Final = "licence"
_SOURCE: Final = "The client's licence"
FAIL_CLOSED: Final = "Custodes, fail closed"


def rules(packs: Iterable[Pack], words: Vocabulary) -> tuple[Rule, ...]:
    """The frame for these packs: one allow over the purposes that a licence alone opens, and the denies of doubt.

    A pack that says `closes_purposes` (the baseline) leaves the closed purposes to packs with an allow of their own.
    Purposes whose default is `never` are in no allow at all: they cannot be reached, whatever else goes wrong."""
    packs = tuple(packs)
    opened = ("granted",) if any(pack.closes_purposes for pack in packs) else ("granted", "closed")
    granted = tuple(name for name, purpose in words.purposes.items() if purpose.default in opened)
    return (
        _rule("BASE-9", "allow", ("licensed",), _SOURCE, "The client's licence grants this purpose for this operation.", purposes=granted),
        _rule("BASE-4", "deny", ("!licensed",), _SOURCE, "The client's licence does not grant this purpose for this operation."),
        _rule(
            "SYS-3", "deny", ("broken_term",), FAIL_CLOSED, "A document of this request ends before it begins, so its term means nothing."
        ),
        *(_place_rule(pack) for pack in packs if pack.place != "*"),
    )


def _place_rule(pack: Pack) -> Rule:
    terms = [f"place_open_to:{pack.place}"]
    terms += [f"since:{pack.effective_from}"] if pack.effective_from else []
    terms += [f"before:{pack.effective_to}"] if pack.effective_to else []
    sentence = f"The pack {pack.name} holds in {pack.place}, and the request does not say precisely enough where the use takes place."
    return _rule("SYS-2", "deny", tuple(terms), FAIL_CLOSED, sentence, row=f"SYS-2#{pack.name}")


def _rule(
    rule: str, effect: str, when: tuple[str, ...], source: str, sentence: str, *, purposes: tuple[str, ...] = ANY, row: str = ""
) -> Rule:
    terms = tuple(Term(token.removeprefix("!"), not token.startswith("!")) for token in when)
    return Rule(
        rule=rule,
        row=row or f"{rule}#{effect}",
        pack=PACK,
        effect=effect,
        clients=ANY,
        purposes=purposes,
        operations=ANY,
        place="*",
        when=terms,
        asks=(),
        source=source,
        sentence=sentence,
    )
