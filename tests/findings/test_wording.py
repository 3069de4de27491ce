"""Words and printed numbers never claim more than a verdict does."""

import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from survey.findings.words.rules import printing, wording
from survey.statistics.values import Interval
from survey.statistics.verdicts import Verdict, verdict

FORBIDDEN = re.compile(
    r"\b(better|worse|improved|declined|happy|happier|significant|significantly|margin of"
    r" error)\b|±",
    re.IGNORECASE,
)
SHARE = st.floats(0, 1)
VERDICTS = st.lists(st.sampled_from([verdict.value for verdict in Verdict]), max_size=12)


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace("+", "").rstrip("%"))


def share(
    estimate: float, low: float, high: float, target: float | None = None, **more: Any
) -> dict[str, Any]:
    """A measure of the findings document."""
    measure = {
        "shown": True,
        "statistic": "top2",
        "estimate": estimate,
        "low": low,
        "high": high,
        "method": "Wilson",
    }
    if target is not None:
        measure |= {
            "target": target,
            "verdict": verdict(Interval(estimate, low, high, 0.95, ""), target).value,
        }
    return measure | more


@pytest.mark.parametrize(
    ("estimate", "low", "high", "target", "printed"),
    [
        (0.3667, 0.272, 0.486, 0.60, "37% (27 to 49)"),
        (0.38, 0.293, 0.466, 0.60, "38% (29 to 47)"),
        (0.69, 0.603, 0.757, 0.70, "69% (60 to 76)"),
        (0.5, 0.3553, 0.6447, 0.65, "50% (35.5 to 64.5)"),
        (0.88, 0.7501, 0.92, 0.75, "88% (75 to 92)"),
        (0.605, 0.5, 0.7, None, "61% (50 to 70)"),
        (0.0, 0.0, 0.1, None, "0% (0 to 10)"),
        (0.698, 0.6, 0.6995, 0.70, "69.80% (60.00 to 69.95)"),
    ],
)
def test_scores_print_as_the_rules_say(
    estimate: float, low: float, high: float, target: float | None, printed: str
) -> None:
    assert printing.score_with_range(share(estimate, low, high, target)) == printed


def test_means_print_to_one_decimal_and_net_promoter_scores_whole() -> None:
    assert (
        printing.score_with_range(share(3.25, 3.01, 3.49) | {"statistic": "mean"})
        == "3.3 (3.0 to 3.5)"
    )
    assert (
        printing.score_with_range(share(-9.5, -30.2, 12.1) | {"statistic": "nps"})
        == "\u221210 (\u221231 to 13)"
    )


def test_where_everyone_answered_there_is_no_range() -> None:
    assert (
        printing.score_with_range(share(0.7, 0.7, 0.7, method="everyone answered"))
        == "70% (everyone answered)"
    )


def test_a_hidden_measure_prints_its_words_and_no_number() -> None:
    assert (
        printing.score_with_range(
            {"shown": False, "statistic": "top2", "words": "Too few answers to say"}
        )
        == "Too few answers to say"
    )


def test_a_target_is_printed_as_it_was_set() -> None:
    assert [printing.percent(target) for target in (0.07, 0.29, 0.725, 0.8)] == [
        "7%",
        "29%",
        "72.5%",
        "80%",
    ]


@given(SHARE, SHARE, SHARE, st.floats(0.01, 0.99))
@example(0.5, 0.3, 0.69999999, 0.7)
@example(0.9, 0.70000001, 0.95, 0.7)
@example(0.9, 0.7 - 1e-12, 0.95, 0.7)
def test_no_printed_range_contradicts_its_verdict(
    a: float, b: float, c: float, target: float
) -> None:
    low, estimate, high = sorted((a, b, c))
    target = round(target, 3)
    measure = share(estimate, low, high, target)
    ends = [number(end) for end in printing.score_range(measure).split(" to ")]
    goal = number(printing.percent(target))
    match measure["verdict"]:
        case "misses":
            assert ends[1] < goal
        case "meets":
            assert ends[0] >= goal
        case _:
            assert ends[0] <= goal <= ends[1]


