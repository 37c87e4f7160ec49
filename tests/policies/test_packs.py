"""Every pack that is shipped: it loads, its own vectors pass, and each of its rules is seen to bite and seen to let pass."""

import json
import shutil

import pytest

from policies.conditions import CONDITIONS
from policies.errors import RulebookRefused
from policies.packs import SHIPPED, load, names
from policies.rehearsal import pack_lines, rehearse
from policies.rulebook import build
from policies.vocabulary import Vocabulary

ROOT = SHIPPED.parents[1]
WORDS = Vocabulary.shipped()


@pytest.fixture(scope="session", params=names())
def pack(request):
    return request.param


def test_a_packs_own_vectors_pass(pack):
    assert [f"{result.id}: {'; '.join(result.wrong)}" for result in rehearse(pack_lines(pack)) if not result.passed] == []


def test_each_rule_of_a_pack_is_seen_to_bite_and_seen_to_let_pass(pack):
    rules = {rule.partition("/")[0] for rule in load(pack, WORDS).texts}
    results = rehearse(pack_lines(pack))
    kinds = {rule.rule: {held.effect for held in build([pack]).rules if held.rule == rule.rule} for rule in build([pack]).rules}
    for rule in rules:
        seen = [result for result in results if rule in result.rules]
        if kinds.get(rule, set()) & {"deny"}:
            assert any(result.got == "deny" for result in seen), f"{rule} never refuses"
            assert any(result.got != "deny" for result in results if rule not in result.rules or result.got != "deny"), (
                f"nothing passes {rule}"
            )
        else:
            assert seen, f"{rule} is never seen"
        assert any(rule not in result.rules for result in results), f"{rule} is never silent"


def test_a_pack_says_in_plain_words_why_and_that_it_is_no_legal_advice(pack):
    why = (SHIPPED / pack / "WHY.md").read_text(encoding="utf-8")
    assert why.startswith(f"# {pack}")
    assert "ot legal advice" in why


def test_a_pack_names_its_sources(pack):
    assert load(pack, WORDS).sources


def test_every_text_of_a_pack_is_used_by_a_rule_and_every_rule_has_a_row_of_the_law_table(pack):
    held = load(pack, WORDS)
    used = {cells[0] for _, cells in held.lines}
    assert {rule for rule in held.texts if rule not in used and not any(row.startswith(f"{rule}/") for row in used)} == set()


def test_the_guide_lists_every_condition_as_it_is():
    guide = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8")
    for condition in CONDITIONS.values():
        shape = f"{condition.name}:{condition.literal.shape}" if condition.literal else condition.name
        line = f"| `{shape}` | {condition.sentence} |".replace("|…", "\\|…")
        assert line in guide, f"docs/packs.md, Conditions: add {line}"


def test_the_guide_lists_no_condition_that_is_gone():
    guide = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8").partition("## Conditions")[2]
    listed = [line.split("`")[1].partition(":")[0] for line in guide.splitlines() if line.startswith("| `")]
    assert sorted(listed) == sorted(CONDITIONS)


def test_no_two_modules_define_a_condition_of_the_same_name():
    from policies import conditions

    every = [condition.name for subject in conditions._SUBJECTS for condition in subject.CONDITIONS]
    assert len(every) == len(set(every)) == len(CONDITIONS)


@pytest.fixture
def copied(tmp_path):
    """A pack of our own to spoil: change(old, new) edits its policy.csv or pack.toml and returns the folder."""

    def change(file, old, new):
        shutil.copytree(SHIPPED / "vendor-ibm-exit", tmp_path / "vendor-ibm-exit")
        path = tmp_path / "vendor-ibm-exit" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return tmp_path

    return change


ROW = "IBM-4, request, deny,   *,      *,       comparison|analysis|export_templates, *,     ,     ,     ,"


