"""The page on whom the recogniser errs, and how often: by the signed evaluation that speaks for it now. Measures nothing itself."""

import asyncio
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from engine.errors import EvaluationRefused
from engine.evaluation.findings import Findings, Kind, Slice
from engine.evaluation.measures import Rate
from engine.evaluation.plots import Line, det_plot, percent
from gateway.console.desk import Desk
from gateway.enforcement.fitness import Believed, EvaluationGate

KINDS: Final[tuple[Kind, ...]] = ("group", "sex", "age")
PER: Final = 10_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One rate as the table shows it: the share, where the truth lies with 95 % confidence, and the trials; `steps` for the slider."""

    share: str
    interval: str
    trials: int
    steps: str


@dataclass(frozen=True, slots=True)
class Row:
    """One group, sex or age band, before and after normalisation; None: not measured, or not enough data."""

    name: str
    matches: tuple[Measured | None, Measured | None]
    misses: tuple[Measured | None, Measured | None]


@dataclass(frozen=True, slots=True)
class FairnessPage:
    """/console/fairness."""

    desk: Desk
    gate: EvaluationGate

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(route_class=self.desk.route(), include_in_schema=False)
        router.add_api_route("/console/fairness", self.show, methods=["GET"])
        return router

    async def show(self, request: Request) -> Response:
        """Show the evaluation in force, or why there is none."""
        visit = await self.desk.visit(request)
        believed: Believed | None = None
        fault: EvaluationRefused | None = None
        try:
            believed = await asyncio.to_thread(self.gate.current)
        except EvaluationRefused as refused:
            fault = refused
        found = () if believed is None else believed.evaluation.findings
        sets = [(one, [(kind, rows(one, kind)) for kind in KINDS], _det(one, index), _grid(one)) for index, one in enumerate(found)]
        return self.desk.show(request, visit, "fairness.html", believed=believed, fault=fault, sets=sets, percent=percent)


def rows(findings: Findings, kind: Kind) -> list[Row]:
    """Return one row for each slice of a kind; those with too little data say so by None."""
    after = {one.name: one for one in findings.after.of(kind)} if findings.after is not None else {}
    return [
        Row(
            one.name,
            (_matches(one), _matches(after.get(one.name))),
            (_misses(one), _misses(after.get(one.name))),
        )
        for one in findings.before.of(kind)
    ]


def _matches(found: Slice | None) -> Measured | None:
    if found is None or not found.enough:
        return None
    return _measured(found.false_matches, found.false_matches_at)


def _misses(found: Slice | None) -> Measured | None:
    if found is None or not found.enough_same:
        return None
    return _measured(found.misses, found.misses_at)


def _measured(rate: Rate, steps: tuple[int, ...]) -> Measured:
    low, high = rate.interval
    return Measured(percent(rate.value or 0), f"{percent(low)} – {percent(high)}", rate.trials, " ".join(map(str, steps)))


def _grid(findings: Findings) -> list[str]:
    """The steps of the slider, as wrong matches per 10,000 comparisons with strangers over all adults."""
    return [f"{float(step.false_match_rate) * PER:.6g}" for step in findings.before.grid]


def _det(findings: Findings, index: int) -> str:
    scorings = [("before", findings.before), ("after", findings.after)]
    lines = [
        Line(style, style, [(float(point.false_match_rate), float(point.miss_rate)) for point in scoring.curve])
        for style, scoring in scorings
        if scoring is not None and scoring.curve
    ]
    if not lines:
        return ""
    title, description = f"DET, {findings.corpus}", "The miss rate over the false match rate, before and after normalisation."
    return det_plot(lines, title=title, description=description, name=f"det-{index}")
