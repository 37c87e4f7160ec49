"""Two people look at two real faces in a browser, the second knowing nothing of the first, and the result is released."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlmodel import select

from gateway.cli.demo.cast import CASE, NGO
from gateway.review.queue import ReviewRow


def held(site) -> tuple[str, str]:
    """Search for the missing person, as under a rule that asks for two people; return the review and where its client asks."""
    answer = site.town(lambda town: town.search()).json()
    with site.house.registry.database.writing() as session:
        row = session.exec(select(ReviewRow).where(ReviewRow.decision_id == answer["decision_id"])).one()
        row.needed = 2
        return row.id, answer["result"]


def clean(page) -> None:
    faults = [fault for fault in Axe().run(page).response["violations"] if fault["impact"] in ("serious", "critical")]
    assert faults == [], [(fault["id"], [node["html"] for node in fault["nodes"]][:3]) for fault in faults]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def look(page, site, review: str) -> str:
    """Take the review, see two faces, and judge; return what the page said before the judgement."""
    page.goto(f"{site.url}/console/reviews")
    clean(page)
    page.locator(f"form:has(input[value='{review}']) button").click()
    page.wait_for_url(f"{site.url}/console/reviews/{review}")
    pictures = page.locator(".pane img")
    assert pictures.count() == 2
    assert pictures.evaluate_all("images => images.every(image => image.complete && image.naturalWidth === 320)")
    clean(page)
    return page.locator("main").inner_text()


def judge(page, word: str) -> None:
    page.locator(f"input[type=radio][value='{word}']").check()
    page.locator("input[type=checkbox][value='ears']").check()
    page.get_by_role("button", name=re.compile("judgement|jugement")).click()
    page.wait_for_load_state()
    clean(page)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 400)])
def test_two_people_release_a_candidate_and_the_second_sees_nothing_of_the_first(site, visitor, theme, width):
    review, result = held(site)
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": theme}
    first = visitor("di", **options)
    seen = look(first, site, review)
    assert "99." not in seen, "a score before the judgement"
    # The two faces move as one, by keys alone.
    panes = first.locator(".pane:has(img)")
    panes.first.focus()
    for key in ("+", "+", "ArrowRight"):
        first.keyboard.press(key)
    turns = panes.locator("img").evaluate_all("images => images.map(image => image.style.transform)")
    assert len(set(turns)) == 1
    assert "scale(1.5625)" in turns[0] and "translate(-24px" in turns[0]
    judge(first, "same")
    assert "second person" in first.locator("[role=status]").inner_text()
    assert "99." in first.locator("main").inner_text(), "the score, now that they have spoken"
    second = visitor("eve", locale="fr", **options)
    assert re.sub(r"\d\d:\d\d", "", look(second, site, review)).count("Vous avez dit") == 0
    judge(second, "same")
    assert "Communiqué" in second.locator("[role=status]").inner_text()
    released = site.town(lambda town: town.get(result, NGO)).json()
    assert released["candidates"]
    assert CASE
    # Nothing is left to look at.
    first.goto(f"{site.url}/console/reviews/{review}")
    assert first.locator(".pane img").count() == 0


def test_the_form_works_without_a_script_and_comes_back_as_it_was_typed(site, signed_in):
    review, _result = held(site)
    web, token = signed_in("di")
    page = web.get("/console/reviews").text
    assert review in page
    taken = web.post("/console/reviews", data={"form_token": token, "review": review})
    assert taken.status_code == 303
    other, other_token = signed_in("eve")
    refused = other.post("/console/reviews", data={"form_token": other_token, "review": review})
    assert (refused.status_code, "Another reviewer holds" in refused.text) == (409, True)
    assert other.get(f"/console/reviews/{review}").status_code == 409
    assert other.get(f"/console/reviews/{review}/pictures/0/probe").status_code == 409
    picture = web.get(f"/console/reviews/{review}/pictures/0/probe")
    assert (picture.headers["content-type"], picture.headers["cache-control"]) == ("image/jpeg", "no-store")
    form = {"form_token": token, "said-0": "same", "note-0": "<b>typed</b>"}
    assert web.post(f"/console/reviews/{review}", data={**form, "note-0": " "}).status_code == 422
    empty = web.post(f"/console/reviews/{review}", data={"form_token": token, "note-0": "<b>typed</b>"})
    assert empty.status_code == 422
    assert "&lt;b&gt;typed&lt;/b&gt;" in empty.text and "<b>typed" not in empty.text
    assert web.post(f"/console/reviews/{review}", data=form | {"form_token": "x"}).status_code == 403
    ended = web.post(f"/console/reviews/{review}", data=form)
    assert ended.status_code == 200
    assert web.get(f"/console/reviews/{review}").status_code == 409


def test_the_queue_is_for_reviewers_and_an_untrained_one_is_told_why(site, signed_in):
    auditor, _token = signed_in("cy")
    assert auditor.get("/console/reviews").status_code == 403
    site.house.registry.staff.invite("ned", "Ned Untrained", ("reviewer",), by="installation")
    review, _result = held(site)
    web, token = signed_in("ned")
    assert "No training of yours" in web.get("/console/reviews").text
    refused = web.post("/console/reviews", data={"form_token": token, "review": review})
    assert (refused.status_code, "ask a registrar" in refused.text) == (403, True)
