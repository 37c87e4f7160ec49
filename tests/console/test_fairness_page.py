"""The page on whom the recogniser errs: the figures of the signed record, and the same for every threshold."""

import html
import re

from gateway.console.fairness import KINDS, rows


def test_the_page_shows_the_rates_of_the_record_in_force_and_what_is_not_enough_data(site, signed_in):
    web, _token = signed_in("di")
    page = html.unescape(web.get("/console/fairness").text)
    for findings in site.house.readiness.gate.current().evaluation.findings:
        assert findings.corpus in page
        for kind in KINDS:
            for row in rows(findings, kind):
                assert row.name in page
                for measured in (*row.matches, *row.misses):
                    assert measured is None or (measured.share in page and measured.interval in page)
    assert "not enough data" in page


def test_the_slider_shows_every_groups_rates_at_another_threshold(site, visitor):
    page = visitor("di")
    page.goto(f"{site.url}/console/fairness")
    slider = page.locator(".slider input").first
    rate = page.locator(".rate[data-steps]:not([data-steps=''])").first
    before, said = rate.inner_text(), page.locator(".slider output").first.inner_text()
    slider.focus()
    page.keyboard.press("End")
    assert page.locator(".slider output").first.inner_text() != said
    assert rate.inner_text() != before
    steps, trials = rate.get_attribute("data-steps").split(" "), int(rate.get_attribute("data-trials"))
    shown = float(re.match(r"[\d.]+", rate.inner_text())[0]) / 100
    assert abs(shown - int(steps[-1]) / trials) < 0.006
