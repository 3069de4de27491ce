"""What all charts are drawn with: the light theme's colours, a score with its range, and a few shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

INK, MUTE, CARD, TRACK, GRID = "#16202a", "#52606d", "#fff", "#dfe3e6", "#e3e6e8"
RANGE, RANGE_EDGE, DOT = "#9cc3d5", "#4f8aa3", "#0b5d7a"
SIDES = (("n2", "#9a3f0a"), ("n1", "#c9792f"), ("mid", "#8b949d"), ("p1", "#5b9ab8"), ("p2", DOT))
_SLACK = 1e-6

Point = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Range:
    """A score with its range on a scale from 0 to 100, and a target where there is one; refuses ends out of order."""

    estimate: float
    low: float
    high: float
    target: float | None = None

    def __post_init__(self) -> None:
        """A drawing that cannot be right is worse than none."""
        if any(a > b + _SLACK for a, b in pairwise((0, self.low, self.estimate, self.high, 100))):
            raise ValueError(f"not a range within 0..100: {self}")


def svg_number(value: float) -> str:
    """A number for an attribute: one decimal at most.

    >>> svg_number(36.666), svg_number(50), svg_number(-0.01)
    ('36.7', '50', '0')
    """
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def svg(height: float, parts: Sequence[str], width: str = "100%") -> Markup:
    """A drawing as wide as what it stands in; where it holds words, they keep their direction in right-to-left pages."""
    body = "".join(parts)
    words = ' font-family="Inter, sans-serif" direction="ltr"' if "<text" in body else ""
    return Markup(
        f'<svg class="chart" width="{width}" height="{svg_number(height)}"{words}'
        f' aria-hidden="true">{body}</svg>'
    )


def bar(step: int, left: float, width: float, height: float) -> str:
    """One step's bar, in per cent of the width."""
    name, colour = SIDES[step]
    place = (
        f'x="{svg_number(left)}%" width="{svg_number(width)}%" y="3"'
        f' height="{svg_number(height - 6)}"'
    )
    return f'<rect class="c-{name}" {place} fill="{colour}" stroke="{CARD}"/>'


def line(kind: str, start: Point, end: Point, look: str = "") -> str:
    """A straight line between two places."""
    colour = GRID if kind == "grid" else INK
    return (
        f'<line class="c-{kind}" x1="{start[0]}" x2="{end[0]}" y1="{start[1]}" y2="{end[1]}"'
        f' stroke="{colour}"{look}/>'
    )


def text(kind: str, place: Point, words: str, anchor: str = "start") -> str:
    """Words in a drawing, escaped."""
    size, colour = (12, INK) if kind == "label" else (11, MUTE)
    where = f'x="{place[0]}" y="{place[1]}" text-anchor="{anchor}"'
    return (
        f'<text class="c-{kind}" {where} font-size="{size}" fill="{colour}">{escape(words)}</text>'
    )
