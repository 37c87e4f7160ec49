"""Draw the plots of an evaluation as SVG text. Knows numbers and words; the page that holds them brings the colours.

Marks differ in shape as well as in colour, each plot has a title and a description, and every number in it also stands in a table."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH: Final = 760
_ROW: Final = 38
_TOP: Final = 16
_LEFT: Final = 150
_RIGHT: Final = 24
_BOTTOM: Final = 48
_HEIGHT: Final = 420  # of a plot of curves
DET_CAPTIONS: Final = ("False match rate: pairs of strangers that match", "Miss rate: pairs of one person that do not")

Figure = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Mark:
    """A rate with its interval; `value` may be 0, which a logarithmic axis shows at its edge."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a dot plot; without marks it says why in `note`."""

    label: str
    before: Mark | None
    after: Mark | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: (false match rate, miss rate), rising in the first."""

    label: str
    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Curves:
    """What stands around curves: captions across and up, (title, description, name), what the axes hold too, the marked step, figures."""

    captions: tuple[str, str]
    words: tuple[str, str, str]
    within: Sequence[Line]
    step: int | None
    figure: Figure


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis over whole decades, from pixel `start` to pixel `end`."""

    least: int
    most: int
    start: float
    end: float

    @property
    def decades(self) -> range:
        """The powers of ten on it."""
        return range(self.least, self.most + 1)

    def at(self, value: float) -> float:
        """Return the pixel of a value, at the edge if it lies beyond."""
        power = math.log10(value) if value > 0 else -math.inf
        share = (min(max(power, self.least), self.most) - self.least) / (self.most - self.least)
        return self.start + share * (self.end - self.start)


def dot_plot(rows: Sequence[Row], *, title: str, description: str, axis: str, name: str) -> str:
    """Return a plot of each row's rate before and after, with intervals, on a logarithmic axis. `name` is unique on the page."""
    marks = [mark for row in rows for mark in (row.before, row.after) if mark is not None]
    height = _TOP + _ROW * len(rows) + _BOTTOM
    across = _axis([edge for mark in marks for edge in (mark.value, mark.low, mark.high)], _LEFT, _WIDTH - _RIGHT)
    floor = height - _BOTTOM
    parts = [_vertical(across, floor), _caption(axis, (_LEFT + _WIDTH - _RIGHT) / 2, height - 8)]
    for index, row in enumerate(rows):
        middle = _TOP + _ROW * index + _ROW / 2
        parts.append(f'<text class="label" x="{_LEFT - 12}" y="{middle + 5:.1f}" text-anchor="end">{escape(row.label)}</text>')
        if row.note:
            parts.append(f'<text class="note" x="{_LEFT + 10}" y="{middle + 5:.1f}">{escape(row.note)}</text>')
        for mark, style, shift in ((row.before, "before", -7), (row.after, "after", 7)):
            if mark is not None:
                parts.append(_mark(mark, style, across, middle + shift))
    return _svg("".join(parts), _WIDTH, height, title, description, name)


def det_plot(
    lines: Sequence[Line],
    *,
    title: str,
    description: str,
    name: str,
    captions: tuple[str, str] = DET_CAPTIONS,
    within: Sequence[Line] = (),
    step: int | None = None,
    figure: Figure | None = None,
) -> str:
    """Return the miss rate over the false match rate, both axes logarithmic: further down and left is better.

    `captions` say what lies across and up, `within` are the lines that the axes hold too, so that two plots can be compared; `step` marks
    one point of each line, and `figure` writes a share in the reader's language."""
    up = _axis([missed for line in (*lines, *within) for _, missed in line.points], _HEIGHT - _BOTTOM, _TOP)
    shelves = [(10.0**power, up.at(10.0**power)) for power in up.decades]
    plot = _Curves(captions, (title, description, name), tuple(within), step, figure or percent)
    return _curves(lines, shelves, up.at, plot)


