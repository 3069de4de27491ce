"""Is it getting better: the line through five to eight waves, in every file and on every page."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from survey.findings.document.rules.evidence import EarlierWave
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.rules import Findings
from survey.findings.words.rules import wording
from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.trend_sentences import (
    first_and_latest,
    since,
    trend_headline,
    trends_in_short,
    why_no_trend,
)
from tests.findings.apart import Cells, kish, line, weighted
from tests.findings.many_waves import (
    NOW,
    QUARTERS,
    Document,
    company,
    counted,
    document,
    earlier,
    two_departments,
)
from tests.findings.test_presentation import wave

INVITED = {"Sales": 100, "Service": 100}
DAYS = [*QUARTERS[::-1], NOW]
# Satisfied of Sales and of Service, answers of each: oldest first.
Script = Sequence[tuple[tuple[int, int], tuple[int, int]]]
RISING: Script = [((20 + 5 * at, 10 + 3 * at), (60, 40)) for at in range(8)]
SWINGING: Script = [((x, x // 2), (60, 40)) for x in (30, 45, 28, 47, 31, 46, 29, 44)]


def after(script: Script, **facts: Any) -> Document:
    """The document of the last of these waves after the others, a quarter apart."""
    days = DAYS[-len(script) :]
    before = [
        earlier(day, tally=two_departments(*part))
        for day, part in zip(days[:-1], script[:-1], strict=True)
    ]
    return document(*before[::-1], counts=two_departments(*script[-1]), **facts)


def cells(part: tuple[tuple[int, int], tuple[int, int]]) -> Cells:
    return dict(zip(INVITED, zip(*part, strict=True), strict=True))


def expected_line(script: Script) -> dict[str, float]:
    days = [date.fromisoformat(day).toordinal() for day in DAYS[-len(script) :]]
    waves = [(weighted(cells(part), INVITED)[0], kish(cells(part), INVITED)) for part in script]
    return line(days, waves)


def trend_of(computed: Document, question: str = "OVR1") -> Document:
    return dict(company(computed, question)["trend"])


@pytest.mark.parametrize("waves", [5, 6, 8])
@pytest.mark.parametrize("script", [RISING, SWINGING, RISING[::-1]], ids=["up", "swings", "down"])
def test_the_line_is_that_of_weighted_least_squares_computed_apart(
    script: Script, waves: int
) -> None:
    part = script[-waves:]
    trend, expected = trend_of(after(part)), expected_line(part)
    assert {key: trend[key] for key in expected} == pytest.approx(expected, rel=1e-6, abs=1e-12)
    values = [weighted(cells(each), INVITED)[0] for each in (part[0], part[-1])]
    assert [trend["first"], trend["latest"]] == pytest.approx(values)
    assert (trend["waves"], trend["imported"]) == (waves, 0)
    assert trend["slugs"] == [f"it-{day}" for day in DAYS[-waves:]]
    assert (trend["since"], trend["opened"]) == (f"it-{DAYS[-waves]}", DAYS[-waves])
    clear = expected["p_value"] <= 0.05
    assert clear is (script is not SWINGING)
    way = "clearly up" if expected["estimate"] > 0 else "clearly down"
    assert trend["verdict"] == (way if clear else "no clear trend")


def test_with_fewer_than_five_waves_there_is_no_trend_and_of_nine_the_last_eight_count() -> None:
    assert "trend" not in company(after(RISING[-4:]), "OVR1")
    older = earlier("2025-01-13", tally=two_departments((60, 40), (60, 40)))
    before = [
        earlier(day, tally=two_departments(*part))
        for day, part in zip(DAYS[:-1], RISING[:-1], strict=True)
    ]
    computed = document(*before[::-1], older, counts=two_departments(*RISING[-1]))
    assert trend_of(computed) == trend_of(after(RISING))


def test_only_the_companys_first_figure_of_a_question_has_a_trend() -> None:
    found = [
        (measure["statistic"], measure["group"])
        for measure in after(RISING)["measures"]
        if "trend" in measure
    ]
    assert set(found) == {("top2", None)}
    assert len(found) == 6


def before_example(change: Callable[[int, EarlierWave], EarlierWave]) -> Document:
    """The worked example after seven waves alike, each of them altered; place 0 is the newest."""
    return document(*(change(at, earlier(day)) for at, day in enumerate(QUARTERS)))


def test_an_imported_wave_is_in_and_told() -> None:
    computed = before_example(lambda at, wave: replace(wave, imported=at in {2, 6}))
    trend = trend_of(computed)
    assert (trend["waves"], trend["imported"]) == (8, 2)
    assert "In 8 waves, 2 of them imported: 69% first, 69% now." in trend["words"]


def test_history_whose_departments_have_other_names_moves_no_mix() -> None:
    def of_another_tool(at: int, wave: EarlierWave) -> EarlierWave:
        if at < 6:
            return wave
        groups = tuple(
            replace(group, name=f"Faculty {number}", members=(f"Faculty {number}",))
            for number, group in enumerate(wave.tally.groups)
        )
        renamed = {
            question: {f"Faculty {number}": cell for number, cell in enumerate(by_group.values())}
            for question, by_group in wave.tally.cells.items()
        }
        tally = replace(wave.tally, groups=groups, cells=renamed)
        return replace(wave, imported=True, tally=tally)

    assert "mix_changed" not in trend_of(before_example(of_another_tool))


@pytest.mark.parametrize(
    "facts", [{"baseline": True}, {"closed_early": "the provider changed"}], ids=str
)
def test_a_baseline_wave_and_one_that_was_closed_early_have_a_trend(facts: dict[str, Any]) -> None:
    """They count for nothing else, and are numbers of answers like the others here."""
    assert trend_of(after(RISING, **facts)) == trend_of(after(RISING))


FEW = {"OVR1": [(2, 3), (2, 2), (1, 2), (1, 2)]}


def test_a_wave_below_ten_answers_is_left_out_and_leaves_a_gap() -> None:
    trend = trend_of(
        before_example(lambda at, wave: replace(wave, tally=counted(FEW)) if at == 3 else wave)
    )
    assert trend["waves"] == 7
    assert f"it-{QUARTERS[3]}" not in trend["slugs"]
    with_gap = trend_of(document(*(earlier(day) for day in QUARTERS if day != QUARTERS[3])))
    assert {key: trend[key] for key in ("estimate", "low", "high", "p_value")} == {
        key: with_gap[key] for key in ("estimate", "low", "high", "p_value")
    }


def test_what_was_answered_never_decides_whether_a_wave_is_in() -> None:
    """Ten answers all alike are in; nine are out, however they are spread."""
    alike = {"OVR1": [(4, 4), (2, 2), (2, 2), (2, 2)]}
    spread = {"OVR1": [(2, 3), (1, 2), (1, 2), (0, 2)]}
    for answers, waves in ((alike, 8), (spread, 7)):
        computed = before_example(
            lambda at, wave, answers=answers: (  # type: ignore[misc]
                replace(wave, tally=counted(answers)) if at == 6 else wave
            )
        )
        assert trend_of(computed)["waves"] == waves


def test_where_this_wave_has_too_few_answers_there_is_no_trend() -> None:
    few = document(*(earlier(day) for day in QUARTERS), counts=counted(FEW))
    assert "trend" not in company(few, "OVR1")
    assert "trend" in company(few, "REL1")
    assert few["headline"].startswith(("1 of", "2 of", "3 of")), "no trend of another measure"


def test_another_wording_in_the_middle_begins_a_new_line() -> None:
    def reworded(since_place: int) -> Callable[[int, EarlierWave], EarlierWave]:
        def change(at: int, wave: EarlierWave) -> EarlierWave:
            if at < since_place:
                return wave
            questions = tuple(
                replace(q, revision=2) if q.id == "OVR1" else q
                for q in wave.questionnaire.questions
            )
            form = type(wave.questionnaire).of(
                slug="other", title="Other", language="en", preamble="", questions=questions
            )
            return replace(wave, questionnaire=form)

        return change

    after_four = before_example(reworded(4))
    assert trend_of(after_four)["waves"] == 5
    assert trend_of(after_four)["since"] == f"it-{QUARTERS[3]}"
    assert trend_of(after_four, "REL1")["waves"] == 8
    assert "trend" not in company(before_example(reworded(3)), "OVR1")


def test_where_other_departments_were_invited_than_at_its_beginning_no_trend_is_clear() -> None:
    def of(people: tuple[int, int]) -> Document:
        before = [
            earlier(day, tally=two_departments(*part, people=people if at == 0 else (100, 100)))
            for at, (day, part) in enumerate(zip(DAYS[:-1], RISING[:-1], strict=True))
        ]
        return document(*before[::-1], counts=two_departments(*RISING[-1]))

    clear, moved = of((110, 100)), of((160, 100))
    assert (trend_of(clear)["verdict"], "mix_changed" in trend_of(clear)) == ("clearly up", False)
    trend = trend_of(moved)
    assert (trend["verdict"], trend["direction"], trend["mix_changed"]) == (
        "no clear trend", "unclear", True,
    )  # fmt: skip
    assert trend["words"].endswith(wording.MIX_CHANGED)
    assert moved["headline"].startswith("No clear trend since April 2025 (")


def test_a_trend_that_begins_with_a_quarter_of_thirds_names_the_quarter() -> None:
    def of_thirds(at: int, wave: EarlierWave) -> EarlierWave:
        return replace(wave, quarter="2025-q2") if at == 6 else wave

    trend = trend_of(before_example(of_thirds))
    assert trend["quarter"] == "2025-q2"
    assert trend["words"].startswith("No clear trend since Q2 2025 (")


def test_the_headline_and_the_sentence_say_how_much_since_when_first_and_latest() -> None:
    computed = after(RISING)
    trend = trend_of(computed)
    points = round(100 * trend["estimate"])
    low, high = int(100 * trend["low"]), -int(-100 * trend["high"] // 1)
    opening = f"Clearly up: about {points} points since April 2025 ({low} to {high} up)"
    assert computed["headline"].startswith(f"{opening} for “Satisfied overall”. ")
    assert trend["words"] == f"{opening}. In 8 waves: 29% first, 85% now."
    shown = present_document(computed)
    assert shown.rise is not None
    assert (shown.rise.words, shown.rise.look, shown.rise.waves) == ("Clearly up", "higher", 8)
    assert shown.rise.first_and_latest == "In 8 waves: 29% first, 85% now."
    assert shown.trends_in_short == "6 of 6 measures are clearly up, none clearly down."
    assert shown.main_trends[0].question == "OVR1"
    assert len(shown.main_trends) == 6


def test_where_nothing_is_clear_the_sentence_says_what_would_have_shown() -> None:
    trend = trend_of(after(SWINGING))
    points = round(100 * trend["detectable"])
    assert trend["words"].startswith("No clear trend since April 2025 (")
    assert trend["words"].endswith(
        f"With this many answers only a rise of about {points} points or more can be detected."
    ), "from 44% nothing falls so far"


def judged(**facts: Any) -> Document:
    base = {
        "verdict": "no clear trend", "estimate": 0.02, "low": -0.08, "high": 0.12, "waves": 8,
        "opened": "2025-01-13", "imported": 0, "first": 0.75, "latest": 0.75, "family": 2,
        "comparisons": 10, "detectable": 0.15, "detectable_rise": 0.15, "detectable_fall": 0.15,
    }  # fmt: skip
    return base | facts


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "With this many answers only a change of about 15 points or more can be detected."),
        (
            {"detectable_rise": None},
            "With this many answers only a fall of about 15 points or more can be detected.",
        ),
        (
            {"detectable_fall": None},
            "With this many answers only a rise of about 15 points or more can be detected.",
        ),
        ({"detectable": None}, "Even the largest possible change would often go unnoticed here."),
        (
            {"estimate": 0.2},
            "With this many answers a change of about 15 points is not always detected.",
        ),
        (
            {"estimate": 0.2, "low": 0.05},
            "Up 20 points, but among 10 comparisons one such rise can be luck.",
        ),
        (
            {"estimate": -0.2, "high": -0.05},
            "Down 20 points, but among 10 comparisons one such fall can be luck.",
        ),
        (
            {"mix_changed": True, "low": 0.05},
            wording.MIX_CHANGED,
        ),
    ],
)
def test_why_no_trend_is_clear_is_said_in_one_sentence(
    facts: dict[str, Any], sentence: str
) -> None:
    assert why_no_trend(judged(**facts), "top2") == sentence


def test_a_fall_a_mean_and_a_quarter_have_their_own_words() -> None:
    fall = judged(verdict="clearly down", estimate=-0.5, low=-0.662, high=-0.341)
    assert trend_headline(fall, "top2") == (
        "Clearly down: about 50 points since January 2025 (34 to 67 down)"
    )
    promoters = judged(estimate=4.0, low=-12.2, high=20.0, first=-20.0, latest=12.0)
    assert trend_headline(promoters, "nps") == (
        "No clear trend since January 2025 (13 points down to 20 up)"
    )
    assert first_and_latest(promoters, "nps") == "In 8 waves: \u221220 first, 12 now."
    assert since(judged(quarter="2025-q1")) == "Q1 2025"


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([], ""),
        (["no clear trend"], "The measure has no clear trend."),
        (["no clear trend"] * 3, "No clear trend in any of 3 measures."),
        (["clearly up"], "The measure is clearly up."),
        (
            ["clearly down", "no clear trend", "clearly down"],
            "None of 3 measures is clearly up, 2 clearly down.",
        ),
    ],
)
def test_trends_are_counted_in_one_sentence(verdicts: list[str], sentence: str) -> None:
    assert trends_in_short([{"verdict": verdict} for verdict in verdicts]) == sentence


def csv_line(computed: Document, question: str) -> dict[str, str]:
    findings = Findings(wave(), 1, computed["digest"], computed)  # type: ignore[arg-type]
    rows = csv.DictReader(io.StringIO(as_csv(findings), newline=""))
    return next(
        row
        for row in rows
        if (row["question"], row["statistic"], row["group"]) == (question, "top2", "")
    )


def test_the_file_holds_the_documents_own_trend_and_none_where_there_is_none() -> None:
    computed = after(RISING)
    trend, row = trend_of(computed, "REL1"), csv_line(computed, "REL1")
    assert [row[f"trend{name}"] for name in ("", "_low", "_high", "_p_value", "_q_value")] == [
        str(trend[name]) for name in ("estimate", "low", "high", "p_value", "q_value")
    ]
    assert (row["trend_since"], row["trend_waves"]) == ("it-2025-04-14", "8")
    assert (row["trend_verdict"], row["trend_words"]) == ("clearly up", trend["words"])
    assert csv_line(computed, "OVR1")["trend_q_value"] == "", "the headline has no q-value"
    without = csv_line(after(RISING[-3:]), "REL1")
    assert {value for name, value in without.items() if name.startswith("trend")} == {""}
