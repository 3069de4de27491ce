"""The stylesheet's colours can be told apart, by everybody, in both themes.

The charts' own colours are the light theme's.
"""

import re
from pathlib import Path

import pytest

from survey.charts import svg

SHEET = (Path(__file__).parents[2] / "survey" / "static" / "app.css").read_text()
TEXT, SEEN = 4.5, 3.0
GROUNDS = ("page", "card", "soft")
PAIRS = [
    *((TEXT, one, ground) for one in ("ink", "mute", "accent") for ground in GROUNDS),
    *((TEXT, one, "card") for one in ("bad", "good")),
    (TEXT, "bad", "bad-soft"),
    (TEXT, "ink", "bad-soft"),
    (TEXT, "accent", "bad-soft"),
    (TEXT, "on-accent", "accent"),
    (TEXT, "on-heat", "higher"),
    (TEXT, "on-heat", "lower"),
    *((SEEN, "edge", ground) for ground in ("page", "card")),
    *((SEEN, "ink", ground) for ground in GROUNDS),  # the focus ring
    *((SEEN, one, "card") for one in ("range-edge", "dot", "n2", "n1", "mid", "p1", "p2")),
    (SEEN, "accent", "card"),  # the chosen answer
]


def tokens(sheet: str, *, dark: bool) -> dict[str, str]:
    """The colours of a theme; the dark one overrides the light one."""
    light, _, after = sheet.partition("prefers-color-scheme: dark")
    blocks = [light, after.partition("\n}\n")[0]] if dark else [light]
    return {
        name: colour
        for block in blocks
        for name, colour in re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", block)
    }


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def full(colour: str) -> str:
    """#abc as #aabbcc."""
    return "#" + "".join(2 * c for c in colour[1:]) if len(colour) == 4 else colour


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#ffffff", "#ffffff", 1.0)],
)
def test_the_formula_gives_the_known_ratios(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everything_that_must_be_read_or_seen_can_be(dark: bool) -> None:  # noqa: FBT001
    found = tokens(SHEET, dark=dark)
    faint = {
        f"{one} on {ground}": round(ratio, 2)
        for least, one, ground in PAIRS
        if (ratio := contrast(found[one], found[ground])) < least
    }
    assert not faint


def test_the_dark_theme_has_colours_of_its_own() -> None:
    light, dark = tokens(SHEET, dark=False), tokens(SHEET, dark=True)
    assert {name for name in light if light[name] != dark[name]} >= {
        *GROUNDS,
        "ink",
        "mute",
        "accent",
        "bad",
        "good",
        "dot",
        "range",
    }


def test_charts_are_written_in_the_colours_of_the_light_theme() -> None:
    light = tokens(SHEET, dark=False)
    written = {
        "ink": svg.INK,
        "mute": svg.MUTE,
        "card": svg.CARD,
        "track": svg.TRACK,
        "grid": svg.GRID,
    }
    written |= {"range": svg.RANGE, "range-edge": svg.RANGE_EDGE, "dot": svg.DOT} | dict(svg.SIDES)
    assert {name: full(colour) for name, colour in written.items()} == {
        name: light[name] for name in written
    }


def test_no_rule_names_a_colour_but_through_a_token() -> None:
    rules = SHEET[SHEET.index("/* Ground */") :]
    assert set(re.findall(r"#[0-9a-f]{3,8}\b", rules)) <= {
        "#fff"
    }  # paper, and the ground of a framed mail
