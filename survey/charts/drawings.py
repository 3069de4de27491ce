"""Charts as inline SVG: numbers in, markup out. No script, no style attribute, no fixed width.

Positions are percentages, so a chart stretches with its table cell and a phone needs no second drawing. The colours
written here are the light theme's, and print's; on screen the stylesheet repaints the classes for the dark theme. Every
chart is hidden from screen readers, because its numbers stand as text in the same row or in a table beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

SIDES = (("n2", "#9a3f0a"), ("n1", "#c9792f"), ("mid", "#8b949d"), ("p1", "#5b9ab8"), ("p2", "#0b5d7a"))


@dataclass(frozen=True, slots=True)
class Range:
    """A score with its range on a scale from 0 to 100; a target where there is one."""

    estimate: float
    low: float
    high: float
    target: float | None = None


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One wave in a trend, on a scale from 0 to 100; None where a wave was void or had too few answers."""

    label: str
    score: Range | None
    imported: bool = False
    broken: bool = False


def number(value: float) -> str:
    """A number for an attribute: one decimal at most."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def dot_and_whisker(score: Range, height: float = 30) -> Markup:
    """The score, its range and the target on one line from 0 to 100."""
    middle = height / 2
    parts = [
        f'<rect class="c-track" width="100%" height="2" y="{number(middle - 1)}" fill="#dfe3e6"/>',
        f'<rect class="c-range" x="{number(score.low)}%" width="{number(max(score.high - score.low, 0.4))}%" y="{number(middle - 5)}"'
        ' height="10" rx="5" fill="#9cc3d5" stroke="#4f8aa3"/>',
    ]
    if score.target is not None:
        at = number(score.target)
        parts.append(
            f'<line class="c-target" x1="{at}%" x2="{at}%" y1="2" y2="{number(height - 2)}" stroke="#16202a" stroke-width="2"'
            ' stroke-dasharray="3 2"/>'
        )
    parts.append(
        f'<circle class="c-dot" cx="{number(score.estimate)}%" cy="{number(middle)}" r="6.5" fill="#0b5d7a" stroke="#fff"'
        ' stroke-width="1.5"/>'
    )
    return _svg(height, parts, "whisker")


def axis(ticks: Sequence[int] = (0, 25, 50, 75, 100), height: float = 16) -> Markup:
    """The shared scale, drawn once in the column's heading."""
    anchors = {ticks[0]: "start", ticks[-1]: "end"}
    return _svg(
        height,
        [
            f'<text class="c-tick" x="{tick}%" y="12" font-size="11" fill="#52606d" text-anchor="{anchors.get(tick, "middle")}">'
            f"{tick}{'%' if tick == ticks[-1] else ''}</text>"
            for tick in ticks
        ],
        "axis",
    )


def diverging(counts: Sequence[int], reach: tuple[float, float], height: float = 26) -> Markup:
    """Answers to a five-step question left and right of a line; the middle answer is not here, see `middle`.

    `reach` is the largest share (0 to 100) to the left and to the right in the whole table, so that rows compare.
    """
    shares = [100 * count / sum(counts) for count in counts]
    unit = 100 / (sum(reach) or 1)
    zero = reach[0] * unit
    parts = []
    for order, sign in (((1, 0), -1), ((3, 4), 1)):
        edge = zero
        for step in order:
            width = shares[step] * unit
            name, colour = SIDES[step]
            parts.append(
                f'<rect class="c-{name} c-gap" x="{number(edge - width if sign < 0 else edge)}%" width="{number(width)}%" y="3"'
                f' height="{number(height - 6)}" fill="{colour}" stroke="#fff"/>'
            )
            edge += sign * width
    at = number(zero)
    parts.append(f'<line class="c-zero" x1="{at}%" x2="{at}%" y1="0" y2="{number(height)}" stroke="#16202a" stroke-width="1.5"/>')
    return _svg(height, parts, "diverging")


def middle(counts: Sequence[int], reach: float, height: float = 26) -> Markup:
    """The middle answer on its own scale, so that it tips neither side."""
    width = 100 * (100 * counts[2] / sum(counts)) / (reach or 1)
    return _svg(height, [f'<rect class="c-mid" width="{number(width)}%" y="3" height="{number(height - 6)}" fill="#8b949d"/>'], "middle")


def column(share: float, height: float = 18) -> Markup:
    """One bar of a plain distribution, 0 to 100."""
    return _svg(height, [f'<rect class="c-p1" width="{number(share)}%" y="2" height="{number(height - 4)}" fill="#5b9ab8"/>'], "column")


