"""The page on whom the recogniser errs: the figures of the signed record, and the same for every threshold."""

import html
import re
from dataclasses import replace

import pytest

from engine.evaluation.findings import Slice
from engine.evaluation.measures import Rate
from engine.evaluation.record import from_record, shipped_record
from gateway.console.fairness import KINDS, name_of, rows, shown
from gateway.console.language import load_languages

LANGUAGES = load_languages()


def record(site):
    return site.house.readiness.gate.current().evaluation


@pytest.mark.parametrize("code", ["en", "fr"])
def test_the_page_shows_the_rates_of_the_record_in_force_and_what_is_not_enough_data(site, signed_in, code):
    web, _token = signed_in("di")
    web.headers["accept-language"] = code
    page = html.unescape(web.get("/console/fairness").text)
    for findings in record(site).findings:
        for kind in KINDS:
            for row in rows(findings, kind, None, LANGUAGES[code]):
                assert row.name in page
                for measured in (*row.matches, *row.misses):
                    assert measured is None or (measured.share in page and measured.interval in page)
    assert LANGUAGES[code].say("fairness.not_enough") in page


def test_groups_have_names_in_each_language_and_an_operators_own_labels_stay_as_they_are(site):
    names = {one.name for findings in record(site).findings for one in findings.before.slices}
    for language in LANGUAGES.values():
        said = {name: name_of(name, language) for name in names}
        assert all(said[name] != name for name in names), said
        assert len(set(said.values())) == len(names)
        assert name_of("Sámi F", language) == "Sámi F"
    assert name_of("60 and over", LANGUAGES["fr"]) == "60 ans et plus"


@pytest.mark.parametrize("step", ["0", "17", "40"])
def test_without_a_script_the_form_shows_every_groups_rates_at_the_chosen_threshold(site, signed_in, step):
    web, _token = signed_in("di")
    page = html.unescape(web.get("/console/fairness", params={"set": "0", "step": step}).text)
    findings = record(site).findings[0]
    rate = float(findings.before.grid[int(step)].false_match_rate)
    assert float(re.search(r"<output[^>]*>([\d.]+)</output>", page)[1]) == pytest.approx(rate * 10_000)
    told = re.findall(r'class="rate" data-trials="(\d+)" data-steps="([\d ]+)"><strong>([\d.]+)', page)
    assert len(told) > 10
    for trials, steps, share in told:
        assert float(share) == pytest.approx(100 * int(steps.split()[int(step)]) / int(trials), rel=0.06)


@pytest.mark.parametrize(
    "asked",
    ["set=0&step=41", "set=9&step=1", "set=0&step=-1", "set=0&step=x", "step=1e1", "set=0&step=\u0661", "set=0", "step=" + "9" * 400],
)
def test_a_threshold_that_the_record_does_not_have_is_said_and_the_usual_one_is_shown(site, signed_in, asked):
    web, _token = signed_in("di")
    answer = web.get(f"/console/fairness?{asked}")
    assert answer.status_code == 422
    assert ">10</output>" in answer.text and 'role="alert"' in answer.text


def test_each_judged_group_has_a_line_before_and_after_on_the_same_axes_and_small_groups_have_none(site):
    findings = record(site).findings[0]
    plots = shown(findings, 0, None, LANGUAGES["en"]).plots
    judged = [name_of(one.name, LANGUAGES["en"]) for one in findings.before.of("group") if one.enough]
    assert [name for name, _style in plots.key] == judged
    for plot in (plots.before, plots.after):
        assert re.findall(r"<g class=.line[^>]*><title>([^<]+)</title>", plot) == judged
        assert plot.count('<circle class="here') == len(judged)
    ticks = [re.findall(r'class="tick"[^>]*>([^<]+)<', plot) for plot in (plots.before, plots.after)]
    assert ticks[0] == ticks[1]


def test_where_misses_were_measured_by_group_its_line_is_its_misses_over_its_false_matches():
    language = LANGUAGES["fr"]
    slices = tuple(
        Slice("group", name, Rate(9, 3000), Rate(20, 200), Rate(0, 90), (3, 9, 300), misses)
        for name, misses in (("Asian F", (40, 20, 2)), ("<b>Own</b>", (60, 20, 1)))
    )
    findings = _findings_of(slices)
    drawn = shown(findings, 0, 1, language).plots
    assert drawn.det and drawn.after == ""
    assert "<b>" not in drawn.before and "&lt;b&gt;Own" in drawn.before
    points = re.findall(r'points="([^"]+)"', drawn.before)
    assert [len(line.split()) for line in points] == [3, 3]
    # The looser the threshold, the further right and the lower.
    for line in points:
        at = [tuple(map(float, point.split(","))) for point in line.split()]
        assert at[0][0] < at[1][0] < at[2][0] and at[0][1] < at[1][1] < at[2][1]


def _findings_of(slices):
    findings = from_record(shipped_record()).findings[0]
    grid = tuple(findings.before.grid[:3])
    return replace(findings, before=replace(findings.before, slices=slices, grid=grid), after=None)


def test_the_slider_shows_every_groups_rates_and_marks_at_another_threshold_and_keeps_the_address(site, visitor):
    page = visitor("di")
    page.goto(f"{site.url}/console/fairness")
    slider = page.locator(".slider input[type=range]").first
    rate = page.locator(".rate[data-steps]:not([data-steps=''])").first
    mark = page.locator(".plots circle.here").first
    before, said, stood = rate.inner_text(), page.locator(".slider output").first.inner_text(), mark.get_attribute("cx")
    slider.focus()
    page.keyboard.press("End")
    assert page.locator(".slider output").first.inner_text() != said
    assert slider.get_attribute("aria-valuetext") == "1000"
    assert rate.inner_text() != before
    assert mark.get_attribute("cx") != stood
    steps, trials = rate.get_attribute("data-steps").split(" "), int(rate.get_attribute("data-trials"))
    shown_now = float(re.match(r"[\d.]+", rate.inner_text())[0]) / 100
    assert abs(shown_now - int(steps[-1]) / trials) < 0.006
    assert page.url.endswith("?set=0&step=40")
    there = page.locator("main").inner_text()
    page.reload()
    assert page.locator("main").inner_text() == there


def test_the_page_without_a_record_says_what_to_do_and_measures_nothing(site, signed_in):
    folder = site.house.settings.home.evaluations
    aside = folder.with_name("aside")
    folder.rename(aside)
    try:
        web, _token = signed_in("di")
        page = html.unescape(web.get("/console/fairness").text)
    finally:
        aside.rename(folder)
    assert "There is no evaluation of this recogniser on file" in page
    assert 'class="rate"' not in page