@given(SHARE, SHARE, SHARE, st.none() | st.floats(0.01, 0.99))
def test_a_printed_score_never_leaves_its_printed_range_and_the_range_never_shrinks(
    a: float, b: float, c: float, target: float | None
) -> None:
    low, estimate, high = sorted((a, b, c))
    measure = share(estimate, low, high, target)
    ends = [number(end) for end in printing.score_range(measure).split(" to ")]
    assert ends[0] <= number(printing.score_in_words(measure)) <= ends[1]
    assert ends[0] <= 100 * low + 1e-6
    assert ends[1] >= 100 * high - 1e-6


@given(st.floats(-1e6, 1e6), st.integers(0, 2))
def test_rounding_is_to_the_nearest_with_a_true_minus(value: float, digits: int) -> None:
    printed = printing.rounded_number(value, digits)
    assert "-" not in printed
    assert abs(number(printed) - value) <= 0.5 / 10**digits + 1e-6


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_the_range_of_a_difference_says_whether_it_leaves_out_zero(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assume(not 0 < abs(low) < 1e-5)
    assume(not 0 < abs(high) < 1e-5)
    ends = [number(end) for end in printing.signed_range_in_words(low, high).split(" to ")]
    assert (ends[0] > 0) == (low > 0)
    assert (ends[1] < 0) == (high < 0)


@pytest.mark.parametrize(
    ("misses", "close", "meets", "sentence"),
    [
        (0, 0, 0, "42 of 58 people answered"),
        (0, 2, 0, "Both measures are too close to call"),
        (3, 2, 1, "3 of 6 measures miss target; 1 meets it"),
        (2, 0, 2, "2 of 4 measures miss target; 2 meet it"),
        (1, 3, 0, "1 of 4 measures misses target; none clearly meets it yet"),
        (1, 0, 0, "The measure misses target"),
        (0, 4, 2, "2 of 6 measures meet target; none misses it"),
        (0, 1, 1, "1 of 2 measures meets target; none misses it"),
        (0, 6, 0, "All 6 measures are too close to call"),
        (0, 1, 0, "The measure is too close to call"),
    ],
)
def test_the_headline_follows_from_the_verdicts(
    misses: int, close: int, meets: int, sentence: str
) -> None:
    verdicts = ["misses"] * misses + ["too close to call"] * close + ["meets"] * meets
    assert wording.headline(verdicts, 42, 58) == sentence


@given(VERDICTS)
def test_headline_and_subject_say_meets_or_misses_only_where_a_verdict_does(
    verdicts: list[str],
) -> None:
    for sentence in (wording.headline(verdicts, 42, 58), wording.outcome(verdicts, 42, 58)):
        claimed = re.findall(r"(\d+) of \d+ measures? (meet|miss)", sentence) + re.findall(
            r"; (\d+) (meet)", sentence
        )
        for count, what in claimed:
            assert int(count) == sum(verdict.startswith(what) for verdict in verdicts)
        if "meets" not in verdicts:
            assert not re.search(r"\d+ (of \d+ measures? )?meet", sentence)
        if "misses" not in verdicts:
            assert not re.search(r"\d+ of \d+ measures? miss", sentence)
        assert not FORBIDDEN.search(sentence)


@given(VERDICTS)
def test_the_headline_does_not_depend_on_the_order_of_measures(verdicts: list[str]) -> None:
    assert wording.headline(verdicts, 42, 58) == wording.headline(sorted(verdicts), 42, 58)


def test_clear_changes_are_named_up_to_three_with_the_wave_they_compare_with() -> None:
    up, since = ["Kept informed", "Solved", "Fast", "Safe", "Quick"], "the wave of October 2026"
    assert (
        wording.clear_changes(up, ["Cheap"], since)
        == "Clearly up since the wave of October 2026: Kept informed, Solved, Fast, and 2 more. "
        "Clearly down since the wave of October 2026: Cheap."
    )
    assert wording.clear_changes([], [], since) == ""


def of_target(answers: int, people: int, break_even: float | None, **more: Any) -> dict[str, Any]:
    figure = {"answers": answers, "population": people, "break_even": break_even, "target": 0.7}
    return figure | more


def wave_of(invited: int, answered: int, **more: Any) -> dict[str, Any]:
    return {"invited": invited, "answered": answered, "unreadable": 0} | more


NOT_KNOWN = (
    "the 21 people whose answer is not known (19 did not answer, 2 left this question blank)"
)
SIXTEEN, ONE = "the 16 people who did not answer", "the 1 person who did not answer"


@pytest.mark.parametrize(
    ("answers", "people", "break_even", "sentence"),
    [
        (42, 58, 11.6 / 16, f"To reach the target, 12 of {SIXTEEN} would have to be satisfied."),
        (42, 58, 6.5 / 16, f"To reach the target, 7 of {SIXTEEN} would have to be satisfied."),
        (32, 48, 16 / 16, f"To reach the target, all of {SIXTEEN} would have to be satisfied."),
        (
            30, 46, 16.6 / 16,
            f"The target of 70% would be missed even if all of {SIXTEEN} were satisfied.",
        ),
        (42, 58, -0.1, f"The target of 70% is met whatever {SIXTEEN} think."),
        (57, 58, 0.4, f"To reach the target, {ONE} would have to be satisfied."),
        (57, 58, 1.4, f"The target of 70% would be missed even if {ONE} was satisfied."),
        (57, 58, 0.0, f"The target of 70% is met whatever {ONE} thinks."),
        (58, 58, None, "Everyone answered."),
    ],
)  # fmt: skip
def test_those_who_did_not_answer_are_put_in_people(
    answers: int, people: int, break_even: float | None, sentence: str
) -> None:
    said = wording.silence(of_target(answers, people, break_even), wave_of(people, answers))
    assert said == sentence


@pytest.mark.parametrize(
    ("figure", "wave", "whom"),
    [
        ((39, 60), wave_of(60, 41), NOT_KNOWN),
        # two of those who answered opted out: they are no part of the population
        ((37, 58), wave_of(60, 41), NOT_KNOWN),
        ((40, 60), wave_of(60, 60), "the 20 people who left this question blank"),
        ((59, 60), wave_of(60, 60), "the 1 person who left this question blank"),
        ((39, 60), wave_of(60, 39), "the 21 people who did not answer"),
        # what could not be read is neither silence nor a blank
        ((39, 60), wave_of(60, 41, unreadable=2), "the 21 people whose answer is not known"),
    ],
)  # fmt: skip
def test_a_blank_is_never_called_silence(
    figure: tuple[int, int], wave: dict[str, Any], whom: str
) -> None:
    assert wording.unanswered(of_target(*figure, 0.5), wave) == whom
    assert whom in wording.silence(of_target(*figure, 0.5), wave)


MET_ONLY_IF = "It is met only if dissatisfied colleagues were"
MISSED_ONLY_IF = "It is missed only if satisfied colleagues were"


@pytest.mark.parametrize(
    ("odds", "sentence"),
    [
        (7.86, f"{MET_ONLY_IF} 7.9 times as eager to answer."),
        (23.4, f"{MET_ONLY_IF} 23 times as eager to answer."),
        (500, f"{MET_ONLY_IF} more than 100 times as eager to answer."),
        (1 / 2.9, f"{MISSED_ONLY_IF} 2.9 times as eager to answer."),
        (1.0, ""),
        (1.04, ""),
        (1 / 1.04, ""),
        (None, ""),
    ],
)  # fmt: skip
def test_how_much_keener_to_answer_one_side_must_have_been_is_said(
    odds: float | None, sentence: str
) -> None:
    score, verdict = (0.6, "misses") if (odds or 1) > 1 else (0.8, "meets")
    figure = of_target(39, 60, 0.5, response_odds=odds, estimate=score, verdict=verdict)
    said = wording.silence(figure, wave_of(60, 39))
    first = (
        "To reach the target, 11 of the 21 people who did not answer would have to be satisfied."
    )
    assert said == f"{first} {sentence}".strip()


@pytest.mark.parametrize(
    ("odds", "score", "verdict"),
    [(1.7, 0.86, "meets"), (1 / 1.5, 0.62, "misses"), (1.7, 0.71, "too close to call")],
)
def test_odds_without_weights_are_not_said_against_a_weighted_score(
    odds: float, score: float, verdict: str
) -> None:
    figure = of_target(39, 60, 0.5, response_odds=odds, estimate=score, verdict=verdict)
    assert "eager" not in wording.silence(figure, wave_of(60, 39))


@pytest.mark.parametrize("break_even", [-0.1, 1.2])
def test_where_no_silence_could_undo_a_verdict_no_odds_are_said(break_even: float) -> None:
    figure = of_target(39, 60, break_even, response_odds=None)
    assert "eager" not in wording.silence(figure, wave_of(60, 39))


@given(st.integers(1, 80), st.integers(0, 80), st.floats(0.05, 0.95), st.data())
def test_as_many_silent_people_as_it_says_would_meet_the_target_and_one_fewer_would_not(
    answers: int, silent: int, target: float, data: st.DataObject
) -> None:
    satisfied, people = data.draw(st.integers(0, answers)), answers + silent
    assume(silent)
    figure = of_target(answers, people, (people * target - satisfied) / silent, target=target)
    sentence = wording.silence(figure, wave_of(people, answers))
    some = re.match(r"To reach the target, (?:all of )?(?:the )?(\d+) ", sentence)
    if some:
        needed = int(some[1])
        assert (satisfied + needed) / people >= target - 1e-6
        assert (satisfied + needed - 1) / people < target + 1e-6
    elif "met whatever" in sentence:
        assert satisfied / people >= target - 1e-6
    else:
        assert "would be missed even if" in sentence
        assert (satisfied + silent) / people < target + 1e-6


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"estimate": 0.31, "low": 0.04, "high": 0.48, "family": 3, "comparisons": 20},
            "Up 31 points, but among 20 comparisons one such rise can be luck.",
        ),
        (
            {"estimate": -0.31, "low": -0.48, "high": -0.04, "family": 2, "comparisons": 8},
            "Down 31 points, but among 8 comparisons one such fall can be luck.",
        ),
        # of schema 1 the family is the number of comparisons
        (
            {"estimate": 0.31, "low": 0.04, "high": 0.48, "family": 12},
            "Up 31 points, but among 12 comparisons one such rise can be luck.",
        ),
        # judged alone, and by a stricter test than its range
        (
            {"estimate": 0.31, "low": 0.04, "high": 0.48, "family": 1, "comparisons": 1},
            "Up 31 points, but this can be luck.",
        ),
        (
            {"estimate": 0.31, "low": 0.04, "high": 0.48, "family": 2, "mix_changed": True},
            wording.MIX_CHANGED,
        ),
        (
            {"estimate": 0.31, "low": -0.02, "high": 0.55, "family": 2, "detectable": 0.29},
            "With this many answers a change of about 29 points is not always detected.",
        ),
    ],
)
def test_why_a_change_is_not_clear_is_said(change: dict[str, Any], sentence: str) -> None:
    assert wording.why_unclear(change, "top2") == sentence


