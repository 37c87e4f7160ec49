"""Requests at random, near enough to the rules that every kind of answer comes up. Seeded: the same seed, the same requests."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from policies.facts import Facts
from policies.vocabulary import Vocabulary

MOMENTS = [
    datetime(2020, 6, 9, 12, tzinfo=UTC),
    datetime(2020, 12, 1, tzinfo=UTC),
    datetime(2021, 6, 1, tzinfo=UTC),
    datetime(2024, 5, 1, tzinfo=UTC),
]
MOMENTS += [datetime(2026, 11, 22, 10, tzinfo=UTC)] * 4 + [datetime(2028, 1, 10, tzinfo=UTC)]
PLACES = [
    "US-WA",
    "US-WA-SEATTLE",
    "US-IL",
    "US-MD",
    "US-OR-PORTLAND",
    "US-VA",
    "US-ME",
    "US-MA",
    "US-VT",
    "US-MI-DETROIT",
    "US-CA",
    "US",
    "FR",
    "DE",
    "GB",
    None,
]
EVIDENCE = [
    "bias_test_audited",
    "training_current",
    "public_disclosure",
    "fria",
    "eu_registered",
    "national_rbi_law",
    "dpia",
    "accountability_report",
]
EVIDENCE += [
    "operational_test",
    "independent_test_api",
    "policy_published",
    "public_retention_policy",
    "psed",
    "alternative_method",
    "legal_basis_law",
]
CONTEXT = ["protected_activity", "urgent", "automated_decision", "sole_basis", "no_fallback", "own_device"]


def requests(seed: int, count: int) -> Iterator[tuple[Facts, str]]:
    """Yield facts and the kind of question (request or release)."""
    dice = random.Random(seed)
    words = Vocabulary.shipped()
    for _ in range(count):
        request = _request(dice, words)
        asked = f"{request['purpose']}:{request['operation']}"
        granted = [asked, f"{request['purpose']}:live_identify"] if dice.random() < 0.9 else ["access_control:verify"]
        yield Facts.from_json(request, at=dice.choice(MOMENTS), licence=granted), dice.choice(["request", "request", "release"])


def _request(dice: random.Random, words: Vocabulary) -> dict[str, object]:
    some = dice.random
    place = dice.choice(PLACES)
    purpose = dice.choice(list(words.purposes)) if some() < 0.6 else "missing_person"
    operation = dice.choice(list(words.operations)) if some() < 0.5 else dice.choice(["identify", "verify"])
    client = {"kind": dice.choice(list(words.clients)), "place": place or "US"}
    if some() < 0.15:
        client["acts_for"] = dice.choice(list(words.clients))
    request: dict[str, object] = {"client": client, "operation": operation, "purpose": purpose, "place": place, "capture": _capture(dice)}
    request |= _people_and_case(dice, words)
    if some() < 0.5:
        request["authorisations"] = [_paper(dice, words, purpose, operation, place) for _ in range(dice.choice([1, 1, 2]))]
    if some() < 0.6:
        request["review"] = {"reviewers": dice.choice([["a"], ["a", "b"], ["a", "a"], []]), "trained": some() < 0.9}
    request["evidence"] = {name: some() < 0.85 for name in EVIDENCE if some() < 0.8}
    request["context"] = {name: True for name in CONTEXT if some() < 0.12}
    request["context"] |= {"selection_basis": ["race"]} if some() < 0.05 else {}
    request["context"] |= {"content": dice.choice(["professional", "user_generated"])} if some() < 0.3 else {}
    request["consent"] = {"type": dice.choice(["explicit", "written_release", "none"])}
    request["vendor_approval"] = {"status": "approved", "use_case": purpose} if some() < 0.6 else {}
    request["threshold_pct"] = dice.choice([90, 99, 99.5, None])
    return request


def _people_and_case(dice: random.Random, words: Vocabulary) -> dict[str, object]:
    some = dice.random
    parts: dict[str, object] = {}
    if some() < 0.85:
        parts["target"] = {
            "kind": "specific_person" if some() < 0.7 else dice.choice(sorted(words.words("target"))),
            "role": dice.choice(["missing", "victim", "suspect", None]),
            "minor": dice.choice([True, False, None]),
            "apprehended": dice.choice([True, None]),
        }
    if some() < 0.8:
        parts["case"] = {
            "ref": "C-1",
            "suspicion": dice.choice(sorted(words.words("suspicion"))),
            "imminent_threat": dice.choice([True, None]),
            "offence": dice.choice(["murder", "theft"]),
            "annex_ii": some() < 0.5,
            "max_penalty_years": dice.choice([2, 4, 10]),
        }
    if some() < 0.8:
        parts["gallery"] = {
            "id": dice.choice(["g", "celebrities", "clearview"]),
            "provenance": dice.choice(sorted(words.words("provenance"))),
        }
    return parts


def _capture(dice: random.Random) -> dict[str, object]:
    if dice.random() < 0.6:
        return {"source": "upload", "device": "none", "space": "none", "age_s": 86400, "subject_involved": dice.random() < 0.2}
    return {
        "source": dice.choice(["live_feed", "recorded_video", "upload", "cctv_bulk", "web_scrape"]),
        "device": dice.choice(["fixed", "body_worn", "none", None]),
        "space": dice.choice(["public", "public_accommodation", "private", "workplace", None]),
        "age_s": dice.choice([0, 20, 3600, 3601, 864000, None]),
        "subject_involved": dice.choice([True, False, None]),
    }


def _paper(dice: random.Random, words: Vocabulary, purpose: str, operation: str, place: str | None) -> dict[str, object]:
    begins = dice.choice(MOMENTS) - timedelta(days=dice.choice([0, 1, 400]))
    return {
        "type": dice.choice(list(words.authorisations)),
        "issuer": dice.choice(["court", "legislature", "independent_admin_authority"]),
        "place": dice.choice([place, place, "US", "FR"]),
        "status": "granted" if dice.random() < 0.8 else dice.choice(["requested", "rejected", "revoked"]),
        "valid_from": begins.isoformat(),
        "valid_to": (
            begins + timedelta(days=dice.choice([30, 3000, 3000, 3000]) if dice.random() < 0.95 else timedelta(0).days)
        ).isoformat(),
        "purpose": purpose if dice.random() < 0.9 else "missing_person",
        "operation": dice.choice([operation, operation, "live_identify"]),
        "case_ref": dice.choice([None, "C-1", "C-2"]),
    }