def roc_plot(lines: Sequence[Line], *, title: str, description: str, name: str) -> str:
    """Return the share of pairs that are found over the false match rate, the latter logarithmic: further up and left is better."""
    floor = _HEIGHT - _BOTTOM

    def found(missed: float) -> float:
        return _TOP + missed * (floor - _TOP)

    shelves = [(share / 5, found(1 - share / 5)) for share in range(6)]
    captions = (DET_CAPTIONS[0], "Found: pairs of one person that match")
    return _curves(lines, shelves, found, _Curves(captions, (title, description, name), (), None, percent))


def _curves(lines: Sequence[Line], shelves: Sequence[tuple[float, float]], up: Callable[[float], float], plot: _Curves) -> str:
    """Draw lines over the false match rate. `up` gives a miss rate's height; shelves are (share, height) of the marks at the side."""
    across = _axis([false for line in (*lines, *plot.within) for false, _ in line.points], _LEFT - 70, _WIDTH - _RIGHT)
    parts = [_vertical(across, _HEIGHT - _BOTTOM, plot.figure), _horizontal(shelves, across.start, across.end, plot.figure)]
    parts.append(_caption(plot.captions[0], (across.start + across.end) / 2, _HEIGHT - 8))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text class="axis" transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">{escape(plot.captions[1])}</text>'
    )
    for line in lines:
        at = [(across.at(false), up(missed)) for false, missed in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(
            f'<g class="line {line.style}"><title>{escape(line.label)}</title><polyline class="curve {line.style}" points="{path}"/>'
        )
        if plot.step is not None:
            x, y = at[plot.step]
            parts.append(f'<circle class="here {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>')
        parts.append("</g>")
    return _svg("".join(parts), _WIDTH, _HEIGHT, *plot.words)


def _mark(mark: Mark, style: str, across: _Axis, y: float) -> str:
    x = across.at(mark.value)
    low, high = across.at(mark.low), across.at(mark.high)
    whisker = f'<line class="{style}" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    # A logarithmic axis has no zero: say it in words, or the mark at the edge would be read as the edge's value.
    none = "" if mark.value else f'<text class="note" x="{high + 8:.1f}" y="{y + 5:.1f}">none seen</text>'
    if style == "before":
        return f'{whisker}<circle class="before" cx="{x:.1f}" cy="{y:.1f}" r="5"/>{none}'
    return f'{whisker}<path class="after" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>{none}'


def _axis(values: Sequence[float], start: float, end: float) -> _Axis:
    powers = [math.log10(value) for value in values if value > 0] or [-3.0, 0.0]
    least = max(-7, math.floor(min(powers) + 1e-9))
    return _Axis(least, max(least + 1, math.ceil(max(powers) - 1e-9)), start, end)


def _vertical(across: _Axis, floor: float, figure: Figure | None = None) -> str:
    return "".join(
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{floor}"/>'
        f'<text class="tick" x="{x:.1f}" y="{floor + 18}" text-anchor="middle">{(figure or percent)(10.0**power)}</text>'
        for power in across.decades
        for x in (across.at(10.0**power),)
    )


def _horizontal(shelves: Sequence[tuple[float, float]], left: float, right: float, figure: Figure) -> str:
    return "".join(
        f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{figure(share)}</text>'
        for share, y in shelves
    )


def _caption(text: str, x: float, y: float) -> str:
    return f'<text class="axis" x="{x:.1f}" y="{y}" text-anchor="middle">{escape(text)}</text>'


def _svg(inner: str, width: int, height: int, title: str, description: str, name: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>{inner}</svg>'
    )


def percent(share: float) -> str:
    """Write a share as a per cent figure with two significant digits: 0.10 %, 12 %, 0.00038 %."""
    if share == 0:
        return "0\u00a0%"
    value = 100 * share
    digits = max(0, 1 - math.floor(math.log10(value)))
    text = f"{value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}\u00a0%"
