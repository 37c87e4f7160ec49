"""The page on whom the recogniser errs, and how often: by the signed evaluation that speaks for it now. Measures nothing itself."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fastapi import APIRouter, Request, Response

from engine.errors import EvaluationRefused
from engine.evaluation.evaluate import OPERATING_RATE
from engine.evaluation.findings import Findings, Kind, Scoring, Slice
from engine.evaluation.measures import Rate
from engine.evaluation.plots import Line, det_plot, percent
from gateway.console.desk import Desk
from gateway.console.language import Language
from gateway.enforcement.fitness import Believed, EvaluationGate

KINDS: Final[tuple[Kind, ...]] = ("group", "sex", "age")
PER: Final = 10_000
# Lines differ in dashes as well as in colour; what comes after so many is told by its title and in the table alone.
STYLES: Final = 12
_GROUPS: Final = {
    "Asian F": "people_of.asian_f",
    "Asian M": "people_of.asian_m",
    "Black F": "people_of.black_f",
    "Black M": "people_of.black_m",
    "Indian F": "people_of.indian_f",
    "Indian M": "people_of.indian_m",
    "Other F": "people_of.other_f",
    "Other M": "people_of.other_m",
    "White F": "people_of.white_f",
    "White M": "people_of.white_m",
    "F": "people_of.f",
    "M": "people_of.m",
}
_CORPORA: Final = {"faces-groups": "fairness.faces_groups", "faces-pairs": "fairness.faces_pairs"}
_BAND: Final = re.compile(r"(?P<least>\d{1,3})-(?P<most>\d{1,3})|(?P<over>\d{1,3}) and over|under (?P<under>\d{1,3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Measured:
    """One rate as the table shows it: the share, where the truth lies with 95 % confidence, and the trials; `steps` for the slider."""

    share: str
    interval: str
    trials: int
    steps: str
    value: float


@dataclass(frozen=True, slots=True)
class Row:
    """One group, sex or age band, before and after normalisation; None: not measured, or not enough data."""

    name: str
    matches: tuple[Measured | None, Measured | None]
    misses: tuple[Measured | None, Measured | None]


@dataclass(frozen=True, slots=True)
class Plots:
    """The curves of every group, raw and normalised on the same axes, and whose each line is; `det`: misses were measured."""

    before: str
    after: str
    key: tuple[tuple[str, str], ...]
    det: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One set of images as the page shows it, at one step of its grid; `step` is None where there is no grid."""

    findings: Findings
    name: str
    kinds: tuple[tuple[Kind, list[Row]], ...]
    grid: tuple[str, ...]
    step: int | None
    plots: Plots | None
    whole: str


@dataclass(frozen=True, slots=True)
class FairnessPage:
    """/console/fairness, with `set` and `step`: which set of images is shown at which step of its grid."""

    desk: Desk
    gate: EvaluationGate

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/console/fairness", self.show, methods=["GET"])
        return router

    async def show(self, request: Request) -> Response:
        """Show the evaluation in force, or why there is none. A step that the record does not have is said, and the usual one is shown."""
        visit = await self.desk.visit(request)
        believed: Believed | None = None
        fault: EvaluationRefused | None = None
        try:
            believed = await asyncio.to_thread(self.gate.current)
        except EvaluationRefused as refused:
            fault = refused
        language, found = self.desk.pages.language(request), () if believed is None else believed.evaluation.findings
        chosen, wrong = _chosen(request.query_params, found)
        sets = [shown(one, index, chosen.get(index), language) for index, one in enumerate(found)]
        status = 422 if wrong else 200
        return self.desk.show(request, visit, "fairness.html", status=status, believed=believed, fault=fault, sets=sets, wrong=wrong)


def shown(findings: Findings, index: int, step: int | None, language: Language) -> Shown:
    """Return a set of images at one step of its grid, or at the usual one: where one pair of adult strangers in a thousand matches."""
    steps = [one.false_match_rate for one in findings.before.grid]
    if step is None and steps:
        step = next((at for at, rate in enumerate(steps) if rate >= Decimal(str(OPERATING_RATE))), len(steps) - 1)
    return Shown(
        findings=findings,
        name=language.say(_CORPORA[findings.corpus]) if findings.corpus in _CORPORA else findings.corpus,
        kinds=tuple((kind, rows(findings, kind, step, language)) for kind in KINDS),
        grid=tuple(language.figure(f"{float(rate) * PER:.6g}") for rate in steps),
        step=step,
        plots=_plots(findings, index, step, language),
        whole=_whole(findings, index, language),
    )


