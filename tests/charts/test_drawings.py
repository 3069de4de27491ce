"""Charts: numbers stand where they belong; markup needs no script, style or fixed width."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from survey.charts import drawings
from survey.charts.drawings import Range, TrendPoint

QUARTERS = [TrendPoint(f"Q{i}", 91.0 * i, Range(50 + i, 40 + i, 60 + i)) for i in range(6)]
RANGES = st.lists(st.floats(0, 100), min_size=3, max_size=3).map(sorted)
COUNTS = st.lists(st.integers(0, 400), min_size=5, max_size=5).map(tuple)
DRAWN = {
    "whisker": drawings.dot_and_whisker(Range(36.7, 27.2, 48.6, 60)),
    "axis": drawings.axis(),
    "diverging": drawings.diverging((3, 8, 8, 9, 2), (40, 80)),
    "middle": drawings.middle((3, 8, 8, 9, 2), 30),
    "column": drawings.column(12.5),
    "swatch": drawings.swatch(0),
    "trend": drawings.draw_trend(QUARTERS, 70),
}


def parts(drawing: Markup, style_class: str) -> list[dict[str, str]]:
    """The attributes of all shapes of one class, in order."""
    return [
        dict(shape.attrib)
        for shape in ET.fromstring(drawing).iter()
        if style_class in shape.get("class", "").split()
    ]


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_is_hidden_from_screen_readers_and_has_no_style_and_no_script(name: str) -> None:
    root = ET.fromstring(DRAWN[name])
    assert root.get("aria-hidden") == "true"
    assert all(
        not key.startswith("on") and key != "style" for shape in root.iter() for key in shape.attrib
    )
    assert all(
        shape.tag in {"svg", "rect", "line", "circle", "text", "polygon", "polyline"}
        for shape in root.iter()
    )


@pytest.mark.parametrize("name", sorted(set(DRAWN) - {"swatch"}))
def test_a_drawing_stretches_with_what_it_stands_in(name: str) -> None:
    root = ET.fromstring(DRAWN[name])
    assert root.get("width") == "100%"
    assert root.get("viewBox") is None


def test_score_range_and_target_stand_at_their_numbers() -> None:
    drawing = DRAWN["whisker"]
    assert parts(drawing, "c-dot")[0]["cx"] == "36.7%"
    assert (parts(drawing, "c-range")[0]["x"], parts(drawing, "c-range")[0]["width"]) == (
        "27.2%",
        "21.4%",
    )
    assert parts(drawing, "c-target")[0]["x1"] == parts(drawing, "c-target")[0]["x2"] == "60%"


def test_the_target_is_drawn_over_the_range_that_would_hide_it() -> None:
    order = re.findall(r"c-(?:range|target|dot)", drawings.dot_and_whisker(Range(69, 60, 76, 70)))
    assert order == ["c-range", "c-target", "c-dot"]


def test_without_a_target_no_line_is_drawn() -> None:
    assert not parts(drawings.dot_and_whisker(Range(69, 60, 76)), "c-target")


def test_a_range_without_width_is_still_seen() -> None:
    bar = parts(drawings.dot_and_whisker(Range(69, 69, 69)), "c-range")[0]
    assert float(bar["width"].rstrip("%")) > 0


@pytest.mark.parametrize(
    "ends", [(50, 60, 70), (50, 40, 45), (50, -1, 70), (50, 40, 101), (101, 40, 101)]
)
def test_a_range_that_cannot_be_right_is_refused(ends: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="not a range"):
        Range(*ends)


@given(RANGES)
def test_every_range_is_drawn_within_the_scale(ends: list[float]) -> None:
    low, estimate, high = ends
    drawing = drawings.dot_and_whisker(Range(estimate, low, high))
    bar = parts(drawing, "c-range")[0]
    dot = parts(drawing, "c-dot")[0]
    assert 0 <= float(bar["x"].rstrip("%")) <= 100
    assert 0 <= float(dot["cx"].rstrip("%")) <= 100


def test_negative_answers_lie_left_of_the_line_and_positive_right_in_order() -> None:
    drawing = drawings.diverging((3, 8, 8, 9, 2), (40, 80))
    zero = float(parts(drawing, "c-zero")[0]["x1"].rstrip("%"))
    ends = {}
    for side in ("c-n2", "c-n1", "c-p1", "c-p2"):
        bar = parts(drawing, side)[0]
        left = float(bar["x"].rstrip("%"))
        ends[side] = (left, left + float(bar["width"].rstrip("%")))
    assert ends["c-n2"][1] == pytest.approx(ends["c-n1"][0], abs=0.2)
    assert ends["c-n1"][1] == pytest.approx(zero, abs=0.2)
    assert ends["c-p1"][0] == pytest.approx(zero, abs=0.2)
    assert ends["c-p2"][0] == pytest.approx(ends["c-p1"][1], abs=0.2)


def test_the_middle_answer_is_on_neither_side_of_the_line() -> None:
    assert not parts(drawings.diverging((3, 8, 8, 9, 2), (40, 80)), "c-mid")


@given(COUNTS, COUNTS)
def test_rows_of_one_table_are_drawn_on_one_scale(
    first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    """Equal shares have equal widths, whatever the rest of the row holds."""
    widths = []
    for counts in (first, tuple(2 * count for count in first), second):
        bars = parts(drawings.diverging(counts, (60, 90)), "c-p1")
        widths.append(bars[0]["width"] if bars else None)
    assert widths[0] == widths[1]


def test_a_step_that_nobody_chose_leaves_no_mark() -> None:
    assert not parts(drawings.diverging((0, 8, 8, 9, 2), (40, 80)), "c-n2")


@pytest.mark.parametrize("counts", [(1, 2, 3), (1, 2, 3, 4, 5, 6), ()])
def test_only_five_steps_have_two_sides_and_a_middle(counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="five steps"):
        drawings.diverging(counts, (40, 80))


def test_no_answers_at_all_draw_nothing_but_the_line() -> None:
    drawing = drawings.diverging((0, 0, 0, 0, 0), (1, 1))
    assert len(ET.fromstring(drawing)) == 1
    assert len(ET.fromstring(drawings.middle((0, 0, 0, 0, 0), 1))) == 0


def lines(points: list[TrendPoint]) -> list[int]:
    """How many waves each line of a trend joins."""
    return [len(line["points"].split()) for line in parts(drawings.draw_trend(points), "c-line")]


def changed(points: list[TrendPoint], at: int, **more: object) -> list[TrendPoint]:
    """The same waves, one of them otherwise."""
    old = points[at]
    fields = {
        "score": old.score,
        "is_imported": old.is_imported,
        "starts_line": old.starts_line,
    } | more
    return [*points[:at], TrendPoint(old.label, old.at, **fields), *points[at + 1 :]]  # type: ignore[arg-type]


def test_one_line_joins_waves_that_asked_the_same() -> None:
    assert lines(QUARTERS) == [6]


def test_no_line_runs_through_a_break() -> None:
    assert lines(changed(QUARTERS, 2, starts_line=True)) == [2, 4]


def test_a_wave_that_may_not_be_shown_leaves_a_gap_and_no_point() -> None:
    points = changed(QUARTERS, 3, score=None)
    assert lines(points) == [3, 2]
    assert len(parts(drawings.draw_trend(points), "c-point")) == 5


def test_a_wave_alone_still_shows_its_range() -> None:
    drawing = drawings.draw_trend(
        changed(changed(QUARTERS, 1, starts_line=True), 2, starts_line=True)
    )
    alone = [band for band in parts(drawing, "c-band") if "height" in band]
    assert len(alone) == 2
    assert all(float(band["height"]) > 0 for band in alone)


def test_imported_waves_are_hollow() -> None:
    drawing = drawings.draw_trend(changed(QUARTERS, 0, is_imported=True))
    assert (len(parts(drawing, "c-hollow")), len(parts(drawing, "c-point"))) == (1, 5)


def test_waves_stand_where_their_time_puts_them() -> None:
    late = [*QUARTERS[:3], TrendPoint("late", 91.0 * 8, QUARTERS[3].score)]
    first, second, third, last = (
        float(dot["cx"].rstrip("%")) for dot in parts(drawings.draw_trend(late), "c-point")
    )
    assert second - first == pytest.approx(third - second, abs=0.2)
    assert last - third == pytest.approx(6 * (second - first), abs=0.5)


def test_a_higher_score_stands_higher() -> None:
    heights = [float(dot["cy"]) for dot in parts(drawings.draw_trend(QUARTERS), "c-point")]
    assert heights == sorted(heights, reverse=True)


def test_the_newest_wave_keeps_its_label_and_crowded_ones_give_way() -> None:
    crowd = [TrendPoint(f"W{i}", float(i), Range(50, 40, 60)) for i in range(60)]
    labels = re.findall(r">(W\d+)<", drawings.draw_trend(crowd))
    assert "W59" in labels
    assert len(labels) <= 14


def test_every_second_label_gives_way_on_a_phone() -> None:
    drawing = drawings.draw_trend(QUARTERS)
    thin = [label for label in parts(drawing, "c-tick") if "c-thin" in label["class"]]
    assert len(thin) == 3


@pytest.mark.parametrize(("newest", "above"), [(50, True), (90, False)])
def test_the_words_of_the_target_keep_clear_of_the_newest_score(newest: float, above: bool) -> None:  # noqa: FBT001
    drawing = drawings.draw_trend(
        [*QUARTERS, TrendPoint("now", 600, Range(newest, newest - 5, newest + 5))], 70
    )
    line_y = float(parts(drawing, "c-target")[0]["y1"])
    words_y = float(parts(drawing, "c-label")[0]["y"])
    assert (words_y < line_y) is above


def test_labels_are_escaped() -> None:
    drawing = drawings.draw_trend(
        [TrendPoint("<b>&", 0, Range(50, 40, 60)), TrendPoint("x", 1, None)]
    )
    assert "<b>" not in drawing
    assert "&lt;b&gt;&amp;" in drawing


def test_no_waves_draw_an_empty_scale() -> None:
    assert not parts(drawings.draw_trend([]), "c-point")


def cells(score: Range) -> list[tuple[int, str]]:
    """Width in per cent and colour of each cell of the mail's chart."""
    return [
        (int(width), colour)
        for width, colour in re.findall(
            r'width="(\d+)%" height="12" bgcolor="(#\w+)"', drawings.range_cells(score)
        )
    ]


@given(RANGES, st.none() | st.floats(0, 100))
def test_the_mails_chart_fills_the_whole_scale_whatever_it_shows(
    ends: list[float], target: float | None
) -> None:
    low, estimate, high = ends
    drawn = cells(Range(estimate, low, high, target))
    assert sum(width for width, _ in drawn) == 100
    colours = {colour for _, colour in drawn}
    assert "#0b5d7a" in colours
    assert ("#16202a" in colours) is (target is not None)


def test_the_mails_chart_shows_range_score_and_target_in_place() -> None:
    places, left = {}, 0
    for width, colour in cells(Range(37, 27.2, 48.6, 60)):
        places.setdefault(colour, (left, left + width))
        left += width
    assert places["#9cc3d5"][0] == 27
    assert places["#0b5d7a"] == (36, 39)
    assert places["#16202a"] == (60, 61)
