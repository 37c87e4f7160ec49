"""Places: a parent contains its children, and a doubt about the place of use is a refusal."""

import pytest

from policies.conditions import bind
from policies.judge import Judge
from policies.places import areas_of, inside, known_place
from policies.question import Question, Settings
from policies.rulebook import Rulebook, build
from policies.vocabulary import Vocabulary

WORDS = Vocabulary.shipped()


@pytest.mark.parametrize(
    ("place", "area", "expected"),
    [
        ("US-WA", "US-WA", True),
        ("US-WA-SEATTLE", "US-WA", True),
        ("US-WA", "US", True),
        ("US", "US-WA", False),
        ("US-OR-PORTLAND", "US-OR-PORT", False),
        ("FR", "EU", True),
        ("FR-75", "EU", True),
        ("GB", "EU", False),
        ("FR", "*", True),
        ("", "*", True),
        ("", "US", False),
        ("", "EU", False),
    ],
)
def test_a_place_lies_inside_what_contains_it(place, area, expected):
    assert inside(place, area, WORDS) is expected
    assert (area in areas_of(place, WORDS)) is expected


@pytest.mark.parametrize("place", ["US", "US-WA", "US-OR-PORTLAND", "FR", "FR-75", "GB-ENG", "GB-ENG-LONDON"])
def test_a_place_of_iso_3166_is_known(place):
    assert known_place(place, WORDS)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "U",
        "USA",
        "us",
        "ZZ",
        "EU",
        "US-",
        "US-W",
        "US-ZZ",
        "US-WASHINGTON",
        "GB-LON",
        "US-WA-",
        "US-WA-sea",
        "US-WA-A-B",
        "*",
        "US-WA\n",
    ],
)
def test_a_place_that_is_none_is_not(place):
    assert not known_place(place, WORDS)


@pytest.fixture
def bound(tmp_path):
    """A pack that holds in Washington alone, from July 2021 until July 2026."""
    folder = tmp_path / "us-test"
    folder.mkdir()
    (folder / "pack.toml").write_text(
        'name = "us-test"\ntitle = "x"\nstatus = "in_force"\nverified_on = 2026-11-22\n'
        "effective_from = 2021-07-01\neffective_to = 2026-07-01\n"
        'place = "US-WA"\nsources = []\n[rules.TEST-1]\nsource = "x"\nmark = "R"\nsentence = "No police here."\n',
        encoding="utf-8",
    )
    header = "rule,on,effect,client,purpose,operation,place,when,from,to,obligations"
    (folder / "policy.csv").write_text(f"{header}\nTEST-1,request,deny,police,*,*,*,,,,\n", encoding="utf-8")
    return Judge(Rulebook.from_text(build(["us-test"], folder=tmp_path).text()))


def answer(judge, facts, place, at="2024-01-01"):
    from datetime import UTC, datetime

    request = facts(client={"kind": "police_local", "place": "US-WA"}, place=place, at=datetime.fromisoformat(at).replace(tzinfo=UTC))
    held = judge.decide(request)
    return {reason.rule for reason in held.reasons} if held.decision == "deny" else "silent"


def test_a_pack_is_silent_outside_its_place_and_dates(bound, facts):
    assert answer(bound, facts, "US-WA") == answer(bound, facts, "US-WA-SEATTLE") == {"TEST-1"}
    assert answer(bound, facts, "US-OR") == answer(bound, facts, "FR") == "silent"
    assert answer(bound, facts, "US-WA", "2021-06-30T23:59:59") == answer(bound, facts, "US-WA", "2026-07-01") == "silent"
    assert answer(bound, facts, "US-WA", "2021-07-01") == answer(bound, facts, "US-WA", "2026-06-30T23:59:59") == {"TEST-1"}


def test_no_place_or_one_too_coarse_to_tell_is_refused_while_the_pack_acts(bound, facts):
    assert answer(bound, facts, None) == answer(bound, facts, "US") == {"SYS-2"}
    assert answer(bound, facts, None, "2020-01-01") == answer(bound, facts, "US", "2027-01-01") == "silent"


PAPER = {
    "type": "judicial_authorisation",
    "issuer": "court",
    "status": "granted",
    "valid_from": "2026-11-20T00:00:00Z",
    "valid_to": "2026-12-20T00:00:00Z",
    "purpose": "missing_person",
    "operation": "identify",
}


@pytest.mark.parametrize(
    ("paper", "place", "counts"),
    [
        ("FR", "FR", True),
        ("US", "US-WA", True),
        ("US-OR", "US-OR-PORTLAND", True),
        ("EU", "FR", False),
        ("*", "FR", False),
        ("US-WA", "US", False),
        ("US-W", "US-WA", False),
        ("FR", "DE", False),
        ("", "FR", False),
        (None, "FR", False),
    ],
)
def test_a_paper_covers_its_place_and_the_parts_of_it_and_no_group_of_countries(facts, paper, place, counts):
    words = Vocabulary.shipped()
    question = Question(facts(place=place, authorisations=[{**PAPER, "place": paper}]), "request", Settings(), words)
    assert bind("authorised", words).ask(question) is counts
