"""What every page of the console keeps to: words in each language, a policy that lets nothing in, marked-up text from nobody."""

import re
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe

from gateway.console.audit import KINDS
from gateway.console.language import load_languages
from gateway.console.pages import SECTIONS
from gateway.console.rulepages import VIEWS
from gateway.registry.staff import ROLES
from policies.vocabulary import Vocabulary

CONSOLE = Path(__file__).parents[2] / "gateway" / "console"
ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"
BLANK = re.compile(r"\{(\w+)\}")


def test_every_language_has_every_sentence_with_the_same_blanks():
    languages = load_languages()
    assert set(languages) == {"en", "fr"}
    english = languages["en"].sentences
    for language in languages.values():
        assert set(language.sentences) == set(english)
        for key, sentence in language.sentences.items():
            assert set(BLANK.findall(sentence)) == set(BLANK.findall(english[key])), key


def test_every_sentence_that_a_template_or_module_names_exists_and_every_one_that_exists_is_named():
    sources = "\n".join(file.read_text("utf-8") for file in [*CONSOLE.glob("templates/*.html"), *CONSOLE.glob("*.py")])
    words = set(load_languages()["en"].sentences)
    named = set(re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", sources)) & words | set(
        re.findall(r"""\bt\(["']([a-z_]+\.[a-z_]+)["'](?! ~)""", sources)
    )
    prefixes = tuple(set(re.findall(r"""["']([a-z_]+\.[a-z_]*)["'] ~""", sources)) | {"role.", "language."})
    assert named <= words, named - words
    assert {word for word in words - named if not word.startswith(prefixes)} == set()


def test_every_role_that_somebody_can_hold_has_its_word():
    for language in load_languages().values():
        assert {f"role.{role}" for role in ROLES} <= set(language.sentences)


def test_each_kind_of_entry_can_be_asked_for_and_is_said_in_words():
    table = ARCHITECTURE.read_text("utf-8").partition("## The entries of the log")[2].partition("## What always holds")[0]
    kinds = set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE))
    assert set(KINDS) == kinds
    assert {name.partition(".")[2] for name in load_languages()["fr"].sentences if name.startswith("kind.")} == kinds


def test_each_purpose_and_each_kind_of_client_has_a_name_in_each_language():
    words = Vocabulary.shipped()
    for language in load_languages().values():
        named = set(language.sentences)
        assert {f"purpose.{purpose}" for purpose in words.purposes} == {name for name in named if name.startswith("purpose.")}
        assert {f"kind_of_client.{client}" for client in words.clients} == {name for name in named if name.startswith("kind_of_client.")}


def test_no_page_may_load_run_or_send_anything_but_its_own(site, signed_in):
    web, _token = signed_in("cy")
    for path in ("/console", "/console/audit", "/console/audit/entries/0", "/console/sign-in"):
        answer = web.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", answer.text), path


def test_an_asset_is_kept_for_ever_under_an_address_that_changes_with_it(site):
    with httpx2.Client(base_url=site.url, timeout=60) as web:
        page = web.get("/console/sign-in").text
        address = re.search(r'href="(/console/assets/\w+/console.css)"', page)[1]
        assert "immutable" in web.get(address).headers["cache-control"]
        assert web.get("/console/assets/0000/console.css").status_code == 404


def test_the_readers_language_is_the_chosen_one_or_else_the_browsers(site):
    with httpx2.Client(base_url=site.url, headers={"accept-language": "de, fr;q=0.8"}, timeout=60) as web:
        assert 'lang="fr"' in web.get("/console/sign-in").text
        web.post("/console/preferences", data={"language": "en", "back": "/console/sign-in"})
        assert '<html lang="en"' in web.get("/console/sign-in").text


MORE = (
    "/console/audit/entries/0",
    "/console/audit?since=yesterday",
    "/console/policies?client=ngo_victim",
    "/console/policies/cells/missing_person/ngo_victim",
    "/console/policies/packs/vendor-amazon",
    "/console/policies/try",
    "/console/policies/drafts",
    "/console/clients/reunite",
    "/console/cases/reunite/MP-2026-0142",
    "/console/sign-in",
)


@pytest.mark.parametrize(("theme", "width", "language"), [("light", 1280, "en-GB"), ("dark", 400, "fr-FR")])
def test_no_page_has_a_serious_fault_for_people_who_cannot_see_or_point(site, visitor, theme, width, language):
    page = visitor("cy", viewport={"width": width, "height": 900}, color_scheme=theme, locale=language)
    seen = [path for path, _key, roles in SECTIONS if not roles or "auditor" in roles]
    rule = next(rule for rule in site.house.bench.judge().rulebook.rules if rule.when)
    tabs = [f"/console/policies/rule?{urlencode({'pack': rule.pack, 'row': rule.row, 'view': view})}" for view in VIEWS[:2]]
    for path in [*seen, *MORE, *tabs]:
        assert page.goto(site.url + path).status in (200, 422), path
        faults = [fault for fault in Axe().run(page).response["violations"] if fault["impact"] in ("serious", "critical")]
        assert faults == [], (path, [(fault["id"], [node["html"] for node in fault["nodes"]][:3]) for fault in faults])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {width} px"


def test_the_first_key_pressed_leads_past_the_sections_and_what_has_the_focus_is_seen(site, visitor):
    page = visitor("cy", reduced_motion="reduce")
    page.goto(f"{site.url}/console/audit")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "f-kind"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('button')).transitionDuration)") == 0