def test_under_half_is_never_printed_as_half() -> None:
    assert wording.response_rate({"response_rate": 0.4999}) == "49%"
    assert wording.of_whom({"response_rate": 0.4999}) == "of those who answered"
    assert wording.response_rate({"response_rate": 0.505}) == "51%"
    assert wording.of_whom({"response_rate": 0.5}) == ""


def test_strengths_and_problems_go_by_verdict_first_and_never_overlap() -> None:
    measures = [
        share(0.69, 0.60, 0.76, 0.70),
        share(0.88, 0.81, 0.92, 0.75),
        share(0.37, 0.27, 0.49, 0.60),
        share(0.62, 0.50, 0.70, 0.60),
        share(0.50, 0.41, 0.59, 0.65),
    ]
    best, worst = wording.strengths_and_problems(measures)
    assert [m["estimate"] for m in best] == [0.88, 0.62]
    assert [m["estimate"] for m in worst] == [0.37, 0.50]


@pytest.mark.parametrize("count", range(6))
def test_there_are_as_many_strengths_as_problems(count: int) -> None:
    best, worst = wording.strengths_and_problems(
        [share(0.1 * i, 0.0, 0.9, 0.5) for i in range(count)]
    )
    assert len(best) == len(worst) == min(2, count // 2)
    assert all(one is not other for one in best for other in worst)
