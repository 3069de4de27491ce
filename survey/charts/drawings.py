"""Charts as inline SVG, and one as table cells for mail: numbers in, markup out. No script, no style attribute, no fixed width.

Positions are percentages, so a chart stretches with its table cell and a phone needs no second drawing. The colours
written here are the light theme's; on screen the stylesheet repaints the classes from its tokens, for the dark theme
too. Every chart is hidden from screen readers, because its numbers stand as text in the same row or in a table beside it.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup

from survey.charts.svg import (
    CARD,
    DOT,
    INK,
    RANGE,
    RANGE_EDGE,
    SIDES,
    TRACK,
    Range,
    bar,
    line,
    svg,
    svg_number,
    text,
)
from survey.charts.trend import TrendPoint, draw_trend

__all__ = [
    "SIDES",
    "Range",
    "TrendPoint",
    "axis",
    "column",
    "diverging",
    "dot_and_whisker",
    "draw_trend",
    "middle",
    "range_cells",
    "swatch",
]

_EMPTY_CELL = "#eef0f1"


def dot_and_whisker(score: Range, height: float = 30) -> Markup:
    """The score as a dot, its range as an outlined bar, the target as a dashed line over the bar, from 0 to 100."""
    centre = height / 2
    place = (
        f'x="{svg_number(score.low)}%" width="{svg_number(max(score.high - score.low, 0.4))}%"'
        f' y="{svg_number(centre - 5)}" height="10" rx="5"'
    )
    parts = [
        (
            f'<rect class="c-track" width="100%" height="2" y="{svg_number(centre - 1)}"'
            f' fill="{TRACK}"/>'
        ),
        f'<rect class="c-range" {place} fill="{RANGE}" stroke="{RANGE_EDGE}"/>',
    ]
    if score.target is not None:
        at = f"{svg_number(score.target)}%"
        parts.append(
            line(
                "target",
                (at, "2"),
                (at, svg_number(height - 2)),
                ' stroke-width="2" stroke-dasharray="3 2"',
            )
        )
    place = f'cx="{svg_number(score.estimate)}%" cy="{svg_number(centre)}" r="6.5"'
    parts.append(f'<circle class="c-dot" {place} fill="{DOT}" stroke="{CARD}" stroke-width="1.5"/>')
    return svg(height, parts)


def axis(ticks: Sequence[int] = (0, 25, 50, 75, 100), height: float = 16) -> Markup:
    """The shared scale, drawn once in the column's heading."""
    anchors = {ticks[0]: "start", ticks[-1]: "end"}
    return svg(
        height,
        [
            text(
                "tick",
                (f"{tick}%", "12"),
                f"{tick}{'%' * (tick == ticks[-1])}",
                anchors.get(tick, "middle"),
            )
            for tick in ticks
        ],
    )


def diverging(counts: Sequence[int], reach: tuple[float, float], height: float = 24) -> Markup:
    """Answers to a five-step question left and right of a line; the middle answer is not here, see `middle`.

    `counts` are answers per step, most negative first. `reach` is the largest share (0 to 100) to the left and to the
    right in the whole table, so that rows compare. Refuses another number of steps. The middle stays off the line, for
    split over it, it would lean to both sides (Few 2016; Muth & Aisch 2018).
    """
    if len(counts) != 5:
        raise ValueError(f"counts must hold five steps: {tuple(counts)!r}")
    unit = 100 / (sum(reach) or 1)
    zero = reach[0] * unit
    widths = [100 * count / (sum(counts) or 1) * unit for count in counts]
    starts = {1: zero - widths[1], 0: zero - widths[1] - widths[0], 3: zero, 4: zero + widths[3]}
    parts = [bar(step, left, widths[step], height) for step, left in starts.items() if counts[step]]
    at = f"{svg_number(zero)}%"
    return svg(
        height, [*parts, line("zero", (at, "0"), (at, svg_number(height)), ' stroke-width="1.5"')]
    )


def middle(counts: Sequence[int], reach: float, height: float = 24) -> Markup:
    """The middle of five answers on a scale of its own, so that it tips neither side; `reach` is the table's largest share."""
    share = 100 * counts[2] / (sum(counts) or 1)
    return svg(height, [bar(2, 0, 100 * share / (reach or 1), height)] if counts[2] else [])


def column(share: float, height: float = 18) -> Markup:
    """One bar of a plain distribution, `share` from 0 to 100."""
    return svg(height, [bar(3, 0, share, height)] if share else [])


def swatch(step: int) -> Markup:
    """A patch of one step's colour, for a key."""
    name, colour = SIDES[step]
    return svg(12, [f'<rect class="c-{name}" width="12" height="12" fill="{colour}"/>'], "12")


def range_cells(score: Range) -> Markup:
    """Range, score and target as table cells of a whole scale, for mail: mail programs drop SVG and block images."""
    paint = [_EMPTY_CELL] * 100
    low, high = min(99, math.floor(score.low)), max(1, min(100, math.ceil(score.high)))
    paint[low:high] = [RANGE] * (high - low)
    start = max(0, min(97, round(score.estimate) - 1))
    paint[start : start + 3] = [DOT] * 3
    if score.target is not None:
        paint[min(99, round(score.target))] = INK
    cells, begin = [], 0
    for end in range(1, 101):
        if end == 100 or paint[end] != paint[begin]:
            cells.append(
                f'<td class="cell" width="{end - begin}%" height="12"'
                f' bgcolor="{paint[begin]}">&nbsp;</td>'
            )
            begin = end
    return Markup("".join(cells))
