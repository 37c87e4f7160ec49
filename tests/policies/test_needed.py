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


def part(request, name):
    """A section of the request that can be added to."""
    return request.setdefault(name, {})


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


def supplied(facts, token, judge):  # noqa: C901 - one branch for each word
    """The facts with what this word of `needed` asks for, taken literally."""
    request = json.loads(json.dumps(facts.to_json()))
    licence = set(facts.licence)
    name, _, literal = token.partition(":")
    word = literal.split("|")[0]
    if token == "licence":
        question = Question(facts, "request", judge.rulebook.settings, judge.rulebook.words)
        licence.add(f"{facts.purpose}:{question.operation}")
    elif token == "case_reference":
        part(request, "case")["ref"] = "C-1"
    elif token == "gallery_of_this_case":
        part(request, "gallery")["deployment"] = part(request, "case").setdefault("ref", "C-1")
    elif token == "closed_watchlist":
        part(request, "gallery")["categories"] = WATCHLIST
    elif token == "specific_person":
        part(request, "target")["kind"] = "specific_person"
    elif token == "agency_authorised":
        part(request, "client")["agency_authorised"] = True
    elif token == "vendor_approval":
        request["vendor_approval"] = {"status": "approved", "use_case": facts.purpose}
    elif token == "place":
        request["place"] = "US-CA"
    elif token == "capture":
        request["capture"] = {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": False}
    elif token == "witnessed":
        request["log"] = {"witnessed_at": plain(facts.at)}
    elif token == "authorisation":
        paper(request, facts, "judicial_warrant@court", judge)
    elif token.partition("@")[0].split("|")[0] in judge.rulebook.words.authorisations:
        paper(request, facts, token, judge)
    elif token.startswith("human_review_"):
        people = [f"rv-{number}" for number in range(int(token.rpartition("_")[2]))]
        request["review"] = {"reviewers": people, "trained": True, "separate": True}
    elif token in judge.rulebook.words.words("suspicion"):
        part(request, "case")["suspicion"] = token
    elif name == "consent":
        request["consent"] = {"type": word}
    elif name == "notice":
        part(request, "notice")[word] = True
    elif name == "route":
        request["route"] = {"via": word}
    elif name == "threshold_pct":
        request["threshold_pct"] = float(literal)
    elif token == "exigent_circumstances":
        part(request, "context")["exigent"] = True
    elif "=" in token:
        measure, _, least = token.partition("=")
        part(request, "evidence")[measure] = float(least)
    elif token == "justification":
        part(request, "context")[token] = "because of this case"
    else:
        # A circumstance and a record go by their bare names: only the one that a rule asks for is heard.
        part(request, "context")[token] = True
        part(request, "evidence")[token] = True
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