def trend(points: Sequence[TrendPoint], target: float | None = None, height: float = 220) -> Markup:
    """Scores over waves with their comparison ranges as a band; gaps and breaks stay open, imported waves are hollow."""
    top, bottom = 12, 30
    tall = height - top - bottom
    across = [4 + 92 * index / max(1, len(points) - 1) for index in range(len(points))]

    def down(value: float) -> str:
        return number(top + tall * (1 - value / 100))

    parts = [
        f'<line class="c-grid" x1="0" x2="100%" y1="{down(value)}" y2="{down(value)}" stroke="#e3e6e8"/>'
        f'<text class="c-tick" x="0" y="{number(float(down(value)) - 3)}" font-size="11" fill="#52606d">'
        f"{value}{'%' if value == 100 else ''}</text>"
        for value in (0, 50, 100)
    ]
    bands = "".join(_band(points, run, across) for run in _runs(points))
    parts.append(f'<svg y="{top}" width="100%" height="{number(tall)}" viewBox="0 0 100 100" preserveAspectRatio="none">{bands}</svg>')
    if target is not None:
        parts.append(
            f'<line class="c-target" x1="0" x2="100%" y1="{down(target)}" y2="{down(target)}" stroke="#16202a" stroke-width="1.5"'
            f' stroke-dasharray="5 4"/><text class="c-label" x="34%" y="{number(float(down(target)) - 5)}" font-size="12"'
            f' fill="#16202a">Target {number(target)}%</text>'
        )
    for index, point in enumerate(points):
        thinned = " c-thin" if (len(points) - 1 - index) % 2 else ""
        at = number(across[index])
        if point.score:
            hollow = ' fill="#fff" stroke="#0b5d7a" stroke-width="2"' if point.imported else ' fill="#0b5d7a"'
            kind = "c-hollow" if point.imported else "c-dot"
            parts.append(f'<circle class="{kind}" cx="{at}%" cy="{down(point.score.estimate)}" r="4.5"{hollow}/>')
        parts.append(
            f'<text class="c-tick{thinned}" x="{at}%" y="{number(height - 10)}" font-size="11" fill="#52606d" text-anchor="middle">'
            f"{escape(point.label)}</text>"
        )
    return _svg(height, parts, "trend")


def range_cells(score: Range) -> Markup:
    """The range, score and target as table cells, for mail: mail programs drop SVG and block images."""
    paint = ["#eef0f1"] * 100
    low, high = min(99, int(score.low)), max(1, min(100, math.ceil(score.high)))
    paint[low:high] = ["#9cc3d5"] * (high - low)
    start = max(0, min(97, round(score.estimate) - 1))
    paint[start : start + 3] = ["#0b5d7a"] * 3
    if score.target is not None:
        paint[min(99, round(score.target))] = "#16202a"
    cells, begin = [], 0
    for end in range(1, 101):
        if end == 100 or paint[end] != paint[begin]:
            cells.append(f'<td class="cell" width="{end - begin}%" height="12" bgcolor="{paint[begin]}">&nbsp;</td>')
            begin = end
    return Markup("".join(cells))


def _band(points: Sequence[TrendPoint], run: Sequence[int], across: Sequence[float]) -> str:
    scores = [(number(across[i]), score) for i in run if (score := points[i].score)]
    above = [f"{x},{number(100 - score.high)}" for x, score in scores]
    below = [f"{x},{number(100 - score.low)}" for x, score in reversed(scores)]
    line = " ".join(f"{x},{number(100 - score.estimate)}" for x, score in scores)
    return (
        f'<polygon class="c-band" points="{" ".join(above + below)}" fill="#9cc3d5" fill-opacity=".5"/>'
        f'<polyline class="c-line" points="{line}" fill="none" stroke="#0b5d7a" stroke-width="2.5" vector-effect="non-scaling-stroke"/>'
    )


def _runs(points: Sequence[TrendPoint]) -> list[list[int]]:
    """Stretches of waves that asked the same question and have a score."""
    stretches: list[list[int]] = []
    fresh = True
    for index, point in enumerate(points):
        if point.score is None:
            fresh = True
            continue
        if fresh or point.broken:
            stretches.append([])
        fresh = False
        stretches[-1].append(index)
    return stretches


def _svg(height: float, parts: Sequence[str], kind: str) -> Markup:
    return Markup(
        f'<svg class="chart chart-{kind}" width="100%" height="{number(height)}" font-family="Inter, sans-serif" direction="ltr"'
        f' aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )
