"""An auditor in the browser: finds a refusal, verifies it, and sees an altered row turn red."""

import base64
import json
import sqlite3
import zipfile
from contextlib import closing

import pytest

from gateway.audit.note import Cosigner, NoteSigner
from tests.stories.town import LIVE, POLICE


def refused(site):
    """Let the police ask for what nobody may have; return the index of the refusal's entry."""

    async def ask(town):
        return await town.search(POLICE, purpose="mass_surveillance", capture=LIVE)

    return site.town(ask).json()["log_index"]


def test_an_auditor_finds_a_refusal_by_filters_and_verifies_it_in_the_browser(site, visitor):
    index = refused(site)
    page = visitor("cy")
    page.goto(f"{site.url}/console/audit")
    page.select_option("#f-decision", "refusal")
    page.fill("#f-client", POLICE)
    page.click("text=Find")
    assert f"client={POLICE}" in page.url
    page.click(f"th a:text-is('{index}')")
    page.click("#verify button")
    page.wait_for_selector("#verify .verdict.good")
    assert page.locator("#verify .steps .bad").count() == 0
    assert page.locator("#verify .steps .good").count() >= 4


def key_change(site) -> int:
    """Return where the log's key was changed: its entries before stand in a tree whose heads another key signed then."""
    log = site.house.log
    return next(index for index in range(log.size) if json.loads(log.entry(index))["kind"] == "key-change")


def test_entries_from_before_and_after_the_logs_key_was_changed_verify_green_in_one_browser(site, visitor):
    changed = key_change(site)
    assert 0 < changed < site.house.log.size - 1
    page = visitor("cy")
    for index in (changed - 1, changed, changed + 1, refused(site)):
        page.goto(f"{site.url}/console/audit/entries/{index}")
        page.click("#verify button")
        page.wait_for_selector("#verify .verdict.good")
        assert page.locator("#verify .steps .bad").count() == 0
    # The key that the page verifies by is the one that the change leads to.
    assert page.get_attribute("#verify", "data-key") == json.loads(site.house.log.entry(changed))["new"]


@pytest.mark.parametrize("before_the_key_change", [True, False])
def test_a_row_that_an_insider_altered_turns_red(site, visitor, before_the_key_change):
    index, word = (0, b"genesis") if before_the_key_change else (refused(site), b"mass_surveillance")
    page = visitor("cy")
    database = site.house.settings.home.audit / "log.sqlite"
    with closing(sqlite3.connect(database)) as insider, insider:
        size, bundle = insider.execute("SELECT size, bundle FROM batches WHERE size > ? ORDER BY size LIMIT 1", (index,)).fetchone()
        altered = bundle.replace(word, word[::-1])
        assert altered != bundle
        insider.execute("UPDATE batches SET bundle = ? WHERE size = ?", (altered, size))
    try:
        page.goto(f"{site.url}/console/audit/entries/{index}")
        page.click("#verify button")
        page.wait_for_selector("#verify .verdict.bad")
    finally:
        with closing(sqlite3.connect(database)) as insider, insider:
            insider.execute("UPDATE batches SET bundle = ? WHERE size = ?", (bundle, size))


def test_the_browser_checks_what_a_witness_signed_and_takes_no_other_time_or_key_for_it(site, visitor):
    page = visitor("cy")
    log, witness, other = NoteSigner.generate("log.example"), Cosigner.generate("witness.example"), Cosigner.generate("witness.example")
    text = f"log.example\n1\n{base64.b64encode(bytes(32)).decode()}\n"
    lines = [log.sign(text), witness.cosign(text, 1_700_000_000)]
    note = text + "\n" + "".join(f"{line.line()}" for line in lines)
    altered = note.replace(lines[1].line(), other.cosign(text, 1_700_000_000).line())
    ask = """async ([script, note, log, witness]) => {
        const { openCheckpoint, verifierKey, cosigners } = await import(script);
        try {
            const head = await openCheckpoint(note, await verifierKey(log));
            return await cosigners(head, [await verifierKey(witness, 4)]);
        } catch (fault) { return fault.message; }
    }"""
    script = page.locator("script[type=module]").get_attribute("src").replace("console.js", "log.js")
    keys = [log.key.text(), witness.key.text()]
    assert page.evaluate(ask, [script, note, *keys]) == [{"name": "witness.example", "at": "2023-11-14T22:13:20.000Z"}]
    # Another key under the same name is a stranger; the right key's id over another signature is a lie.
    assert page.evaluate(ask, [script, altered, *keys]) == [{"name": "witness.example", "at": None}]
    blob = base64.b64decode(lines[1].line().split()[-1])
    later = base64.b64encode(blob[:4] + (1_800_000_000).to_bytes(8, "big") + blob[12:]).decode()
    lied = note.replace(lines[1].line().split()[-1], later)
    assert "witness.example is wrong" in page.evaluate(ask, [script, lied, *keys])


