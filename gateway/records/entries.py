"""Write what happened as log entries: one function for each kind, each with its openings apart. Never an image, a template or a name."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from gateway.clock import iso
from gateway.records.canonical import storable
from gateway.records.commitments import Record, Veil
from policies.decision import Permit, Refusal
from policies.facts import Facts

VERSION: Final = 1


def intent(
    *,
    at: datetime,
    decision_id: str,
    client: str,
    facts: Facts,
    permit: Permit,
    boot: str,
    order_id: str,
    images: Sequence[str],
    tags: Sequence[str] = (),
    licence: tuple[str, str | None] | None = None,
) -> Record:
    """Record that the engine is about to be woken: written, and durable, before it is.

    `licence` is the id of the one that paid, and the digest of its sealed document, as the entry of its grant has them."""
    veil = Veil()
    entry = _decision("intent", at, decision_id, client, veiled_facts(facts, veil), _permitted(permit), permit.rulebook)
    entry |= {"boot": boot, "order": order_id, "images": [veil.over(f"/images/{n}", digest) for n, digest in enumerate(images)]}
    if licence is not None:
        entry |= {"licence": licence[0], "document_sha256": licence[1]}
    return veil.record(entry | _tagged(tags, veil))


def denial(*, at: datetime, decision_id: str, client: str, facts: Facts, refusal: Refusal, by: str, licence: str | None = None) -> Record:
    """Record that a request was refused and the engine was not woken. `by` is `policy` or `gateway` (register, body, quota).

    `licence` is the id of one whose quota is used up, where that is the reason."""
    veil = Veil()
    entry = _decision("denial", at, decision_id, client, veiled_facts(facts, veil), _refused(refusal, by), refusal.rulebook)
    return veil.record(entry if licence is None else entry | {"licence": licence})


def check(
    *, at: datetime, decision_id: str, client: str, facts: Facts, verdict: Permit | Refusal, by: str, asked_by: str | None = None
) -> Record:
    """Record that somebody asked what the answer to a client would be: the client itself, or a person (veiled)."""
    veil = Veil()
    answer = _permitted(verdict) if isinstance(verdict, Permit) else _refused(verdict, by)
    entry = _decision("check", at, decision_id, client, veiled_facts(facts, veil), answer, verdict.rulebook)
    return veil.record(entry if asked_by is None else entry | {"asked_by": veil.over("/asked_by", asked_by)})


def outcome(
    *,
    at: datetime,
    decision_id: str,
    intent_index: int,
    status: str,
    engine: Mapping[str, object] | None,
    subjects: Sequence[str] = (),
    similarities: Sequence[float] = (),
    tags: Sequence[str] = (),
    more: Mapping[str, object] | None = None,
) -> Record:
    """Record how an intent ended. Subjects are veiled, and so is each one's tag; similarities are written as decimals."""
    veil = Veil()
    entry: dict[str, object] = {
        "v": VERSION,
        "kind": "outcome",
        "at": iso(at),
        "decision_id": decision_id,
        "intent": intent_index,
        "status": status,
    }
    if engine is not None:
        entry["engine"] = dict(engine)
    entry["candidates"] = [
        {"subject": veil.over(f"/candidates/{n}/subject", subject), "similarity": storable(float(similarity))}
        for n, (subject, similarity) in enumerate(zip(subjects, similarities, strict=True))
    ]
    entry |= {name: storable(value) for name, value in (more or {}).items()}
    return veil.record(entry | _tagged(tags, veil))


def abandoned(*, at: datetime, intent_index: int, decision_id: str, why: str) -> Record:
    """Close an intent whose outcome nobody will ever know: a crash, or a log that could not take the outcome."""
    return _plain("abandoned", at, {"intent": intent_index, "decision_id": decision_id, "why": why})


def repeat(*, at: datetime, decision_id: str, client: str, rulebook: str) -> Record:
    """Record that a decision's answer was given out once more, to the same request under its Idempotency-Key."""
    return _plain("repeat", at, {"decision_id": decision_id, "client": client, "rulebook": rulebook})