@pytest.mark.parametrize(
    ("new", "mend"),
    [
        (ROW.replace("deny", "Deny"), "Write allow, deny, oblige, due exactly so."),
        (ROW.replace("deny", "block"), "exactly so"),
        (ROW.replace("request,", "Request,"), "exactly so"),
        (ROW.replace("comparison|analysis|export_templates", "compare"), "vocabulary.toml"),
        (ROW.replace("*,      *,", "police_lokal,      *,"), "vocabulary.toml"),
        (ROW.replace("*,     ,     ,     ,", "Washington,     ,     ,     ,"), "ISO 3166"),
        (ROW.replace("*,     ,     ,     ,", "*,  gallery:Scraped,  ,     ,"), "'Scraped' is not one of"),
        (ROW.replace("*,     ,     ,     ,", "*,  no_such_condition,  ,     ,"), "docs/packs.md"),
        (ROW.replace("*,     ,     ,     ,", "*,  live & !live,  ,     ,"), "drop it"),
        (ROW.replace("*,     ,     ,     ,", "*,  live or untargeted,  ,     ,"), "joined by &"),
        (ROW.replace("*,     ,     ,     ,", "*,  live:1,  ,     ,"), "Write live"),
        (ROW.replace("*,     ,     ,     ,", "*,  evidence,  ,     ,"), "Write evidence:NAME"),
        (ROW.replace("*,     ,     ,     ,", "*,  ,  soon,     ,"), "2026-07-01"),
        (ROW + " notice", "Drop them"),
        (ROW.replace("deny", "oblige"), "last cell"),
        (ROW.replace("deny", "oblige") + " human_review", "human_review:<people>"),
        (ROW.replace("deny", "oblige") + " coffee", "Use one of"),
        (ROW.replace("deny", "due") + " stop_use", "Write both, or neither"),
        (ROW.replace("request, deny", "lifecycle, due") + " stop_everything", "Use one of"),
        (ROW.replace("deny", "allow"), "Name the purposes"),
        (ROW.replace("deny,   *,      *,", "allow,   *,      *|-sale,"), "Drop it"),
        (ROW.replace("deny,   *,      *,", "allow,   *,      mass_surveillance,"), "Drop it"),
        (ROW.replace("IBM-4", "IBM-5"), "pack.toml"),
        (ROW.replace("IBM-4", "ibm 4"), "such as AMZ-5"),
        (ROW + ",", "A rule has 11"),
        (ROW.replace("IBM-4", '"IBM-4'), "quotation marks"),
        (ROW.replace("analysis", "аnalysis"), "look-alike"),
    ],
)
def test_a_line_that_does_not_hold_together_refuses_the_pack_whole_with_its_line_and_its_mend(copied, new, mend):
    with pytest.raises(RulebookRefused) as refused:
        load("vendor-ibm-exit", WORDS, copied("policy.csv", ROW, new))
    assert refused.value.line == 2
    assert mend in refused.value.sentence
    assert refused.value.code == "pack-unavailable"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"in_force"', '"valid"'),
        ('mark = "T"', 'mark = "X"'),
        ("effective_from = 2020-06-08", 'effective_from = "2020-06-08"'),
        ("verified_on", "checked_on"),
        ('name = "vendor-ibm-exit"', 'name = "baseline"'),
        ("[[sources]]", "[[sources]"),
        ('sentence = "IBM', 'text = "IBM'),
        ("status =", 'place = "Europe"\nstatus ='),
    ],
)
def test_a_manifest_that_is_not_as_the_guide_says_refuses_the_pack(copied, old, new):
    with pytest.raises(RulebookRefused) as refused:
        load("vendor-ibm-exit", WORDS, copied("pack.toml", old, new))
    assert refused.value.code == "pack-unavailable"


@pytest.mark.parametrize("name", ["no-such-pack", "", "..", "../packs/baseline", "BASELINE", "baseline\n", "a" * 1000])
def test_a_pack_that_is_not_there_cannot_be_loaded_by_any_spelling(name):
    with pytest.raises(RulebookRefused):
        load(name, WORDS)


@pytest.mark.parametrize(
    "options", [{"federal_police": "yes"}, {"exempt_purposes": "missing_person"}, {"exempt_purposes": ["x"]}, {"early_adopt": True}]
)
def test_an_option_that_the_pack_does_not_have_or_of_the_wrong_form_is_refused(options):
    with pytest.raises(RulebookRefused):
        build(["vendor-amazon"], {"vendor-amazon": options})


def test_no_vector_id_is_used_by_two_packs():
    ids = [json.loads(line)["id"] for name in names() for line in pack_lines(name)]
    assert len(ids) == len(set(ids))
