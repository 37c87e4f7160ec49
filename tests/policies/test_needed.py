"""`needed` is a promise: whoever supplies what a refusal names is permitted, or is told the next thing, and never the same again."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from policies.decision import Permit
from policies.facts import Facts
from policies.judge import Judge
from policies.packs import names
from policies.question import Question
from policies.reading import plain
from policies.rehearsal import Rehearsal, pack_lines, read_vectors
from policies.rulebook import build
from tests.policies.chance import requests

# More steps than any pack has needs in a row.
MOST_STEPS = 12
WATCHLIST = ["wanted_on_warrant"]


def paper(request, facts, kinds, judge):
    """The first kind of document and issuer that would do, for exactly this use, granted and running."""
    types, _, issuers = kinds.partition("@")
    question = Question(facts, "request", judge.rulebook.settings, judge.rulebook.words)
    request.setdefault("authorisations", []).append(
        {
            "type": types.split("|")[0],
            "issuer": issuers.split("|")[0] or "court",
            "place": facts.place,
            "status": "granted",
            "valid_from": plain(facts.at - timedelta(days=1)),
            "valid_to": plain(facts.at + timedelta(days=1)),
            "purpose": facts.purpose,
            "operation": question.operation,
        }
    )


# What one word of `needed` asks for, as members of the request.
PLAIN = {
    "case_reference": {"case": {"ref": "C-1"}},
    "gallery_of_this_case": {"case": {"ref": "C-1"}, "gallery": {"deployment": "C-1"}},
    "closed_watchlist": {"gallery": {"categories": WATCHLIST}},
    "specific_person": {"target": {"kind": "specific_person"}},
    "agency_authorised": {"client": {"agency_authorised": True}},
    "exigent_circumstances": {"context": {"exigent": True}},
    "justification": {"context": {"justification": "because of this case"}},
    "capture": {"capture": {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": False}},
    "place": {"place": "US-CA"},
}


def worded(token):
    """The members that a word with a literal asks for, or None."""
    name, _, literal = token.partition(":")
    word = literal.split("|")[0]
    if token.startswith("human_review_"):
        people = [f"rv-{number}" for number in range(int(token.rpartition("_")[2]))]
        return {"review": {"reviewers": people, "trained": True, "separate": True}}
    if "=" in token:
        measure, _, least = token.partition("=")
        return {"evidence": {measure: float(least)}}
    said = {"consent": {"consent": {"type": word}}, "notice": {"notice": {word: True}}, "route": {"route": {"via": word}}}
    return {"threshold_pct": float(literal)} if name == "threshold_pct" else said.get(name)


def members(facts, token, judge):
    """The members that a word asks for; a bare name is a circumstance or a record, and only the one that a rule asks for is heard."""
    if token == "vendor_approval":
        return {"vendor_approval": {"status": "approved", "use_case": facts.purpose}}
    if token == "witnessed":
        return {"log": {"witnessed_at": plain(facts.at)}}
    if token in judge.rulebook.words.words("suspicion"):
        return {"case": {"suspicion": token}}
    return PLAIN.get(token) or worded(token) or {"context": {token: True}, "evidence": {token: True}}


def supplied(facts, token, judge):
    """The facts with what this word of `needed` asks for, taken literally."""
    request = json.loads(json.dumps(facts.to_json()))
    licence = set(facts.licence)
    if token == "licence":
        question = Question(facts, "request", judge.rulebook.settings, judge.rulebook.words)
        licence.add(f"{facts.purpose}:{question.operation}")
    elif token == "authorisation":
        paper(request, facts, "judicial_warrant@court", judge)
    elif token.partition("@")[0].split("|")[0] in judge.rulebook.words.authorisations:
        paper(request, facts, token, judge)
    else:
        for name, told in members(facts, token, judge).items():
            # A consent, an approval and a review are given anew; to the rest something is added.
            added = isinstance(told, dict) and name not in ("consent", "vendor_approval", "review")
            request[name] = request.get(name, {}) | told if added else told
    return Facts.from_json(request, at=facts.at, licence=licence)


def follow(judge, facts, kind):
    """Supply what is needed until there is an answer that needs nothing more; every step has to lead somewhere."""
    answer = judge.decide(facts, kind)
    for _ in range(MOST_STEPS):
        needed = () if isinstance(answer, Permit) else answer.needed
        if not needed or answer.code.startswith("unknown-") or "opening_pack" in needed:
            return answer
        # A document is for a place, and for an operation that the capture shows.
        for token in sorted(needed, key=lambda token: token not in ("place", "capture")):
            facts = supplied(facts, token, judge)
        after = judge.decide(facts, kind)
        again = set() if isinstance(after, Permit) else set(needed) & set(after.needed)
        assert not again, (again, [reason.rule for reason in answer.reasons], facts.to_record(), kind)
        answer = after
    raise AssertionError(f"no end to what is needed: {facts.to_record()}")


@pytest.mark.parametrize("pack", names())
def test_what_a_refusal_of_a_packs_vectors_needs_leads_on(pack):
    rehearsal = Rehearsal()
    for vector in read_vectors(pack_lines(pack)):
        if vector.kind != "lifecycle" and vector.expect["decision"] == "deny" and not vector.id.startswith("sys-3"):
            follow(rehearsal._judge(vector), rehearsal._facts(vector), vector.kind)


@pytest.mark.parametrize("packs", [["baseline"], list(names()), ["baseline", "eu-ai-act", "eu-gdpr-led"], ["baseline", "us-wa-43.386"]])
def test_what_a_refusal_of_any_request_needs_leads_on_and_often_to_a_permit(packs):
    judge = Judge(build(packs))
    asked = [(facts, kind) for facts, kind in requests(11, 1_500) if getattr(judge.decide(facts, kind), "needed", ())]
    ends = [follow(judge, facts, kind) for facts, kind in asked]
    assert sum(isinstance(end, Permit) for end in ends) >= len(asked) / 8


REQUEST = {"client": {"kind": "police_local", "place": "US-WA"}, "operation": "identify", "purpose": "missing_person"}
REQUEST |= {
    "capture": {"source": "upload", "device": "none", "age_s": 86400},
    "target": {"kind": "specific_person"},
    "case": {"ref": "C-1"},
}


@pytest.mark.parametrize(
    ("packs", "change", "needed"),
    [
        (["us-wa-43.386"], {}, ("place",)),
        (["us-or-portland-34.10"], {"place": "US-OR"}, ("place",)),
        (["baseline"], {"place": "US-WA", "review": {"reviewers": []}}, ("human_review_1",)),
        (["baseline"], {"operation": "track", "place": "US-WA"}, ("authorisation",)),
        (["baseline"], {"operation": "track"}, ("authorisation", "place")),
        (["vendor-amazon"], {"threshold_pct": 99, "evidence": {"training_current": False}}, ("training_current",)),
    ],
)
def test_a_refusal_names_the_place_the_review_and_the_record_that_are_missing(packs, change, needed):
    judge = Judge(build(packs))
    operation = (REQUEST | change)["operation"]
    facts = Facts.from_json(REQUEST | change, at=datetime(2026, 11, 22, tzinfo=UTC), licence=[f"missing_person:{operation}"])
    assert judge.decide(facts).needed == needed


def test_a_default_deny_says_what_keeps_the_nearest_rule_from_applying():
    facts = Facts.from_json(
        REQUEST | {"purpose": "criminal_investigation", "place": "FR", "target": {"kind": "unknown_suspect"}},
        at=datetime(2026, 11, 22, tzinfo=UTC),
        licence=["criminal_investigation:identify"],
    )
    told = Judge(build(["baseline", "eu-ai-act"])).decide(facts)
    assert told.code == "nothing-allows"
    assert told.reasons[0].sentence.endswith("It applies only with since:2027-12-02.")