def route_of(scope: Mapping[str, Any]) -> str:
    """Name a request of the web (its ASGI scope) by its route's template: the path itself may hold what is not for the log, such as a
    case's reference."""
    return str(getattr(scope.get("route"), "path", "no route"))


def authn_denied(*, at: datetime, token_sha256: str | None, why: str, path: str) -> Record:
    """Record a refused authentication: the token only as a hash, its claims not at all."""
    return _plain("authn-denied", at, {"token_sha256": token_sha256, "why": why, "path": path[:200]})


def access_denied(*, at: datetime, by: str, why: str, asked: str) -> Record:
    """Record that somebody known asked for what their role, or their having done the first step themselves, does not allow."""
    veil = Veil()
    return veil.record({"v": VERSION, "kind": "access-denied", "at": iso(at), "by": veil.over("/by", by), "why": why, "asked": asked})


def review(
    *,
    at: datetime,
    decision_id: str,
    reviewer: str,
    act: str,
    more: Mapping[str, object],
    asked: tuple[Facts, Permit | Refusal] | None = None,
) -> Record:
    """Record what a reviewer did (`claimed`, `judged`) or what followed from it (`released`, `withheld`).

    `asked`: what the rules were asked at the end, and what they answered, so that it can be derived again."""
    veil = Veil()
    entry: dict[str, object] = {
        "v": VERSION,
        "kind": "review",
        "at": iso(at),
        "decision_id": decision_id,
        "act": act,
        "reviewer": veil.over("/reviewer", reviewer),
    }
    if asked is not None:
        facts, answer = asked
        answered = _permitted(answer) if isinstance(answer, Permit) else _refused(answer, "policy")
        entry |= {"facts": veiled_facts(facts, veil), "answer": answered}
    return veil.record(entry | {name: storable(value) for name, value in more.items()})


# Members of a change that name, or may name, a person: written as commitments, wherever the change comes from.
VEILED: Final = frozenset({"case_ref", "person", "reason", "subject"})


ChangeKind: TypeAlias = Literal[
    "client-change",
    "staff-change",
    "case-change",
    "licence-change",
    "authorisation",
    "evaluation-change",
    "evidence-change",
    "gallery-change",
    "key-change",
    "policy-change",
    "duty",
    "webhook",
    "restriction",
    "expiry",
]


def change(kind: ChangeKind, *, at: datetime, by: str, act: str, more: Mapping[str, object]) -> Record:
    """Record a change to what the gateway goes by: who may do what, with which papers, keys, galleries and rules.

    `by` is who did it. It is veiled, and so is every member of `more` that VEILED names, where it is text."""
    veil = Veil()
    entry: dict[str, object] = {"v": VERSION, "kind": kind, "at": iso(at), "act": act, "by": veil.over("/by", by)}
    return veil.record(
        entry
        | {
            name: veil.over(f"/{name}", value) if name in VEILED and isinstance(value, str) else storable(value)
            for name, value in more.items()
        }
    )


def tripwire(*, at: datetime, case_ref: str | None, more: Mapping[str, object]) -> Record:
    """Record that conduct did not fit the declared purpose: which wire, which decision, and the refusal that it is linked to."""
    veil = Veil()
    entry: dict[str, object] = {"v": VERSION, "kind": "tripwire", "at": iso(at)} | {name: storable(value) for name, value in more.items()}
    return veil.record(entry if case_ref is None else entry | {"case_ref": veil.over("/case_ref", case_ref)})


def log_read(*, at: datetime, by: str, what: Mapping[str, object], asked: Mapping[str, str]) -> Record:
    """Record that somebody read entries: who (veiled), in what form, and by which filters (a case reference veiled)."""
    veil = Veil()
    filters = {name: veil.over(f"/asked/{name}", value) if name == "case_ref" else value for name, value in asked.items()}
    return veil.record(
        {"v": VERSION, "kind": "log-read", "at": iso(at), "by": veil.over("/by", by), "what": storable(what), "asked": filters}
    )


