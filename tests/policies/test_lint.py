"""Every fault of a draft at once, each with its line, its name and what to write instead; and nothing is called wrong that is not."""

import pytest

from policies.lint import clean, lint, lint_pack, rows_of
from policies.packs import SHIPPED, names
from policies.rulebook import build
from policies.rules import COLUMNS

HEADER = ",".join((*COLUMNS, "sentence", "source"))


def own(**columns):
    return {"rule": "OWN-1", "effect": "deny", "purpose": "sale", "sentence": "A rule of our own.", **columns}


def found(*rows, **more):
    return {(finding.line, finding.code) for finding in lint(rows, **more)}


@pytest.mark.parametrize("pack", names())
def test_no_pack_that_ships_has_an_error(pack):
    findings = lint_pack(pack, SHIPPED)
    assert clean(findings), findings
    assert {finding.code for finding in findings} <= {"allow-without-end", "shadowed-rule", "duplicate-rule"}


@pytest.mark.parametrize(
    ("change", "code", "mend"),
    [
        ({"effect": "Deny"}, "unknown-word", "deny"),
        ({"effect": "allow ", "purpose": "mass_surveilance", "to": "2027-01-01"}, "unknown-word", "mass_surveillance"),
        ({"client": "polices"}, "unknown-word", "police"),
        ({"operation": "Identify"}, "unknown-word", "identify"),
        ({"on": "requests"}, "unknown-word", "request"),
        ({"place": "XX"}, "unknown-place", "ISO 3166"),
        ({"place": "US-ZZ"}, "unknown-place", "ISO 3166"),
        ({"when": "livee"}, "unknown-condition", "live"),
        ({"when": "gallery:scrapped"}, "unknown-literal", "scraped"),
        ({"when": "similarity_at_least:many"}, "unknown-literal", "number"),
        ({"when": "similarity_at_least"}, "unknown-literal", "similarity_at_least:NUMBER"),
        ({"when": "live & & minor"}, "empty-condition", "&"),
        ({"when": "live | minor"}, "unknown-literal", "&"),
        ({"when": "option:early_adopt"}, "unknown-option", "pack.toml"),
        ({"purpose": "$exempt_purposes"}, "unknown-option", "pack.toml"),
        ({"from": "tomorrow"}, "not-a-date", "2026-07-01"),
        ({"to": "2026-02-30"}, "not-a-date", "2026-07-01"),
        ({"from": "2027-01-01", "to": "2026-01-01"}, "dates-reversed", "after"),
        ({"rule": "own one"}, "rule-id", "AMZ-5"),
        ({"effect": "oblige", "obligations": "human_reviews:2"}, "unknown-obligation", "human_review"),
        ({"effect": "oblige", "obligations": "human_review"}, "unknown-obligation", "people"),
        ({"effect": "oblige"}, "rule-refused", "last cell"),
        ({"obligations": "log_use"}, "rule-refused", "refusal"),
        ({"sentence": " "}, "no-sentence", "sentence"),
        ({"colour": "red"}, "unknown-column", "columns"),
        ({"purpose": 5}, "not-text", "text"),
        ({"purpose": "sale|-sale"}, "meets-nobody", "about"),
        ({"effect": "allow", "purpose": "*", "to": "2027-01-01"}, "wildcard-purpose", "Name the purposes"),
        ({"effect": "allow", "purpose": "*|-sale", "to": "2027-01-01"}, "wildcard-purpose", "Name the purposes"),
        ({"effect": "allow", "purpose": "wanted_person"}, "allow-without-end", "`to`"),
        ({"effect": "allow", "purpose": "mass_surveillance", "to": "2027-01-01"}, "rule-refused", "Drop it"),
        ({"purpose": "s\u0430le"}, "look-alike-letter", "Type it again"),
        ({"purpose": "\uff53ale"}, "look-alike-letter", "Type it again"),
        ({"when": "l\u0456ve"}, "look-alike-letter", "Type it again"),
        ({"purpose": "sale\u200b"}, "invisible-letter", "Delete"),
        ({"sentence": "Not\u202e here."}, "bidirectional-letter", "Delete"),
        ({"sentence": "Not\u2066 here."}, "bidirectional-letter", "Delete"),
        ({"client": "company\np, police_local"}, "invisible-letter", "Delete"),
    ],
)
def test_each_fault_is_named_with_its_mend_and_is_an_error(change, code, mend):
    (finding,) = [entry for entry in lint([own(), own(rule="OWN-2", purpose="disclosure") | change]) if entry.line == 2]
    assert finding.code == code
    assert finding.severity == "error"
    assert mend in finding.mend
    assert finding.sentence


def test_every_fault_of_every_line_is_found_at_once():
    rows = [own(effect="Deny", purpose="salle", when="livee & gallery:scrapped"), own(), own(client="compani")]
    assert found(*rows) == {
        (1, "unknown-word"),
        (1, "unknown-condition"),
        (1, "unknown-literal"),
        (3, "unknown-word"),
    }


def test_a_text_is_linted_line_by_line_with_the_lines_of_the_file():
    text = "\n".join(
        [
            "# our rules",
            HEADER,
            "OWN-1, request, deny, *, sale, *, *, , , , , No sale., Our charter",
            "",
            "OWN-2, request, deny, *, sale",
            'OWN-3, request, deny, *,"sale, *, *, , , , , x, y',
            "OWN-4, request, deny, *, salle, *, *, , , , , No sale., ",
        ]
    )
    assert [(finding.line, finding.code) for finding in lint(text)] == [(5, "cell-count"), (6, "not-csv"), (7, "unknown-word")]
    assert [finding.code for finding in lint("rule,effect\nOWN-1,deny")] == ["header"]
    assert [finding.code for finding in lint("")] == ["header"]


