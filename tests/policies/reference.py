"""A second, slow judge, written from docs/packs.md alone: it reads a rulebook's text and walks every rule.

It shares the condition functions with the real one, and nothing else: no index, no masks, no Casbin, no memory."""

import json

from policies.conditions import bind
from policies.decision import Permit
from policies.question import Question, Settings
from policies.vocabulary import Vocabulary

STRICTER = {"max": max, "min": min}


class Reference:
    def __init__(self, text: str) -> None:
        book = json.loads(text)
        self.rules, self.settings = book["rules"], Settings(**book["settings"])
        self.words, self.table = Vocabulary(book["vocabulary"]), book["vocabulary"]
        self.bound = {}
        for rule in self.rules:
            rule |= {part: frozenset(rule[part]) for part in ("clients", "purposes", "operations")}
            rule["terms"] = [part.strip() for part in rule["when"].split("&") if part.strip()]

    def decide(self, facts, kind):
        """Return ("deny", rule ids, None) or ("allow", rule ids, {obligation: parameter})."""
        if not self.spoken_plainly(facts):
            return "deny", None, None
        question = Question(facts, kind, self.settings, self.words)
        capacities = {facts.client.kind, facts.client.acts_for or facts.client.kind}
        met = [(rule, capacities & rule["clients"] or capacities) for rule in self.rules if self.meets(rule, question, capacities)]
        denies = {(rule["pack"], rule["rule"]) for rule, _ in met if rule["effect"] == "deny"}
        if denies:
            return "deny", denies, None
        allowed = set().union(*(who for rule, who in met if rule["effect"] == "allow"), set())
        if allowed < capacities:
            return "deny", None, None
        spoken = [rule for rule, _ in met if rule["effect"] in ("allow", "oblige")]
        return "allow", {(rule["pack"], rule["rule"]) for rule in spoken}, self.owed(spoken)

    def meets(self, rule, question, capacities):
        facts = question.facts
        return (
            ("*" in rule["purposes"] or facts.purpose in rule["purposes"])
            and ("*" in rule["operations"] or question.operation in rule["operations"])
            and ("*" in rule["clients"] or not capacities.isdisjoint(rule["clients"]))
            and self.contains(rule["place"], facts.place)
            and all(self.holds(part, question) for part in rule["terms"])
        )

    def contains(self, area, place):
        if area == "*":
            return True
        members = self.table["places"]["groups"].get(area)
        return place is not None and (place.split("-")[0] in members.split() if members else f"{place}-".startswith(f"{area}-"))

    def holds(self, part, question):
        token = part.lstrip("!")
        if token not in self.bound:
            self.bound[token] = bind(token, self.words)
        bound = self.bound[token]
        return bound.test(question, *bound.arguments) != part.startswith("!")

    def owed(self, rules):
        owed = {}
        for name, _, value in (ask.partition(":") for rule in rules for ask in rule["asks"]):
            pick = STRICTER.get(self.table["obligations"][name].get("stricter"), max)
            owed[name] = pick(owed.get(name, int(value)), int(value)) if value else None
        return owed

    def spoken_plainly(self, facts):
        known = self.table
        return (
            facts.client.kind in known["clients"]
            and (facts.client.acts_for is None or facts.client.acts_for in known["clients"])
            and facts.purpose in known["purposes"]
            and facts.operation in known["operations"]
        )


def told(answer):
    """What the real judge answered, in the words of the second."""
    if isinstance(answer, Permit):
        owed = {duty.kind: next(iter(duty.parameters.values()), None) for duty in answer.obligations}
        return "allow", {(entry.pack, entry.rule) for entry in answer.rules}, owed
    return "deny", {(entry.pack, entry.rule) for entry in answer.reasons}, None
