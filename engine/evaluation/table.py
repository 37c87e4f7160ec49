"""Write an evaluation as plain text for a terminal: the same numbers as the page, one line a group. Knows findings alone."""

from collections.abc import Iterator

from engine.evaluation.findings import Evaluation, Findings, Kind, Scoring, Slice
from engine.evaluation.measures import IMPOSTORS_LEAST, Rate
from engine.evaluation.plots import percent

LACKING = "not enough data"
_HEADINGS: dict[Kind, str] = {"group": "groups (adults)", "sex": "sexes (adults)", "age": "ages"}


def to_text(evaluation: Evaluation) -> str:
    """Return the tables, a blank line between each two."""
    lines = [f"{evaluation.recogniser_name}, evaluated {evaluation.at:%Y-%m-%d %H:%M} UTC"]
    for findings in evaluation.findings:
        lines += ["", *_about(findings)]
    return "\n".join(lines)


def _about(findings: Findings) -> Iterator[str]:
    yield f"{findings.corpus}: {findings.images:,} images of {findings.people:,} people; {findings.refused:,} more without a usable face"
    for missing in findings.missing_from_cohort:
        yield f"  the cohort has nobody for {missing}: results need a human"
    columns = [("raw distance", findings.before)] + ([("normalised", findings.after)] if findings.after else [])
    if findings.before.threshold is None:
        yield f"  {LACKING}: {findings.before.overall.trials:,} pairs of strangers set no threshold at which one in a thousand matches"
    yield from _hits(columns)
    yield from _spreads(columns)
    for kind, heading in _HEADINGS.items():
        if findings.before.of(kind):
            yield from _slices(heading, columns, kind)


def _hits(columns: list[tuple[str, Scoring]]) -> Iterator[str]:
    first = columns[0][1].accuracy
    if not first or not first[0].misses.trials:
        return
    yield _row("  TAR at FMR", [name for name, _ in columns])
    for index, accuracy in enumerate(first):
        found = [scoring.accuracy[index] for _, scoring in columns]
        cells = [LACKING if one.threshold is None else _found(one.misses) for one in found]
        yield _row(f"    {percent(float(accuracy.false_match_rate))}", cells)


def _spreads(columns: list[tuple[str, Scoring]]) -> Iterator[str]:
    spreads = [scoring.spread for _, scoring in columns]
    if all(spread is None for spread in spreads):
        return
    yield _row("  false matches between groups", [name for name, _ in columns])
    for label, name in (("max/min", "max_over_min"), ("max/geometric mean", "max_over_geomean"), ("Gini", "gini")):
        yield _row(f"    {label}", [LACKING if spread is None else f"{float(getattr(spread, name)):.2f}" for spread in spreads])


def _slices(heading: str, columns: list[tuple[str, Scoring]], kind: Kind) -> Iterator[str]:
    same = any(one.misses.trials for one in columns[0][1].of(kind))
    names = [f"{what}, {name}" for what in ("FMR", "FNMR")[: 1 + same] for name, _ in columns]
    yield _row(f"  {heading}, n pairs of strangers", names)
    for index, one in enumerate(columns[0][1].of(kind)):
        slices: list[Slice] = [scoring.of(kind)[index] for _, scoring in columns]
        cells = [_rate(each.false_matches, enough=each.enough) for each in slices]
        cells += [_rate(each.misses, enough=each.enough_same) for each in slices] if same else []
        yield _row(f"    {one.name} (n = {one.false_matches.trials:,})", cells)


def _rate(rate: Rate, *, enough: bool) -> str:
    if not enough or rate.value is None:
        return LACKING
    low, high = rate.interval
    return f"{percent(rate.value)} [{percent(low)}, {percent(high)}]"


def _found(misses: Rate) -> str:
    low, high = misses.interval
    return f"{100 * (1 - (misses.value or 0)):.1f} % [{100 * (1 - high):.1f}, {100 * (1 - low):.1f}]"


def _row(label: str, cells: list[str]) -> str:
    return f"{label:<40} " + "  ".join(f"{cell:<28}" for cell in cells).rstrip()


def footnote() -> str:
    """Return what a reader of the table must know."""
    return (
        f"Brackets are 95 % intervals (Wilson). A group needs {IMPOSTORS_LEAST:,} pairs of strangers to be judged;"
        " in ratios, no false match counts as one."
    )