def rows(findings: Findings, kind: Kind, step: int | None, language: Language) -> list[Row]:
    """Return one row for each slice of a kind; those with too little data say so by None."""
    after = {one.name: one for one in findings.after.of(kind)} if findings.after is not None else {}
    return [
        Row(
            name_of(one.name, language),
            (_matches(one, step, language), _matches(after.get(one.name), step, language)),
            (_misses(one, step, language), _misses(after.get(one.name), step, language)),
        )
        for one in findings.before.of(kind)
    ]


def name_of(name: str, language: Language) -> str:
    """Say a group, sex or age band in the reader's words; a label that is an operator's own stays as they wrote it."""
    if name in _GROUPS:
        return language.say(_GROUPS[name])
    band = _BAND.fullmatch(name)
    if band is None:
        return name
    if band["under"]:
        return language.say("people_of.under", age=band["under"])
    if band["over"]:
        return language.say("people_of.over", age=band["over"])
    return language.say("people_of.between", least=band["least"], most=band["most"])


def _chosen(query: Mapping[str, str], found: tuple[Findings, ...]) -> tuple[dict[int, int], bool]:
    if "step" not in query and "set" not in query:
        return {}, False
    which, step = query.get("set", "0"), query.get("step", "")
    if not all(text.isascii() and text.isdigit() and len(text) < 6 for text in (which, step)):
        return {}, True
    if int(which) >= len(found) or int(step) >= len(found[int(which)].before.grid):
        return {}, True
    return {int(which): int(step)}, False


def _matches(found: Slice | None, step: int | None, language: Language) -> Measured | None:
    if found is None or not found.enough:
        return None
    return _measured(found.false_matches if step is None else found.at(step)[0], found.false_matches_at, language)


def _misses(found: Slice | None, step: int | None, language: Language) -> Measured | None:
    if found is None or not found.enough_same:
        return None
    return _measured(found.misses if step is None else found.at(step)[1], found.misses_at, language)


def _measured(rate: Rate, steps: tuple[int, ...], language: Language) -> Measured:
    low, high = (language.figure(percent(edge)) for edge in rate.interval)
    value = rate.value or 0
    return Measured(language.figure(percent(value)), f"{low} – {high}", rate.trials, " ".join(map(str, steps)), value)


def _plots(findings: Findings, index: int, step: int | None, language: Language) -> Plots | None:
    """Draw a line for each group that is judged: its misses over its false matches, or, where no miss was measured, its false matches
    over everybody's."""
    judged = [one.name for one in findings.before.of("group") if one.enough]
    if step is None or len(judged) < 2:
        return None
    det = all(one.enough_same for one in findings.before.of("group") if one.enough)
    styles = {name: f"line-{at % STYLES}" for at, name in enumerate(judged)}

    def lines(scoring: Scoring | None) -> list[Line]:
        found = scoring.of("group") if scoring is not None else ()
        return [Line(name_of(one.name, language), styles[one.name], _line(one, findings, det=det)) for one in found if one.name in styles]

    before, after = lines(findings.before), lines(findings.after)
    captions = (
        (language.say("fairness.axis_matches"), language.say("fairness.axis_misses"))
        if det
        else (language.say("fairness.axis_everybody"), language.say("fairness.axis_group"))
    )

    def draw(drawn: list[Line], when: str) -> str:
        if not drawn:
            return ""
        return det_plot(
            drawn,
            title=language.say("fairness.curves_title", when=when),
            description=language.say("fairness.curves_say"),
            name=f"groups-{index}-{'before' if drawn is before else 'after'}",
            captions=captions,
            within=before + after,
            step=step,
            figure=lambda share: language.figure(percent(share)),
        )

    key = tuple((name_of(name, language), style) for name, style in styles.items())
    return Plots(draw(before, language.say("fairness.before")), draw(after, language.say("fairness.after")), key, det)


def _line(found: Slice, findings: Findings, *, det: bool) -> list[tuple[float, float]]:
    grid = findings.before.grid
    pairs = [found.at(step) for step in range(len(grid))]
    if det:
        return [(matches.value or 0, misses.value or 0) for matches, misses in pairs]
    return [(float(grid[step].false_match_rate), matches.value or 0) for step, (matches, _) in enumerate(pairs)]


def _whole(findings: Findings, index: int, language: Language) -> str:
    """Draw the curves of everybody, raw and normalised."""
    scorings = [("before", findings.before), ("after", findings.after)]
    lines = [
        Line(language.say(f"fairness.{style}"), style, [(float(point.false_match_rate), float(point.miss_rate)) for point in scoring.curve])
        for style, scoring in scorings
        if scoring is not None and scoring.curve
    ]
    if not lines:
        return ""
    return det_plot(
        lines,
        title=language.say("fairness.det"),
        description=language.say("fairness.curves_say"),
        name=f"det-{index}",
        captions=(language.say("fairness.axis_matches"), language.say("fairness.axis_misses")),
        figure=lambda share: language.figure(percent(share)),
    )
