"""Charts as inline SVG, and one as table cells for mail: numbers in, markup out.

No chart has a script, a style attribute or a fixed width. Positions are percentages, so a chart
stretches with its table cell and a phone needs no second drawing. The colours written here are
those of the light theme; on screen the stylesheet repaints the classes from its tokens, for the
dark theme too. Every chart is hidden from screen readers, because its numbers are text in the
same row or in a table beside it.
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
_NARROWEST_RANGE = 0.4  # per cent of the width, so that a range without width is still seen


def dot_and_whisker(score: Range, height: float = 30) -> Markup:
    """Draws a score from 0 to 100 as a dot, its range as a bar, its target as a dashed line."""
    centre = height / 2
    parts = [_track(centre), _range_bar(score, centre)]
    if score.target is not None:
        parts.append(_target_line(score.target, height))
    parts.append(_score_dot(score.estimate, centre))
    return svg(height, parts)


def axis(ticks: Sequence[int] = (0, 25, 50, 75, 100), height: float = 16) -> Markup:
    """Draws the numbers of the 0 to 100 scale that all rows share, for the column's heading."""
    first, last = ticks[0], ticks[-1]
    anchors = {first: "start", last: "end"}
    labels = []
    for tick in ticks:
        words = f"{tick}%" if tick == last else f"{tick}"
        labels.append(text("tick", (f"{tick}%", "12"), words, anchors.get(tick, "middle")))
    return svg(height, labels)


def diverging(counts: Sequence[int], reach: tuple[float, float], height: float = 24) -> Markup:
    """Draws answers to five steps as bars left and right of a line, leaving out the middle step.

    `counts` are answers per step, most negative first; another number of steps is refused. `reach`
    is the largest share (0 to 100) to the left and to the right in the whole table, so that rows
    compare. The middle answer stays off the line, for split over it, it would lean to both sides
    (Few 2016; Muth & Aisch 2018); it is drawn by `middle`.
    """
    if len(counts) != 5:
        raise ValueError(f"counts must hold five steps: {tuple(counts)!r}")
    unit = 100 / (sum(reach) or 1)
    zero = reach[0] * unit
    answers = sum(counts) or 1
    widths = [100 * count / answers * unit for count in counts]
    starts = {
        1: zero - widths[1],
        0: zero - widths[1] - widths[0],
        3: zero,
        4: zero + widths[3],
    }
    bars = [bar(step, left, widths[step], height) for step, left in starts.items() if counts[step]]
    x = f"{svg_number(zero)}%"
    zero_line = line("zero", (x, "0"), (x, svg_number(height)), ' stroke-width="1.5"')
    return svg(height, [*bars, zero_line])


def middle(counts: Sequence[int], reach: float, height: float = 24) -> Markup:
    """Draws the middle of five answers as a separate bar; an empty drawing if nobody gave it.

    It has its own scale, apart from the others, so that it tips neither side. `counts` are answers
    per step; `reach` is the largest share (0 to 100) in the whole table.
    """
    if not counts[2]:
        return svg(height, [])
    share = 100 * counts[2] / sum(counts)
    return svg(height, [bar(2, 0, 100 * share / (reach or 1), height)])


def column(share: float, height: float = 18) -> Markup:
    """Draws one bar that is `share` (0 to 100) per cent wide; an empty drawing for 0.

    It is a bar of a plain distribution.
    """
    return svg(height, [bar(3, 0, share, height)] if share else [])


def swatch(step: int) -> Markup:
    """Draws a small square in the colour of one step, for a legend."""
    name, colour = SIDES[step]
    return svg(12, [f'<rect class="c-{name}" width="12" height="12" fill="{colour}"/>'], "12")


def range_cells(score: Range) -> Markup:
    """Draws range, score and target as coloured table cells that together are 100% wide, for mail.

    Mail programs drop SVG and block images.
    """
    colours = _cell_colours(score)
    cells = []
    start = 0
    for end in range(1, 101):
        colour_ends_here = end == 100 or colours[end] != colours[start]
        if colour_ends_here:
            cells.append(
                f'<td class="cell" width="{end - start}%" height="12"'
                f' bgcolor="{colours[start]}">&nbsp;</td>'
            )
            start = end
    return Markup("".join(cells))


def _track(centre: float) -> str:
    """The markup of the thin line of the whole scale, on which the range lies."""
    y = svg_number(centre - 1)
    return f'<rect class="c-track" width="100%" height="2" y="{y}" fill="{TRACK}"/>'


def _range_bar(score: Range, centre: float) -> str:
    """The markup of the range as a rounded bar, at least 0.4 per cent wide."""
    width = max(score.high - score.low, _NARROWEST_RANGE)
    place = (
        f'x="{svg_number(score.low)}%" width="{svg_number(width)}%"'
        f' y="{svg_number(centre - 5)}" height="10" rx="5"'
    )
    return f'<rect class="c-range" {place} fill="{RANGE}" stroke="{RANGE_EDGE}"/>'


def _target_line(target: float, height: float) -> str:
    """The markup of the target as a dashed vertical line."""
    x = f"{svg_number(target)}%"
    dashes = ' stroke-width="2" stroke-dasharray="3 2"'
    return line("target", (x, "2"), (x, svg_number(height - 2)), dashes)


def _score_dot(estimate: float, centre: float) -> str:
    """The markup of the score as a dot."""
    place = f'cx="{svg_number(estimate)}%" cy="{svg_number(centre)}" r="6.5"'
    return f'<circle class="c-dot" {place} fill="{DOT}" stroke="{CARD}" stroke-width="1.5"/>'


def _cell_colours(score: Range) -> list[str]:
    """The colours of the hundred per cent of a scale: target over score over range."""
    colours = [_EMPTY_CELL] * 100
    low = min(99, math.floor(score.low))
    high = max(1, min(100, math.ceil(score.high)))
    colours[low:high] = [RANGE] * (high - low)
    dot = max(0, min(97, round(score.estimate) - 1))
    colours[dot : dot + 3] = [DOT] * 3
    if score.target is not None:
        colours[min(99, round(score.target))] = INK
    return colours
