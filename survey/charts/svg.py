"""What all charts are drawn with: the light theme's colours, a score's range, and a few shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

INK, MUTE, CARD, TRACK, GRID = "#16202a", "#52606d", "#fff", "#dfe3e6", "#e3e6e8"
RANGE, RANGE_EDGE, DOT = "#9cc3d5", "#4f8aa3", "#0b5d7a"
# The class and the colour of each of five steps, most negative first.
SIDES = (("n2", "#9a3f0a"), ("n1", "#c9792f"), ("mid", "#8b949d"), ("p1", "#5b9ab8"), ("p2", DOT))
_ROUNDING_ERROR = 1e-6

Point = tuple[str, str]  # x and y as attributes of a shape, for example ("36.7%", "12")


@dataclass(frozen=True, slots=True)
class Range:
    """A score, its range and perhaps a target, 0 to 100; `ValueError` for a range out of order.

    Ends that are out of order or beyond the scale are refused: a drawing that cannot be right is
    worse than none. The target is not checked.
    """

    estimate: float
    low: float
    high: float
    target: float | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` unless 0 <= low <= estimate <= high <= 100."""
        ascending = (0, self.low, self.estimate, self.high, 100)
        if any(left > right + _ROUNDING_ERROR for left, right in pairwise(ascending)):
            raise ValueError(f"not a range within 0..100: {self}")


def svg_number(value: float) -> str:
    """A number as text for an SVG attribute, rounded to at most one decimal.

    >>> svg_number(36.666), svg_number(50), svg_number(-0.01)
    ('36.7', '50', '0')
    """
    digits = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def svg(height: float, parts: Sequence[str], width: str = "100%") -> Markup:
    """The SVG drawing of these shapes, hidden from screen readers; by default 100% wide.

    Where it holds words, they keep their direction in right-to-left pages.
    """
    shapes = "".join(parts)
    font = ' font-family="Inter, sans-serif" direction="ltr"' if "<text" in shapes else ""
    return Markup(
        f'<svg class="chart" width="{width}" height="{svg_number(height)}"{font}'
        f' aria-hidden="true">{shapes}</svg>'
    )


def bar(step: int, left: float, width: float, height: float) -> str:
    """The rectangle of one of five steps, in its colour; `left` and `width` in per cent.

    The per cent are of the drawing's width; 3 pixels stay free above and below.
    """
    name, colour = SIDES[step]
    place = (
        f'x="{svg_number(left)}%" width="{svg_number(width)}%" y="3"'
        f' height="{svg_number(height - 6)}"'
    )
    return f'<rect class="c-{name}" {place} fill="{colour}" stroke="{CARD}"/>'


def line(style_class: str, start: Point, end: Point, attributes: str = "") -> str:
    """An SVG line from `start` to `end`; `attributes` is further markup, after a space."""
    colour = GRID if style_class == "grid" else INK
    return (
        f'<line class="c-{style_class}" x1="{start[0]}" x2="{end[0]}" y1="{start[1]}" y2="{end[1]}"'
        f' stroke="{colour}"{attributes}/>'
    )


def text(style_class: str, place: Point, words: str, anchor: str = "start") -> str:
    """An SVG text with its words escaped, in the size and colour of its class."""
    size, colour = (12, INK) if style_class == "label" else (11, MUTE)
    position = f'x="{place[0]}" y="{place[1]}" text-anchor="{anchor}"'
    look = f'font-size="{size}" fill="{colour}"'
    return f'<text class="c-{style_class}" {position} {look}>{escape(words)}</text>'