def test_own_rules_as_text_are_the_rows_that_a_rulebook_is_built_of():
    rows = rows_of(f"{HEADER}\nOWN-1, request, deny, company, sale, *, FR, , , , , No sale., Our charter\n")
    (rule,) = [rule for rule in build(["baseline"], own_rules=rows).rules if rule.pack == "own"]
    assert (rule.clients, rule.place, rule.sentence, rule.source) == (("company",), "FR", "No sale.", "Our charter")


@pytest.mark.parametrize(
    "when",
    [
        "minor & adult",
        "specific_person & untargeted",
        "gallery:scraped & gallery:synthetic|consented",
        "since:2027-01-01 & before:2026-01-01",
        "evidence_at_least:score=5 & evidence:score",
        "at_release & reviewed:2 & !reviewed:1",
        "match_alone & !context:sole_basis & !context_denied:independent_evidence",
        "live & subject_involved",
        "drone_target & !authorised",
        "similarity_at_least:99 & !similarity_at_least:90",
        "suspicion_at_least:probable_cause & !suspicion_at_least:reasonable_suspicion",
        "client_place:US-WA & !client_place:US",
        "case_reference & !case_reference",
    ],
)
def test_conditions_that_can_never_hold_together_are_found(when):
    assert found(own(when=when)) == {(1, "never-applies")}


def test_a_rule_that_can_never_apply_where_it_stands_is_found():
    assert found(own(purpose="missing_person", place="FR", when="place_open_to:FR")) == {(1, "never-applies")}
    assert found(own(operation="identify", when="live")) == {(1, "never-applies")}
    assert found(own(client="company", purpose="sale", when="police_work")) == {(1, "never-applies")}


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ({"client": "police"}, {"client": "police_local"}),
        ({"place": "US"}, {"place": "US-WA"}),
        ({"place": "EU"}, {"place": "FR"}),
        ({}, {"when": "minor"}),
        ({"when": "!similarity_at_least:99"}, {"when": "!similarity_at_least:90"}),
        ({"when": "!authorisation:court_order"}, {"when": "!authorised"}),
        ({"when": "context_is:effect=adverse|neutral"}, {"when": "context_is:effect=adverse"}),
        ({"when": "untargeted"}, {"when": "target:group"}),
        ({"purpose": "victims"}, {"purpose": "missing_person", "operation": "search"}),
    ],
)
def test_a_rule_that_another_one_shadows_is_found_whichever_comes_first(wide, narrow):
    one, two = own(rule="OWN-1", **wide), own(rule="OWN-2", **narrow)
    assert found(one, two) == {(2, "shadowed-rule")}
    assert found(two, one) == {(1, "shadowed-rule")}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"client": "police"}, {"client": "company"}),
        ({"when": "minor"}, {"when": "adult"}),
        ({"when": "!similarity_at_least:90"}, {"when": "!similarity_at_least:99", "client": "company"}),
        ({"place": "US-WA"}, {"place": "US"}),
        ({"effect": "oblige", "obligations": "log_use"}, {"effect": "oblige", "obligations": "human_review:1", "client": "company"}),
    ],
)
def test_rules_that_each_say_something_of_their_own_are_left_alone(one, two):
    findings = found(own(rule="OWN-1", **one), own(rule="OWN-2", **two))
    assert findings == ({(1, "shadowed-rule")} if one == {"place": "US-WA"} else set())


def test_the_same_rule_twice_is_found_in_whatever_order_its_words_come():
    one, two = own(client="company|media", when="minor & live"), own(rule="OWN-2", client="media|company", when="live & minor")
    assert found(one, two) == {(2, "duplicate-rule")}


def test_an_allow_that_denies_overrule_is_contradictory_together_or_with_the_rules_beside_it():
    allow = own(effect="allow", purpose="wanted_person", operation="emotion", to="2027-01-01")
    assert found(allow) == set()
    assert found(allow, beside=build(["baseline"]).rules) == {(1, "contradictory-rules")}
    allow = own(effect="allow", purpose="wanted_person", to="2027-01-01")
    minors, others = own(rule="OWN-2", purpose="wanted_person", when="minor"), own(rule="OWN-3", purpose="wanted_person", when="!minor")
    assert found(allow, minors) == set()
    assert found(allow, minors, others) == {(1, "contradictory-rules")}


def test_what_is_found_to_be_wrong_says_with_which_line():
    (finding,) = lint([own(), own(rule="OWN-2", client="company")])
    assert "line 1 (OWN-1)" in finding.sentence
    assert finding.to_json()["severity"] == "warning"


@pytest.mark.parametrize(
    "rubbish", ["\x00", "a" * 100_000, "\ud800", ",\n" * 30, '"', "rule,rule\n", "\ufeff" + HEADER, HEADER + "\n" + "é" * 5]
)
def test_rubbish_is_findings_and_never_an_exception(rubbish):
    assert isinstance(lint(rubbish), tuple)


def test_a_pack_whose_manifest_cannot_be_read_is_one_finding_of_the_whole(tmp_path):
    folder = tmp_path / "us-xx-1"
    folder.mkdir()
    (folder / "pack.toml").write_text("name = 5")
    (folder / "policy.csv").write_text(",".join(COLUMNS))
    assert [(finding.line, finding.code) for finding in lint_pack("us-xx-1", tmp_path)] == [(0, "pack-unavailable")]
    assert [finding.code for finding in lint_pack("us-xx-2", tmp_path)] == ["unreadable"]
