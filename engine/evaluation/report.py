"""Write an evaluation as one HTML page for people: no script, no outside address, light and dark, screen and paper.

It shows what speaks against the recogniser as plainly as what speaks for it. Knows findings alone: no image, no template, no name."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Final

from engine.evaluation.findings import Evaluation, Findings, Kind, Point, Scoring, Slice
from engine.evaluation.measures import GENUINE_LEAST, IMPOSTORS_LEAST, Rate
from engine.evaluation.page import CSS
from engine.evaluation.plots import Line, Mark, Row, det_plot, dot_plot, percent, roc_plot

_HEADINGS: Final[dict[Kind, str]] = {"group": "Groups (adults)", "sex": "Sexes (adults)", "age": "Ages"}
_SEXES: Final = {"F": "women", "M": "men"}
_MARKS: Final = ('<circle class="before" cx="12" cy="8" r="5"/>', '<path class="after" d="M12 2l6 6l-6 6l-6 -6z"/>')
_LINES: Final = tuple(f'<polyline class="curve {style}" points="0,8 24,8"/>' for style in ("before", "after"))


def to_html(evaluation: Evaluation) -> str:
    """Return the whole page."""
    title = f"Evaluation of {evaluation.recogniser_name}"
    sections = "".join(_section(findings, index) for index, findings in enumerate(evaluation.findings, start=1))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>"
        f'<header><p class="over">Custodes · evaluation record</p><h1>{escape(title)}</h1>'
        f"<p>Measured on {evaluation.at:%d %B %Y, %H:%M} UTC. How often it takes strangers for one person, and whom it does that to.</p>"
        "</header>"
        f'{_summary(evaluation)}{sections}{_reading()}{_binding(evaluation)}</main></body></html>'
    )  # fmt: skip


def _summary(evaluation: Evaluation) -> str:
    said = (_said_of_groups, _said_of_children, _said_of_hits, _said_of_price, _said_of_cohort)
    lines = "".join(f"<li>{line}</li>" for findings in evaluation.findings for say in said for line in say(findings))
    return f'<section class="summary" aria-labelledby="summary"><h2 id="summary">In short</h2><ul>{lines}</ul></section>'


def _said_of_groups(findings: Findings) -> list[str]:
    before, after = findings.before.spread, findings.after and findings.after.spread
    if before is None:
        return [f"<b>{escape(findings.corpus)}</b> does not say who belongs to which group, so nothing can be said about groups there."]
    worst = max((one for one in findings.before.of("group") if one.enough), key=lambda one: one.false_matches.at_least_one)
    text = (
        f"At one threshold for all, {escape(_label(worst))} are taken for one another <b>{_times(before.max_over_min)}</b> as often"
        f" as the group that fares best"
    )
    return [f"{text}; after normalisation, the worst-off group <b>{_times(after.max_over_min)}</b>." if after else f"{text}."]


def _said_of_children(findings: Findings) -> list[str]:
    found = [_named(scoring, "under 13") for scoring in (findings.before, findings.after) if scoring is not None]
    rates = [one.false_matches.value for one in found if one is not None and one.enough]
    shown = [f"<b>{percent(rate)}</b>" for rate in rates if rate is not None]
    if not shown:
        return []
    after = f"; after normalisation, {shown[1]}" if len(shown) > 1 else ""
    return [f"Of pairs of different children under 13, {shown[0]} are taken for one child{after}."]


def _said_of_hits(findings: Findings) -> list[str]:
    lines = []
    for index, before in enumerate(findings.before.accuracy):
        if before.threshold is None or not before.misses.trials:
            continue
        after = findings.after.accuracy[index] if findings.after is not None else None
        then = f"; after normalisation, <b>{_found(after.misses)}</b>" if after is not None else ""
        lines.append(
            f"Where {percent(float(before.false_match_rate))} of strangers match, <b>{_found(before.misses)}</b> of the pairs of one person"
            f" are found{then}."
        )
    return lines


def _said_of_price(findings: Findings) -> list[str]:
    """Name those who fare worse after normalisation than before, beyond what chance could do."""
    if findings.after is None:
        return []
    worse = [
        f"{escape(_label(before))} ({percent(before.false_matches.value or 0)} to {percent(after.false_matches.value or 0)})"
        for before, after in zip(findings.before.slices, findings.after.slices, strict=True)
        if before.enough and after.false_matches.interval[0] > before.false_matches.interval[1]
    ]
    return (
        [f"The price: at that threshold, these are confused with their like more often than before: {', '.join(worse)}."] if worse else []
    )


def _said_of_cohort(findings: Findings) -> list[str]:
    missing = ", ".join(findings.missing_from_cohort)
    return [f"The cohort has nobody for: {escape(missing)}. Their results need a human."] if missing else []


def _section(findings: Findings, number: int) -> str:
    parts = [
        f'<section aria-labelledby="data-{number}"><h2 id="data-{number}">Images: {escape(findings.corpus)}</h2>',
        f"<p>{findings.images:,} images of {findings.people:,} people were compared, each with each. ",
        f"{findings.refused:,} more gave no usable face.</p>" if findings.refused else "Each gave a usable face.</p>",
    ]
    if findings.before.accuracy and findings.before.accuracy[0].misses.trials:
        parts.append(_accuracy(findings, number))
    if findings.before.slices:
        parts.append(_threshold(findings))
    parts += [_kind(findings, kind, number) for kind in _HEADINGS if findings.before.of(kind)]
    return "".join(parts) + "</section>"


def _accuracy(findings: Findings, number: int) -> str:
    lines = [Line("raw distance", "before", _floats(findings.before.curve))]
    if findings.after is not None:
        lines.append(Line("cohort-normalised", "after", _floats(findings.after.curve)))
    det = det_plot(
        lines,
        title="Misses against false matches (DET)",
        description="Further down and left is better. The numbers at three false match rates are in the table below.",
        name=f"det-{number}",
    )
    roc = roc_plot(
        lines,
        title="Pairs found against false matches (ROC)",
        description="Further up and left is better. The numbers at three false match rates are in the table below.",
        name=f"roc-{number}",
    )
    rows = []
    for index, before in enumerate(findings.before.accuracy):
        cells = [_found_cell(before.misses, known=before.threshold is not None)]
        if findings.after is not None:
            after = findings.after.accuracy[index]
            cells.append(_found_cell(after.misses, known=after.threshold is not None))
        rows.append(f'<tr><th scope="row">{percent(float(before.false_match_rate))}</th>{"".join(cells)}</tr>')
    return (
        f"<h3>Accuracy</h3><h4>Misses against false matches (DET): lower is better</h4>{_figure(det, _LINES)}"
        f"<h4>Pairs found against false matches (ROC): higher is better</h4>{_figure(roc, _LINES)}"
        + _table(f"Pairs of one person that are found ({findings.before.accuracy[0].misses.trials:,} pairs)",
                 ["Strangers that match", "Raw distance", *(["Cohort-normalised"] if findings.after else [])], rows)
    )  # fmt: skip


def _threshold(findings: Findings) -> str:
    who = "adult strangers" if findings.adults_only else "strangers"
    text = (
        f"<p>One threshold for everybody is set where one pair of {who} in a thousand matches ({findings.before.overall.trials:,} pairs)."
    )
    for name, scoring in (("raw distance", findings.before), ("cohort-normalised score", findings.after)):
        if scoring is not None and scoring.claimed is not None:
            text += f" The calibration claims {percent(float(scoring.claimed))} there for the {name}{_verdict(scoring)}."
    return text + "</p>"


def _verdict(scoring: Scoring) -> str:
    measured, claimed = scoring.overall.value, scoring.claimed
    if not measured or claimed is None:
        return ""
    factor = float(claimed) / measured
    if factor < 0.8:
        return f", which is {_times(1 / factor)} too good to be true of these images"
    return ", which is on the safe side" if factor > 1.25 else ", which is about right"


def _kind(findings: Findings, kind: Kind, number: int) -> str:
    before = findings.before.of(kind)
    after: Sequence[Slice | None] = findings.after.of(kind) if findings.after is not None else [None] * len(before)
    heading = _HEADINGS[kind]
    plot = dot_plot(
        [_row(one, other) for one, other in zip(before, after, strict=True)],
        title=f"False match rate by {kind}, before and after normalisation",
        description="A logarithmic axis; lines are 95 % intervals. All numbers are in the table below.",
        axis="False match rate among the group's own members (logarithmic)",
        name=f"{kind}-{number}",
    )
    columns = ["Who", "Pairs of strangers", "Raw distance", *(["Cohort-normalised"] if findings.after else [])]
    same = any(one.misses.trials for one in before)
    columns += ["Misses, raw", *(["Misses, normalised"] if findings.after else [])] if same else []
    rows = [_line(one, other, same=same) for one, other in zip(before, after, strict=True)]
    return (
        f"<h3>{heading}</h3>{_figure(plot, _MARKS)}"
        + _table(f"{heading}: false matches, with 95 % intervals", [*columns, "No usable face"], rows)
        + (_spreads(findings) if kind == "group" else "")
    )


def _spreads(findings: Findings) -> str:
    rows = [
        f'<tr><th scope="row">{name}</th><td>{spread.groups}</td><td>{_number(spread.max_over_min)}</td>'
        f"<td>{_number(spread.max_over_geomean)}</td><td>{_number(spread.gini)}</td></tr>"
        for name, scoring in (("Raw distance", findings.before), ("Cohort-normalised", findings.after))
        if scoring is not None and (spread := scoring.spread) is not None
    ]
    if not rows:
        return "<p>Fewer than two groups have enough pairs, so nothing can be said about how unlike they are.</p>"
    return _table("How unlike the groups are (1, 1 and 0 would be the same for all)",
                  ["Score", "Groups", "Highest / lowest", "Highest / geometric mean", "Gini"], rows)  # fmt: skip


def _line(before: Slice, after: Slice | None, *, same: bool) -> str:
    both = [before] if after is None else [before, after]
    cells = [f"<td>{before.false_matches.trials:,}</td>"]
    cells += [_rate_cell(one.false_matches, enough=one.enough) for one in both]
    cells += [_rate_cell(one.misses, enough=one.enough_same) for one in both] if same else []
    cells.append(f"<td>{before.refused.errors:,} of {before.refused.trials:,}</td>")
    return f'<tr><th scope="row">{escape(_label(before))}</th>{"".join(cells)}</tr>'


def _row(before: Slice, after: Slice | None) -> Row:
    if not before.enough:
        return Row(_label(before), None, None, f"not enough data ({before.false_matches.trials:,} pairs)")
    return Row(_label(before), _mark(before.false_matches), None if after is None else _mark(after.false_matches))


def _mark(rate: Rate) -> Mark:
    return Mark(rate.value or 0.0, *rate.interval)


def _rate_cell(rate: Rate, *, enough: bool) -> str:
    if not enough or rate.value is None:
        return '<td class="lacking">not enough data</td>'
    low, high = rate.interval
    return f'<td>{percent(rate.value)} <span class="interval">{percent(low)} to {percent(high)}</span></td>'


def _found_cell(misses: Rate, *, known: bool) -> str:
    if not known or misses.trials < GENUINE_LEAST:
        return '<td class="lacking">not enough data</td>'
    low, high = misses.interval
    return f'<td>{_found(misses)} <span class="interval">{100 * (1 - high):.1f}\u00a0% to {100 * (1 - low):.1f}\u00a0%</span></td>'


def _reading() -> str:
    return (
        '<section aria-labelledby="reading"><h2 id="reading">How to read this</h2><ul>'
        "<li>A <b>false match</b> is two strangers taken for one person; a <b>miss</b> is two pictures of one person taken for two.</li>"
        f"<li>Rates of a group are among its own members. A group with fewer than {IMPOSTORS_LEAST:,} pairs of strangers (or"
        f" {GENUINE_LEAST} pairs of one person) is shown as “not enough data”: it may fare well or badly, nobody knows.</li>"
        "<li>In ratios, no false match at all counts as one: the truth is not zero.</li>"
        "<li>Intervals are Wilson's at 95 %. They take pairs as independent; pairs share faces, so the truth may lie a little outside.</li>"
        "<li>Labels of groups and ages come from the makers of the images, partly by machine. The words are coarse, and theirs.</li>"
        "<li>Pictures from the street are worse than these, and errors there are more.</li></ul></section>"
    )


def _binding(evaluation: Evaluation) -> str:
    rows = [("Recogniser", evaluation.recogniser), ("Cohort", evaluation.cohort or "none")]
    rows += [("Calibration", digest) for digest in evaluation.calibrations]
    rows += [(f"Images and labels, {findings.corpus}", findings.data) for findings in evaluation.findings]
    lines = [f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(digest)}</code></td></tr>' for name, digest in rows]
    return (
        '<section aria-labelledby="bound"><h2 id="bound">What this speaks of</h2>'
        "<p>It is true of exactly these, named by SHA-256; change one and it says nothing.</p>"
        + _table("Digests", ["What", "SHA-256"], lines)
        + "</section>"
    )


def _figure(plot: str, signs: Sequence[str]) -> str:
    names = zip(signs, ("raw distance", "cohort-normalised"), strict=True)
    key = "".join(f'<svg viewBox="0 0 24 16" aria-hidden="true">{sign}</svg> {name}' for sign, name in names)
    return f'<figure tabindex="0">{plot}<figcaption class="key">{key}</figcaption></figure>'


def _table(caption: str, columns: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _label(one: Slice) -> str:
    if one.kind == "age":
        return one.name.replace("-", "–").capitalize()
    head, _, sex = one.name.rpartition(" ")
    return f"{head} {_SEXES[sex]}" if head and sex in _SEXES else _SEXES.get(one.name, one.name).capitalize()


def _named(scoring: Scoring, name: str) -> Slice | None:
    return next((one for one in scoring.slices if one.name == name), None)


def _found(misses: Rate) -> str:
    return f"{100 * (1 - (misses.value or 0)):.1f}\u00a0%"


def _times(factor: Decimal | float) -> str:
    return f"{float(factor):.0f} times" if factor >= 10 else f"{float(factor):.1f} times"


def _number(value: Decimal) -> str:
    return f"{float(value):.0f}" if value >= 100 else f"{float(value):.2f}"


def _floats(curve: Sequence[Point]) -> list[tuple[float, float]]:
    return [(float(point.false_match_rate), float(point.miss_rate)) for point in curve]