def test_a_browser_that_remembers_a_longer_log_says_so(site, visitor):
    page = visitor("cy")
    page.wait_for_selector("#head .verdict.good")
    page.evaluate("localStorage['custodes-heads'] = JSON.stringify({'custodes.local/log': {size: 99999, root: '00'}})")
    page.reload()
    page.wait_for_selector("#head .verdict.bad")
    assert "99999" in page.inner_text("#head .verdict")


def test_a_browser_that_remembers_another_history_says_so(site, visitor):
    page = visitor("cy")
    page.wait_for_selector("#head .verdict.good")
    page.evaluate("localStorage['custodes-heads'] = JSON.stringify({'custodes.local/log': {size: 5, root: 'ab'.repeat(32)}})")
    page.reload()
    page.wait_for_selector("#head .verdict.bad")


def test_each_page_of_the_log_that_is_read_is_an_entry_itself(site, signed_in):
    web, _token = signed_in("cy")
    web.get("/console/audit?kind=denial")
    assert site.entries("log-read")[-1]["asked"] == {"kind": "denial"}
    web.get("/console/audit/entries/0")
    assert site.entries("log-read")[-1]["what"] == {"console": True, "entry": 0}


def test_a_malformed_filter_is_said_beside_its_field_and_what_was_typed_stays(site, signed_in):
    web, _token = signed_in("cy")
    answer = web.get("/console/audit?since=yesterday&client=reunite")
    assert answer.status_code == 422
    assert 'id="wrong-since"' in answer.text
    assert 'value="yesterday"' in answer.text and 'value="reunite"' in answer.text


def test_an_entry_that_does_not_exist_is_a_page_that_says_so(site, signed_in):
    web, _token = signed_in("cy")
    for path in ("/console/audit/entries/99999999", "/console/audit/entries/x", "/console/audit/entries/-1"):
        assert web.get(path).status_code in (404, 422)


def test_text_from_people_stays_text(site, signed_in):
    web, _token = signed_in("cy")
    page = web.get("/console").text
    assert "<script>alert" not in page
    assert "Cy &lt;script&gt;" in page


def test_the_question_is_exported_as_asked_and_the_export_is_an_entry(site, signed_in):
    refused(site)
    web, _token = signed_in("cy")
    lines = web.get("/console/audit/export?kind=denial&format=csv").text.splitlines()
    assert len(lines) == 1 + len(site.entries("denial"))
    assert site.entries("log-read")[-1]["what"]["export"] == "csv"
    assert web.get("/console/audit/export?format=xml").status_code == 422


def test_a_decisions_bundle_proves_itself_offline(site, visitor, signed_in, tmp_path):
    decision = site.house.log.entry(refused(site))
    name = json.loads(decision)["decision_id"]
    web, _token = signed_in("cy")
    bundle = tmp_path / "evidence.zip"
    bundle.write_bytes(web.get(f"/console/audit/bundles/{name}").content)
    with zipfile.ZipFile(bundle) as opened:
        opened.extractall(tmp_path)
        (shown,) = [tmp_path / one for one in opened.namelist() if one.endswith(".html")]
    page = visitor(None, offline=True)
    page.goto(shown.as_uri())
    page.wait_for_function("document.body.innerText.match(/verified|holds/i)")
    assert web.get("/console/audit/bundles/nonsense").status_code == 404
