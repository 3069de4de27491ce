"""Scores over waves: a line with its comparison ranges as a band."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from survey.charts.svg import CARD, DOT, RANGE, Range, line, svg, svg_number, text

TOP, BELOW = 12, 30
_MARGIN, _USED_WIDTH = 4, 92  # per cent of the width
_NARROWEST_LABEL = 7.0  # per cent of the width that a wave's label needs on a wide screen


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One wave in a trend: its place in time, in any unit, and its score.

    `score` is None where it may not be shown. A point `starts_line` where the wording is another
    one, or a wave is missing before it. One that `is_partial` asked some of the people only: it is
    drawn small, with its range, and no line joins it.
    """

    label: str
    at: float
    score: Range | None
    is_imported: bool = False
    starts_line: bool = False
    is_partial: bool = False


def draw_trend(
    points: Sequence[TrendPoint], target: float | None = None, height: float = 220
) -> Markup:
    """Draws scores over waves, placed by time, with their comparison ranges as a band.

    The scale is the whole one of 0 to 100. A line ends where a wave is missing or another wording
    begins; imported waves are hollow.
    """
    plot_height = height - TOP - BELOW
    xs = _positions([point.at for point in points])
    parts = [
        *_scale(plot_height),
        *_ranges(points, xs, plot_height),
    ]
    if target is not None:
        parts += _target(target, _newest_score(points), plot_height)
    parts += [_dot(point, x, plot_height) for point, x in zip(points, xs, strict=True)]
    parts += _labels(points, xs, height - 10)
    return svg(height, parts)


def _y(value: float, plot_height: float) -> float:
    """How far below the top of the drawing, in pixels, a score from 0 to 100 is drawn."""
    return TOP + plot_height * (1 - value / 100)


def _positions(times: Sequence[float]) -> list[float]:
    """Places from the left in per cent, in proportion to time; 50 if all times are equal."""
    first = min(times, default=0)
    span = max(times, default=0) - first
    if not span:
        return [50 for _ in times]
    return [_MARGIN + _USED_WIDTH * (time - first) / span for time in times]


def _newest_score(points: Sequence[TrendPoint]) -> float:
    """The score of the newest wave that asked everybody and has one; 0 where there is none."""
    for point in reversed(points):
        if point.score and not point.is_partial:
            return point.score.estimate
    return 0.0


def _ranges(points: Sequence[TrendPoint], xs: Sequence[float], plot_height: float) -> list[str]:
    """The markup of all ranges: a band and a line per run of waves, a bar for every other wave.

    A run is two or more waves that a line joins.
    """
    runs = _runs(points)
    bands = "".join(_band(points, run, xs) for run in runs if len(run) > 1)
    alone = [run[0] for run in runs if len(run) == 1]
    partial = [index for index, point in enumerate(points) if point.is_partial]
    return [
        (
            f'<svg y="{TOP}" width="100%" height="{svg_number(plot_height)}" viewBox="0 0 100 100"'
            f' preserveAspectRatio="none">{bands}</svg>'
        ),
        *(_range_alone(points[index], xs[index], plot_height) for index in alone),
        *(_range_alone(points[index], xs[index], plot_height, width=4) for index in partial),
    ]


def _runs(points: Sequence[TrendPoint]) -> list[list[int]]:
    """The indexes of the waves that one line may join, in runs: same wording, none missing.

    Each wave in a run has a score and asked everybody; a wave without a score ends the run.
    """
    runs: list[list[int]] = []
    starts_new_run = True
    for index, point in enumerate(points):
        if point.is_partial:
            continue
        if point.score is None:
            starts_new_run = True
            continue
        if starts_new_run or point.starts_line:
            runs.append([])
        starts_new_run = False
        runs[-1].append(index)
    return runs


def _scale(plot_height: float) -> list[str]:
    """The markup of the lines at 0, 50 and 100 per cent, each with its number."""
    parts = []
    for value in (0, 50, 100):
        y = _y(value, plot_height)
        words = f"{value}%" if value == 100 else f"{value}"
        parts.append(line("grid", ("0", svg_number(y)), ("100%", svg_number(y))))
        parts.append(text("tick", ("0", svg_number(y - 3)), words))
    return parts