def erasure(*, at: datetime, by: str, why: str, about: str, entries: int, openings: int, target: str, decision_id: str | None) -> Record:
    """Record that veiled values are about to be destroyed: how many, in how many entries, why (a code), and about what (a word).

    Who asked is veiled. `target` says what an interrupted erasure needs to be done again; its opening is destroyed last."""
    veil = Veil()
    entry: dict[str, object] = {"v": VERSION, "kind": "erasure", "at": iso(at), "by": veil.over("/by", by), "why": why, "about": about}
    entry |= {"entries": entries, "openings": openings, "target": veil.over("/target", target)}
    return veil.record(entry if decision_id is None else entry | {"decision_id": decision_id})


def question(*, at: datetime, by: str, about: str, tag: str, complaint: str, count: int) -> Record:
    """Record that an ombudsman asked whether somebody was searched: who, whom and on which complaint veiled; how many entries say so."""
    veil = Veil()
    entry: dict[str, object] = {"v": VERSION, "kind": "question", "at": iso(at), "by": veil.over("/by", by), "about": about}
    entry |= {"tag": veil.over("/tag", tag), "complaint": veil.over("/complaint", complaint), "count": count}
    return veil.record(entry)


def note(kind: str, *, at: datetime, more: Mapping[str, object]) -> Record:
    """Record an event of the log itself: `genesis`, `heartbeat`, `anchor`."""
    return _plain(kind, at, more)


def veiled_facts(facts: Facts, veil: Veil) -> dict[str, object]:
    """Return the Facts as they are written: case references, reviewers and justifications veiled.

    Equal values stay equal, so `Facts.from_record` and the same rulebook give the same answer from the entry alone."""
    return {name: _veiled(f"/facts/{name}", value, veil) for name, value in facts.to_record().items()}


_PERSONAL: Final = frozenset({"ref", "case_ref", "justification", "reviewers"})


def _veiled(path: str, value: object, veil: Veil, personal: bool = False) -> object:
    # to_record() answers with plain dicts and lists, and most of what they hold is left as it is.
    if isinstance(value, dict):
        return {
            name: _veiled(f"{path}/{name}", member, veil, name in _PERSONAL)
            if name in _PERSONAL or isinstance(member, dict | list)
            else member
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [_veiled(f"{path}/{n}", item, veil, personal) for n, item in enumerate(value)]
    return veil.over(path, value) if personal and isinstance(value, str) else value


def _tagged(tags: Sequence[str], veil: Veil) -> dict[str, object]:
    """Return the commitments to the tags of those whom an entry concerns, for the questions of an ombudsman."""
    return {"tags": [veil.over(f"/tags/{n}", tag) for n, tag in enumerate(tags)]} if tags else {}


def _decision(
    kind: str, at: datetime, decision_id: str, client: str, facts: Mapping[str, object], answer: Mapping[str, object], rulebook: str
) -> dict[str, object]:
    return {
        "v": VERSION,
        "kind": kind,
        "at": iso(at),
        "decision_id": decision_id,
        "client": client,
        "rulebook": rulebook,
        "facts": facts,
        "answer": answer,
    }


def _permitted(permit: Permit) -> dict[str, object]:
    return {
        "decision": "permit",
        "rules": sorted({reason.rule for reason in permit.rules}),
        "obligations": sorted(obligation.slug for obligation in permit.obligations),
    }


def _refused(refusal: Refusal, by: str) -> dict[str, object]:
    return {
        "decision": "refusal",
        "by": by,
        "code": refusal.code,
        "rules": sorted({reason.rule for reason in refusal.reasons}),
        "needed": sorted(refusal.needed),
    }


def _plain(kind: str, at: datetime, more: Mapping[str, object]) -> Record:
    return Veil().record({"v": VERSION, "kind": kind, "at": iso(at)} | {name: storable(value) for name, value in more.items()})
