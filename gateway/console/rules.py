"""Say rules in words: what a rulebook answers to each purpose of each kind of client, and each rule as a sentence. Decides nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from policies.conditions import bind
from policies.rulebook import Rulebook
from policies.rules import ANY, Rule
from policies.vocabulary import Vocabulary

# From the strictest: what a cell of the matrix may say.
STANDS = ("never", "closed", "partly", "conditions", "licence")


@dataclass(frozen=True, slots=True)
class When:
    """One condition of a rule: whether it must hold or must not, what it says, and how rules write it."""

    wanted: bool
    sentence: str
    token: str


@dataclass(frozen=True, slots=True)
class RuleCard:
    """One rule for people, and as the rows that Casbin holds."""

    rule: Rule
    when: tuple[When, ...]
    casbin: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Where one kind of client stands with one purpose, and the rules that meet it."""

    stand: str
    allows: tuple[Rule, ...]
    denies: tuple[Rule, ...]
    obliges: tuple[Rule, ...]
    dues: tuple[Rule, ...]


def cell(rulebook: Rulebook, purpose: str, client: str) -> Cell:
    """Return what the rulebook has for one purpose and one kind of client."""
    met = [rule for rule in rulebook.rules if _meets(rule.purposes, purpose) and _meets(rule.clients, client)]
    allows, denies, obliges, dues = (tuple(rule for rule in met if rule.effect == effect) for effect in ("allow", "deny", "oblige", "due"))
    return Cell(_stand(allows, denies, obliges), allows, denies, obliges, dues)


def _stand(allows: tuple[Rule, ...], denies: tuple[Rule, ...], obliges: tuple[Rule, ...]) -> str:
    always = [rule for rule in denies if not rule.when and rule.place == "*"]
    if any(rule.operations == ANY for rule in always):
        return "never"
    if not allows:
        return "closed"
    # A rule for every purpose of every client says nothing about this one.
    own = [rule for rule in (*denies, *obliges) if (rule.purposes, rule.clients) != (ANY, ANY)]
    if any(rule in own for rule in always):
        return "partly"
    return "conditions" if own else "licence"


def card(rule: Rule, words: Vocabulary) -> RuleCard:
    """Return a rule as people read it."""
    when = tuple(When(term.wanted, bind(term.token, words).sentence, term.token) for term in rule.when)
    rows = product(rule.clients, rule.purposes, rule.operations)
    casbin = tuple(
        f"p, {rule.row}, {rule.pack}, {client}, {purpose}, {operation}, {rule.place}, {rule.condition or 'always'}, {rule.effect}"
        for client, purpose, operation in rows
    )
    return RuleCard(rule, when, casbin)


def cards(rules: Iterable[Rule], words: Vocabulary) -> list[RuleCard]:
    """Return rules as people read them, those of the packs first that say most about this very case."""
    return [
        card(rule, words) for rule in sorted(rules, key=lambda rule: ((rule.purposes, rule.clients) == (ANY, ANY), rule.pack, rule.row))
    ]


def _meets(named: tuple[str, ...], word: str) -> bool:
    return named == ANY or word in named
