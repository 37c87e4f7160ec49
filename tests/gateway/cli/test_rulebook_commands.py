"""`policies lint`, `prove`, `diff`, `compare`: what they print, how they end, and bad input as one sentence."""

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.policies import app
from policies.rulebook import build
from policies.rules import COLUMNS

HEADER = ",".join((*COLUMNS, "sentence", "source"))
DRAFT = """
packs = ["baseline", "vendor-amazon"]
[options.vendor-amazon]
federal_police = false
[[own_rules]]
rule = "OWN-1"
effect = "allow"
purpose = "retail_watchlist"
to = "2027-01-01"
sentence = "Watchlists, for a year."
"""
CHILD = {
    "client": {"kind": "police_local", "place": "US-WA"},
    "operation": "identify",
    "capture": {"source": "upload", "device": "none", "age_s": 86400},
    "purpose": "missing_person",
    "target": {"kind": "specific_person", "role": "missing"},
    "case": {"ref": "C-1"},
    "gallery": {"provenance": "missing_person_reports"},
    "place": "US-WA",
    "threshold_pct": 99,
    "evidence": {"bias_test_audited": True},
}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def written(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_lint_names_file_line_code_and_mend_and_ends_with_one_for_errors(written):
    path = written("own.csv", f"{HEADER}\nOWN-1, request, Deny, *, salle, *, *, , , , , No sale., \n")
    ended = run("lint", path)
    assert ended.exit_code == 1
    assert f"{path}:2: error: unknown-word:" in ended.stdout
    assert "Did you mean deny?" in ended.stdout
    assert ended.stdout.rstrip().endswith("2 errors, 0 warnings")
    assert {entry["line"] for entry in json.loads(run("lint", path, "--json").stdout)} == {2}


def test_lint_of_what_is_clean_ends_with_nought(written):
    assert run("lint", written("own.csv", f"{HEADER}\nOWN-1, request, deny, media, retail_watchlist, *, *, , , , , No., \n")).exit_code == 0
    assert run("lint", written("draft.toml", DRAFT)).exit_code == 0
    assert run("lint", "policies/packs/baseline/policy.csv").stdout == "0 errors, 0 warnings\n"


def test_lint_holds_a_drafts_own_rules_against_the_packs_it_enables(written):
    ended = run("lint", written("draft.toml", DRAFT.replace("[[own_rules]]", '[[own_rules]]\noperation = "emotion"')))
    assert (ended.exit_code, "contradictory-rules" in ended.stdout) == (1, True)


def test_prove_ends_with_nought_only_when_everything_is_proved(written):
    assert run("prove", "--json").exit_code == 0
    own = written("never.toml", '[[never]]\nname = "w"\nsentence = "No watchlists."\npurpose = "retail_watchlist"\n')
    ended = run("prove", written("draft.toml", DRAFT), "--properties", own, "--json")
    assert ended.exit_code == 1
    (broken,) = [proof for proof in json.loads(ended.stdout)["proofs"] if proof["outcome"] != "proved"]
    assert (broken["name"], broken["counterexample"]["request"]["purpose"]) == ("w", "retail_watchlist")
    assert "OWN-1 (own)" in run("prove", written("draft.toml", DRAFT), "--properties", own).stdout


def test_prove_and_diff_take_a_rulebook_as_its_stored_text(written):
    text = written("rulebook.json", build(["baseline"]).text())
    assert run("prove", text, "--json").exit_code == 0
    ended = run("diff", "baseline", text)
    assert (ended.exit_code, ended.stdout) == (0, "0 regions change\n")


def test_diff_prints_what_is_newly_allowed_first_with_a_witness(written):
    ended = run("diff", "baseline", written("draft.toml", DRAFT))
    assert ended.exit_code == 1
    assert ended.stdout.startswith("newly-allowed: ")
    assert "retail_watchlist" in ended.stdout
    assert "such as {" in ended.stdout
    report = json.loads(run("diff", "baseline", written("draft.toml", DRAFT), "--most", "1", "--json").stdout)
    assert (len(report["regions"]), report["whole"]) == (1, False)


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "null", "\udc80", "[" * 5000, '{"at": 5}', '{"at": "2026-01-01"}', '{"purpose": 5}'])
def test_compare_of_what_is_no_request_is_one_sentence_and_ends_with_two(tmp_path, content):
    path = tmp_path / "request.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    ended = run("compare", path)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert len(ended.stderr.strip().splitlines()) == 1


def test_compare_reads_a_request_or_a_whole_vector_and_answers_an_unknown_word_as_a_refusal(written):
    one = json.loads(run("compare", written("a.json", json.dumps(CHILD)), "--json").stdout)
    two = json.loads(
        run("compare", written("b.json", json.dumps({"id": "v", "at": "2026-11-22T10:00:00Z", "request": CHILD})), "--json").stdout
    )
    assert (
        [entry["decision"] for entry in one]
        == [entry["decision"] for entry in two]
        == ["permit", "permit", "refusal", "refusal", "refusal"]
    )
    odd = json.loads(run("compare", written("c.json", json.dumps({**CHILD, "purpose": "Missing_Person"})), "--json").stdout)
    assert {entry["decision"] for entry in odd} == {"refusal"}
    assert all("Missing_Person" in entry["why"] for entry in odd)


@pytest.mark.parametrize(
    "arguments",
    [
        ("lint", "nowhere.csv"),
        ("prove", "nowhere"),
        ("prove", "baseline+nowhere"),
        ("diff", "baseline", "nowhere"),
        ("prove", "--properties", "nowhere.toml"),
        ("compare", "nowhere.json"),
        ("rehearse", "nowhere.jsonl"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_ends_with_two(arguments):
    ended = run(*arguments)
    assert ended.exit_code == 2
    assert "nowhere" in ended.stderr
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    "text",
    [
        "packs = 5",
        "packs = []\ncolour = 1",
        "packs = [\n",
        "packs = ['baseline']\nown_rules = [5]",
        "packs = ['baseline']\n[options]\nbaseline = 5",
    ],
)
def test_a_draft_that_is_none_is_refused_whole(written, text):
    for command in (("lint",), ("prove",), ("diff", "baseline")):
        ended = run(*command, written("draft.toml", text))
        assert (ended.exit_code, "rulebook-refused" in ended.stderr) == (2, True)
