"""Scores over waves: a line with its comparison ranges as a band."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from survey.charts.svg import CARD, DOT, RANGE, Range, line, svg, svg_number, text

TOP, BELOW = 12, 30
_NARROWEST_LABEL = 7.0  # per cent of the width that a wave's label needs on a wide screen


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One wave in a trend: its moment in any unit of time, and its score, or None where it may not be shown.

    `broken` starts a new line, for another wording or after a wave that is missing. A `part` asked some of the people only: it is
    drawn small, with its range, and no line joins it.
    """

    label: str
    at: float
    score: Range | None
    imported: bool = False
    broken: bool = False
    part: bool = False


def draw_trend(
    points: Sequence[TrendPoint], target: float | None = None, height: float = 220
) -> Markup:
    """Scores over waves with their comparison ranges as a band, on a whole scale of 0 to 100, waves placed by time.

    A line ends where a wave is missing or another wording begins; imported waves are hollow.
    """
    tall = height - TOP - BELOW
    across = _across([point.at for point in points])
    runs = _runs(points)
    bands = "".join(_band(points, run, across) for run in runs if len(run) > 1)
    newest = next(
        (point.score.estimate for point in reversed(points) if point.score and not point.part), 0.0
    )
    parts = [
        *_scale(tall),
        (
            f'<svg y="{TOP}" width="100%" height="{svg_number(tall)}" viewBox="0 0 100 100"'
            f' preserveAspectRatio="none">{bands}</svg>'
        ),
        *(_alone(points[run[0]], across[run[0]], tall) for run in runs if len(run) == 1),
        *(
            _alone(point, at, tall, wide=4)
            for point, at in zip(points, across, strict=True)
            if point.part
        ),
        *(_target(target, newest, tall) if target is not None else ()),
        *(_dot(point, at, tall) for point, at in zip(points, across, strict=True)),
        *_labels(points, across, height - 10),
    ]
    return svg(height, parts)


def _down(value: float, tall: float) -> float:
    return TOP + tall * (1 - value / 100)


def _across(moments: Sequence[float]) -> list[float]:
    """Per cent from the left, in proportion to time; one wave alone stands in the middle."""
    first, length = min(moments, default=0), max(moments, default=0) - min(moments, default=0)
    return [4 + 92 * (at - first) / length if length else 50 for at in moments]


def _runs(points: Sequence[TrendPoint]) -> list[list[int]]:
    """Stretches of waves that one line may join: the same wording, and each with a score."""
    stretches: list[list[int]] = []
    fresh = True
    for index, point in enumerate(points):
        if point.part:
            continue
        if point.score is None:
            fresh = True
            continue
        if fresh or point.broken:
            stretches.append([])
        fresh = False
        stretches[-1].append(index)
    return stretches


def _scale(tall: float) -> list[str]:
    parts = []
    for value in (0, 50, 100):
        at = _down(value, tall)
        parts.append(line("grid", ("0", svg_number(at)), ("100%", svg_number(at))))
        parts.append(
            text("tick", ("0", svg_number(at - 3)), f"{value}{'%' if value == 100 else ''}")
        )
    return parts


def _band(points: Sequence[TrendPoint], run: Sequence[int], across: Sequence[float]) -> str:
    scores = [(svg_number(across[i]), score) for i in run if (score := points[i].score)]
    above = [f"{x},{svg_number(100 - score.high)}" for x, score in scores]
    below = [f"{x},{svg_number(100 - score.low)}" for x, score in reversed(scores)]
    scored = " ".join(f"{x},{svg_number(100 - score.estimate)}" for x, score in scores)
    return (
        f'<polygon class="c-band" points="{" ".join(above + below)}" fill="{RANGE}"'
        f' fill-opacity=".5"/><polyline class="c-line" points="{scored}" fill="none" stroke="{DOT}"'
        ' stroke-width="2.5" vector-effect="non-scaling-stroke"/>'
    )


def _alone(point: TrendPoint, at: float, tall: float, wide: int = 8) -> str:
    """The range of a wave that no line joins: a band would have no width."""
    if not point.score:
        return ""
    high, low = _down(point.score.high, tall), _down(point.score.low, tall)
    place = (
        f'x="{svg_number(at)}%" y="{svg_number(high)}" width="{wide}"'
        f' height="{svg_number(low - high)}" transform="translate(-{svg_number(wide / 2)})"'
    )
    return f'<rect class="c-band" {place} fill="{RANGE}" fill-opacity=".5"/>'


def _target(target: float, newest: float, tall: float) -> tuple[str, str]:
    """The target's line; its words stand on the side of the line where the newest score is not."""
    at = _down(target, tall)
    beside = at + 19 if newest > target else at - 10
    return (
        line(
            "target",
            ("0", svg_number(at)),
            ("100%", svg_number(at)),
            ' stroke-width="1.5" stroke-dasharray="5 4"',
        ),
        text("label", ("100%", svg_number(beside)), f"Target {svg_number(target)}%", "end"),
    )


def _dot(point: TrendPoint, at: float, tall: float) -> str:
    if not point.score:
        return ""
    kind, fill = ("hollow", CARD) if point.imported else ("point", DOT)
    place = (
        f'cx="{svg_number(at)}%" cy="{svg_number(_down(point.score.estimate, tall))}"'
        f' r="{3 if point.part else 4.5}"'
    )
    return f'<circle class="c-{kind}" {place} fill="{fill}" stroke="{DOT}" stroke-width="2"/>'


def _labels(points: Sequence[TrendPoint], across: Sequence[float], y: float) -> list[str]:
    """Labels of the waves that have room for one, the newest first; every second gives way on a phone."""
    kept: list[int] = []
    for index in [at for at in reversed(range(len(points))) if not points[at].part] or reversed(
        range(len(points))
    ):
        if not kept or across[kept[-1]] - across[index] >= _NARROWEST_LABEL:
            kept.append(index)
    return [
        text(
            "tick c-thin" if place % 2 else "tick",
            (f"{svg_number(across[index])}%", svg_number(y)),
            points[index].label,
            "middle",
        )
        for place, index in enumerate(kept)
    ]
