"""Read an ODRL 2.2 policy as the terms of a licence, exactly or not at all. Knows no database and fetches no context.

Whatever the policy says that our licences cannot say is refused by name: to drop a duty or a prohibition would make the licence
wider than the document that somebody signed."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.clock import iso
from gateway.registry.errors import Malformed
from gateway.registry.fields import Words, moment
from gateway.registry.odrl import CLIENT, GALLERY, KINDS, LICENCE, ODRL_CONTEXT, OWN_GALLERIES, PREFIXES, PROFILE, UNITS, OdrlRefused
from gateway.registry.terms import OWN, Terms

POLICY_MEMBERS = {"@context", "@type", "uid", "profile", "conflict", "assigner", "assignee", "permission"}
RULE_MEMBERS = {"action", "target", "constraint", "assigner", "assignee"}
CONSTRAINT_MEMBERS = {"uid", "leftOperand", "operator", "rightOperand", "unit"}
INEXPRESSIBLE = {"prohibition", "obligation", "duty", "remedy", "consequence", "inheritFrom", "refinement", "and", "andSequence", "xone"}
SIMILARITY = re.compile(r"\d{1,3}(\.\d{1,17})?", re.ASCII)
INSTANT = timedelta(microseconds=1)  # the resolution of our clock: `gt T` is `gteq T + INSTANT`, exactly


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """What a policy says: its uid, for which client (None if it names none of ours), and the terms."""

    uid: str
    client_id: str | None
    terms: Terms


@dataclass(slots=True)
class _Rule:
    """One permission taken apart. `limits` is what all permissions of one licence have in common."""

    operation: str | None
    purposes: list[str]
    thresholds: dict[str, float]
    limits: dict[str, Any]


def read_policy(document: object, words: Words, dpv: Mapping[str, str]) -> ReadPolicy:
    """Return the terms of a policy. A DPV purpose is accepted where exactly one of our purposes maps to it.

    Raises OdrlRefused with the code and the place, and nothing else."""
    policy = _object("policy", document, POLICY_MEMBERS)
    _check_frame(policy)
    rules = [_rule(f"permission[{n}]", rule, words, dpv) for n, rule in enumerate(_several(policy.get("permission", [])))]
    granting = [rule for rule in rules if rule.operation is not None]
    if not granting:
        raise OdrlRefused("nothing", "permission", "must hold at least one permission to do something.")
    for n, rule in enumerate(rules):
        if rule.limits != rules[0].limits:
            raise OdrlRefused("uneven", f"permission[{n}]", "has another target, place, time or count than the first; write two licences.")
    thresholds = _thresholds(rules)
    grants = sorted({f"{purpose}:{rule.operation}" for rule in granting for purpose in rule.purposes})
    try:
        members = {**rules[0].limits, "grants": grants, "thresholds": thresholds, "may_sublicense": len(granting) < len(rules)}
        terms = Terms.from_json(members, words)
    except Malformed as refused:
        raise OdrlRefused("value", refused.field, "has a value that no licence can have.") from None
    uid, assignee = _text("uid", policy.get("uid")), policy.get("assignee")
    client = assignee.removeprefix(CLIENT) if isinstance(assignee, str) and assignee.startswith(CLIENT) else None
    return ReadPolicy(uid.removeprefix(LICENCE), client, terms)


def _check_frame(policy: Mapping[str, Any]) -> None:
    contexts = _several(policy.get("@context"))
    if not any(context in (ODRL_CONTEXT, ODRL_CONTEXT.replace("http:", "https:")) for context in contexts):
        raise OdrlRefused("context", "@context", f"must name {ODRL_CONTEXT}.")
    for context in contexts:
        bound = context if isinstance(context, Mapping) else {}
        if any(bound.get(prefix, address) != address for prefix, address in PREFIXES.items()) or not isinstance(context, str | Mapping):
            raise OdrlRefused("context", "@context", "gives one of our prefixes another meaning.")
        if isinstance(context, str) and context.removeprefix("https:").removeprefix("http:") != ODRL_CONTEXT.removeprefix("http:"):
            raise OdrlRefused("context", "@context", "names a context that is not known here; nothing is fetched.")
    if _term(policy.get("@type")) not in {*KINDS.values(), "Set", "Offer"}:
        raise OdrlRefused("type", "@type", "must be Agreement, Request, Offer or Set.")
    if policy.get("profile", PROFILE) != PROFILE:
        raise OdrlRefused("profile", "profile", f"must be {PROFILE}, or absent.")
    if _term(policy.get("conflict")) != "prohibit":
        raise OdrlRefused("conflict", "conflict", "must be `prohibit`: without it a conflict would be left to the reader.")
    for party in ("assigner", "assignee"):
        if not isinstance(policy.get(party, ""), str):
            raise OdrlRefused("party", party, "must be one party, given by its address alone.")


def _rule(where: str, given: object, words: Words, dpv: Mapping[str, str]) -> _Rule:
    rule = _object(where, given, RULE_MEMBERS)
    if "assigner" in rule or "assignee" in rule:
        raise OdrlRefused("party", where, "names parties of its own; name them once, for the whole policy.")
    action = _term(rule.get("action"))
    operation = None if action == "grantUse" else _ours(f"{where}.action", action, words.operations)
    read = _Rule(operation, [], {}, {"galleries": _galleries(f"{where}.target", rule.get("target", []))})
    for at, constraint in _constraints(f"{where}.constraint", rule.get("constraint", [])):
        _read_constraint(at, constraint, read, words, dpv)
    if operation is not None and not read.purposes:
        raise OdrlRefused("missing", where, "has no purpose; a licence for any purpose is not given.")
    for member in ("places", "valid_from", "valid_to", "quota_day", "quota_case"):
        if member not in read.limits:
            raise OdrlRefused("missing", where, f"does not limit `{member}`; a licence without that limit is not given.")
    return read


def _constraints(where: str, given: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for n, item in enumerate(_several(given)):
        yield f"{where}[{n}]", _object(f"{where}[{n}]", item, {*CONSTRAINT_MEMBERS, "or"})


def _read_constraint(where: str, given: Mapping[str, Any], read: _Rule, words: Words, dpv: Mapping[str, str]) -> None:
    if "or" in given:
        parts = given["or"].get("@list") if isinstance(given["or"], Mapping) else given["or"]
        if given.keys() != {"or"} or not isinstance(parts, list) or not parts:
            raise OdrlRefused("malformed", where, "must hold `or` with a list of constraints, and nothing else.")
        places = [_place(at, part) for at, part in _constraints(f"{where}.or", parts)]
        _once(where, read.limits, "places", sorted(places))
        return
    operand, operator = _term(given.get("leftOperand")), _term(given.get("operator"))
    readers: Mapping[str, Callable[[], None]] = {
        "purpose": lambda: _read_purposes(where, given, operator, read, words, dpv),
        "spatial": lambda: _once(where, read.limits, "places", [_place(where, given)]),
        "dateTime": lambda: _read_time(where, given, operator, read),
        "count": lambda: _read_count(where, given, operator, read),
        "custodes:similarity": lambda: _read_similarity(where, given, operator, read, words),
    }
    if operand not in readers:
        raise OdrlRefused("operand", where, f"limits by {str(operand)[:60]!r}; a licence can limit by {', '.join(sorted(readers))}.")
    readers[operand]()


def _read_purposes(where: str, given: Mapping[str, Any], operator: str, read: _Rule, words: Words, dpv: Mapping[str, str]) -> None:
    _operator(where, operator, {"eq", "isAnyOf"})
    named = _several(given.get("rightOperand"))
    if read.purposes or not named or (operator == "eq" and len(named) != 1):
        raise OdrlRefused("value", where, "must name the purposes once, in one list.")
    read.purposes.extend(_purpose(where, _term(item), words, dpv) for item in named)


def _purpose(where: str, term: str, words: Words, dpv: Mapping[str, str]) -> str:
    if term.startswith("custodes:"):
        return _ours(where, term, words.purposes, "purpose")
    meant = sorted(purpose for purpose, nearest in dpv.items() if nearest == term and purpose in words.purposes)
    if not meant:
        raise OdrlRefused("purpose", where, f"names the purpose {term[:60]!r}, which is not known here.")
    if len(meant) > 1:
        raise OdrlRefused("purpose-ambiguous", where, f"names {term}, which may be {' or '.join(meant)}; name the one that is meant.")
    return meant[0]


def _place(where: str, given: Mapping[str, Any]) -> str:
    if _term(given.get("leftOperand")) != "spatial":
        raise OdrlRefused("inexpressible", where, "is an alternative of something else than places.")
    _operator(where, _term(given.get("operator")), {"isPartOf"})
    return _text(where, _value(given.get("rightOperand")))


def _read_time(where: str, given: Mapping[str, Any], operator: str, read: _Rule) -> None:
    _operator(where, operator, {"gteq", "gt", "lt", "lteq"})
    try:
        at: datetime = moment("rightOperand", _value(given.get("rightOperand"))) + (INSTANT if operator in {"gt", "lteq"} else timedelta(0))
    except (Malformed, OverflowError):
        raise OdrlRefused("value", where, "must be a time with its zone, such as 2026-11-23T10:00:00Z.") from None
    _once(where, read.limits, "valid_from" if operator in {"gteq", "gt"} else "valid_to", iso(at))


def _read_count(where: str, given: Mapping[str, Any], operator: str, read: _Rule) -> None:
    _operator(where, operator, {"lteq"})
    quotas = [quota for quota, unit in UNITS.items() if unit == given.get("unit")]
    if not quotas:
        raise OdrlRefused("count-unit", where, f"must count by {' or '.join(UNITS.values())}; other counts are not kept here.")
    text = str(_value(given.get("rightOperand")))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise OdrlRefused("value", where, "must be a whole number of at most nine digits.")
    _once(where, read.limits, quotas[0], int(text))


def _read_similarity(where: str, given: Mapping[str, Any], operator: str, read: _Rule, words: Words) -> None:
    _operator(where, operator, {"gteq"})
    unit = given.get("unit")
    operation = read.operation if unit is None else _ours(where, unit, words.operations)
    text = str(_value(given.get("rightOperand")))
    if operation is None or operation in read.thresholds or not SIMILARITY.fullmatch(text) or float(text) > 100:
        raise OdrlRefused("value", where, "must be one similarity from 0 to 100 for one operation.")
    read.thresholds[operation] = float(text)


def _thresholds(rules: list[_Rule]) -> dict[str, float]:
    found: dict[str, float] = {}
    for n, rule in enumerate(rules):
        for operation, least in rule.thresholds.items():
            if found.setdefault(operation, least) != least:
                raise OdrlRefused("uneven", f"permission[{n}]", f"asks another similarity for {operation} than an earlier one.")
    return found


def _galleries(where: str, given: object) -> list[str]:
    names = []
    for item in _several(given):
        if item == OWN_GALLERIES:
            names.append(OWN)
        elif isinstance(item, str) and item.startswith(GALLERY):
            names.append(item.removeprefix(GALLERY))
        else:
            raise OdrlRefused("target", where, f"must name galleries ({GALLERY}…) or {OWN_GALLERIES}.")
    return sorted(names)


def _once(where: str, limits: dict[str, Any], member: str, value: object) -> None:
    if member in limits:
        raise OdrlRefused("inexpressible", where, f"limits `{member}` a second time.")
    limits[member] = value


def _operator(where: str, operator: str, known: set[str]) -> None:
    if operator not in known:
        raise OdrlRefused("operator", where, f"uses the operator {operator[:40]!r}; known for this operand: {', '.join(sorted(known))}.")


def _ours(where: str, term: object, known: frozenset[str], noun: str = "action") -> str:
    word = term.removeprefix("custodes:") if isinstance(term, str) and term.startswith("custodes:") else ""
    if word not in known:
        raise OdrlRefused(noun, where, f"names the {noun} {str(term)[:60]!r}, which is not known here.")
    return word


def _object(where: str, given: object, members: set[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise OdrlRefused("malformed", where, "must be an object.")
    found = {{"type": "@type", "@id": "uid"}.get(name, name): value for name, value in given.items() if isinstance(name, str)}
    found = {name.removeprefix("odrl:"): value for name, value in found.items()}
    if len(found) != len(given):
        raise OdrlRefused("malformed", where, "gives one member under two names.")
    for name in found:
        if name in INEXPRESSIBLE - members:
            raise OdrlRefused("inexpressible", f"{where}.{name}", "is something that no licence here can say.")
        if name not in members:
            raise OdrlRefused("member", f"{where}.{name[:60]}", "is not known here.")
    return found


def _several(given: object) -> list[Any]:
    return given if isinstance(given, list) else [] if given is None else [given]


def _value(given: object) -> object:
    return given.get("@value") if isinstance(given, Mapping) else given


def _term(given: object) -> str:
    named = given.get("@id") if isinstance(given, Mapping) else given
    return named.removeprefix("odrl:") if isinstance(named, str) else ""


def _text(where: str, given: object) -> str:
    if not isinstance(given, str) or not given or len(given) > 512:
        raise OdrlRefused("malformed", where, "must be a text.")
    return given
