"""The evidence page checks itself in a real browser, from a file, without a network: green where all holds, red where a byte changed."""

import base64
import json
import re
from pathlib import Path

import pytest

from gateway.audit.bundle import write_bundle
from gateway.audit.page import data_in, embedded
from tests.audit.honest import RULEBOOK_DIGEST
from tests.audit.packed import SEEN_AT, cosigned, files_of, honest

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")

PARTS = {
    "entry": ("entries/000000000031.json", b"missing_person", b"missing_persom"),
    "proof": ("proofs/000000000031.tlog-proof", b"index 31", b"index 30"),
    "signature": ("checkpoint", None, None),
    "root": ("checkpoint", b"\n40\n", b"\n39\n"),
    "opening": ("openings/000000000031.json", b"0142", b"0143"),
    "rulebook": (f"rulebooks/{RULEBOOK_DIGEST}.json", b"what", b"waht"),
    "key": ("log.vkey", b"log+", b"lag+"),
}


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        pytest.skip("the page is tested in Debian's Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def bundle():
    log, evidence = honest()
    return log, files_of(write_bundle(evidence))["verify.html"].decode()


@pytest.fixture
def opened(browser, tmp_path):
    pages = []

    def show(html, **options):
        path = tmp_path / f"{len(pages)}.html"
        path.write_text(html)
        context = browser.new_context(**options)
        page = context.new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(path.as_uri())
        page.wait_for_selector("#verdict:not(.waiting)")
        pages.append(context)
        assert asked == [path.as_uri()], "the page asked the network for something"
        assert said == []
        return page

    yield show
    for context in pages:
        context.close()


def altered(html, member, change):
    data = json.loads(data_in(html))
    content = base64.b64decode(data["files"][member])
    spoilt = change(content)
    assert spoilt != content
    data["files"][member] = base64.b64encode(spoilt).decode()
    return html.replace(data_in(html), embedded(data))


def flipped_signature(checkpoint):
    head, dash, line = checkpoint.rpartition(b" ")
    return head + dash + line[:20] + (b"A" if line[20:21] != b"A" else b"B") + line[21:]


def test_the_honest_page_is_green_step_by_step(opened, bundle):
    page = opened(bundle[1])
    assert page.inner_text(".verdict-word") == "Everything here holds"
    steps = page.locator("#steps > li")
    assert steps.count() == 8
    assert page.locator("#steps > li.good").count() == 8
    assert "MP-2026-0142 <b>& ünïcode" in page.inner_text("#story")


@pytest.mark.parametrize("part", PARTS)
def test_one_changed_byte_turns_it_red(opened, bundle, part):
    member, old, new = PARTS[part]
    change = flipped_signature if old is None else lambda raw: raw.replace(old, new, 1)
    page = opened(altered(bundle[1], member, change))
    assert page.inner_text(".verdict-word") == "Do not believe this"
    assert page.locator("#steps > li.bad").count() >= 1


@pytest.fixture(scope="module")
def witnessed():
    """A bundle that two of three witnesses have cosigned, as its policy asks."""
    return files_of(write_bundle(cosigned(["court", "ngo"])))["verify.html"].decode()


def test_the_cosignatures_of_witnesses_are_checked_and_shown_with_their_times_and_the_quorum(opened, witnessed):
    page = opened(witnessed)
    assert page.inner_text(".verdict-word") == "Everything here holds"
    steps = page.inner_text("#steps")
    assert f"court states that it saw this head, as the largest of one history, at {SEEN_AT['court']}" in steps
    assert "The quorum \u201ctwo\u201d holds: court at" in steps
    assert "No signature is there of auditor." in steps


def flipped_cosignature(checkpoint):
    """Change one bit of the last signature line: its time, then its signature."""
    head, dash, line = checkpoint.rstrip(b"\n").rpartition(b" ")
    raw = bytearray(base64.b64decode(line))
    raw[-1] ^= 1
    return head + dash + base64.b64encode(raw) + b"\n"


def another_time(checkpoint):
    head, dash, line = checkpoint.rstrip(b"\n").rpartition(b" ")
    raw = bytearray(base64.b64decode(line))
    raw[11] ^= 1
    return head + dash + base64.b64encode(raw) + b"\n"


WITNESSED = {
    "a flipped cosignature": ("checkpoint", flipped_cosignature, "does not belong to this checkpoint"),
    "another time": ("checkpoint", another_time, "does not belong to this checkpoint and this time"),
    "a cosignature taken away": ("checkpoint", lambda raw: raw[: raw.rstrip(b"\n").rindex(b"\n") + 1], "does not hold: seen by court"),
    "a harder quorum": ("witnesses.policy", lambda raw: raw.replace(b"two 2 ", b"two 3 "), "does not hold"),
    "a spoilt policy": ("witnesses.policy", lambda raw: raw.replace(b"quorum two", b"quorum ten"), "malformed"),
}


@pytest.mark.parametrize("how", WITNESSED)
def test_a_cosignature_that_does_not_hold_turns_the_page_red(opened, witnessed, how):
    member, change, said = WITNESSED[how]
    page = opened(altered(witnessed, member, change))
    assert page.inner_text(".verdict-word") == "Do not believe this"
    assert said in page.inner_text("#steps > li.bad >> nth=-1") or said in page.inner_text("#steps > li.bad >> nth=0")


def test_what_an_entry_says_is_text_and_never_runs(opened, bundle):
    page = opened(bundle[1])
    page.locator("#entries details").last.click()
    assert "</script><img src=x onerror=alert(1)>" in page.inner_text("#entries")
    assert page.locator("img").count() == 0


def test_a_script_that_somebody_adds_does_not_run(browser, bundle, tmp_path):
    path = tmp_path / "page.html"
    added = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    path.write_text(bundle[1].replace("</main>", added + "</main>"))
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("#verdict:not(.waiting)")
    assert "owned" not in page.title()
    page.close()


def test_the_reader_compares_the_key_with_their_own(opened, bundle):
    page = opened(bundle[1])
    page.keyboard.press("Tab")
    page.fill("#own-key", bundle[0].key.text())
    assert page.inner_text("#key-answer") == "It is the same key."
    page.fill("#own-key", bundle[0].key.text()[:-2] + "x=")
    assert "another key" in page.inner_text("#key-answer")


@pytest.mark.parametrize("missing", ["Ed25519", "WebCrypto"])
def test_a_browser_that_cannot_check_says_so_and_never_shows_green(browser, bundle, tmp_path, missing):
    path = tmp_path / "page.html"
    path.write_text(bundle[1])
    page = browser.new_page()
    page.add_init_script(
        "Object.defineProperty(crypto, 'subtle', {value: undefined})"
        if missing == "WebCrypto"
        else "const real = SubtleCrypto.prototype.importKey; SubtleCrypto.prototype.importKey = function (form, raw, kind, ...rest) {"
        " if (kind.name === 'Ed25519') return Promise.reject(new DOMException('no', 'NotSupportedError'));"
        " return real.call(this, form, raw, kind, ...rest) }"
    )
    page.goto(path.as_uri())
    page.wait_for_selector("#verdict:not(.waiting)")
    assert page.inner_text(".verdict-word") == "Not wholly checked"
    assert "README.txt" in page.inner_text("#steps")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_it_is_readable_at_any_width_and_by_anybody(opened, bundle, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    html = altered(bundle[1], "openings/000000000031.json", lambda raw: raw.replace(b"0142", b"0143", 1))
    # Its own policy forbids the examiner's script too, so that is let in by name, for the examination alone.
    html = re.sub(r'content="default-src[^"]*"', "content=\"script-src 'unsafe-inline' 'unsafe-eval'\"", html)
    page = opened(html, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    found = axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    assert found.response["violations"] == [], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