def _band(points: Sequence[TrendPoint], run: Sequence[int], xs: Sequence[float]) -> str:
    """The markup of one run: its comparison ranges as a band, its scores as a line over it."""
    scores = [(svg_number(xs[index]), score) for index in run if (score := points[index].score)]
    upper_edge = [f"{x},{svg_number(100 - score.high)}" for x, score in scores]
    lower_edge = [f"{x},{svg_number(100 - score.low)}" for x, score in reversed(scores)]
    outline = " ".join(upper_edge + lower_edge)
    estimates = " ".join(f"{x},{svg_number(100 - score.estimate)}" for x, score in scores)
    return (
        f'<polygon class="c-band" points="{outline}" fill="{RANGE}" fill-opacity=".5"/>'
        f'<polyline class="c-line" points="{estimates}" fill="none" stroke="{DOT}"'
        ' stroke-width="2.5" vector-effect="non-scaling-stroke"/>'
    )


def _range_alone(point: TrendPoint, x: float, plot_height: float, width: int = 8) -> str:
    """The markup of a bar for the range of a wave that no line joins; empty without a score.

    A band would have no width there. `width` is in pixels.
    """
    if not point.score:
        return ""
    top = _y(point.score.high, plot_height)
    bottom = _y(point.score.low, plot_height)
    place = (
        f'x="{svg_number(x)}%" y="{svg_number(top)}" width="{width}"'
        f' height="{svg_number(bottom - top)}" transform="translate(-{svg_number(width / 2)})"'
    )
    return f'<rect class="c-band" {place} fill="{RANGE}" fill-opacity=".5"/>'


def _target(target: float, newest_score: float, plot_height: float) -> tuple[str, str]:
    """The markup of the target's line, with its words on the side without the newest score."""
    y = _y(target, plot_height)
    words_y = y + 19 if newest_score > target else y - 10
    dashes = ' stroke-width="1.5" stroke-dasharray="5 4"'
    return (
        line("target", ("0", svg_number(y)), ("100%", svg_number(y)), dashes),
        text("label", ("100%", svg_number(words_y)), f"Target {svg_number(target)}%", "end"),
    )


def _dot(point: TrendPoint, x: float, plot_height: float) -> str:
    """The markup of a wave's score: hollow if imported, small if partial; empty without a score."""
    if not point.score:
        return ""
    style_class, fill = ("hollow", CARD) if point.is_imported else ("point", DOT)
    y = _y(point.score.estimate, plot_height)
    radius = 3 if point.is_partial else 4.5
    place = f'cx="{svg_number(x)}%" cy="{svg_number(y)}" r="{radius}"'
    return (
        f'<circle class="c-{style_class}" {place} fill="{fill}" stroke="{DOT}" stroke-width="2"/>'
    )


def _labels(points: Sequence[TrendPoint], xs: Sequence[float], y: float) -> list[str]:
    """The markup of the labels of those waves that have room for one, the newest first.

    Every second gives way on a phone, by its class. Waves that asked some of the people only have a
    label where no wave asked everybody.
    """
    whole = [index for index, point in enumerate(points) if not point.is_partial]
    labels = []
    for place, index in enumerate(_indexes_with_room(whole or range(len(points)), xs)):
        style_class = "tick c-thin" if place % 2 else "tick"
        position = (f"{svg_number(xs[index])}%", svg_number(y))
        labels.append(text(style_class, position, points[index].label, "middle"))
    return labels


def _indexes_with_room(indexes: Sequence[int], xs: Sequence[float]) -> list[int]:
    """The indexes of the waves to label: the newest, and earlier ones at least 7 per cent apart.

    Newest first.
    """
    kept: list[int] = []
    for index in reversed(indexes):
        if not kept or xs[kept[-1]] - xs[index] >= _NARROWEST_LABEL:
            kept.append(index)
    return kept
