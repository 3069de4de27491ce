"""What stands beside a figure: both views of the service, odds, rebound, and too few to say."""

from typing import Any

import numpy as np
import pytest

from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.wording import TOO_WIDE
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.waves.rules.waves import Target
from tests.findings.apart import Z, weighted, wilson
from tests.findings.many_waves import (
    PEOPLE,
    Document,
    company,
    counted,
    document,
    two_departments,
)
from tests.findings.test_presentation import EXAMPLE, GROUPS, five, questions

ALL_CELLS = {
    question: {name: (x, n) for (name, _, _), (x, n, _) in zip(GROUPS, cells, strict=True)}
    for question, (_, cells, _) in EXAMPLE.items()
}


def test_the_service_is_seen_by_plain_counts_and_by_weighted_groups() -> None:
    figure = company(document(), "OVR1")
    x, n = (sum(part) for part in zip(*ALL_CELLS["OVR1"].values(), strict=True))
    plain, stratified = figure["process"]["plain"], figure["process"]["stratified"]
    low, high = wilson(x / n, n)(Z)
    assert [plain["estimate"], plain["low"], plain["high"]] == pytest.approx([x / n, low, high])
    value, ends = weighted(ALL_CELLS["OVR1"], PEOPLE)
    low, high = ends(Z)
    assert [stratified["estimate"], stratified["low"], stratified["high"]] == pytest.approx(
        [value, low, high]
    )
    assert figure["estimate"] == pytest.approx(value)
    assert stratified["high"] - stratified["low"] > figure["high"] - figure["low"]


@pytest.mark.parametrize(
    ("answers", "target", "minimum", "agree"),
    [
        # nine of ten in Sales and five of ten in Service: 70 % by people, 86 % by answers
        ((90, 10), 0.75, None, False),
        ((90, 10), 0.6, None, False),
        ((60, 60), 0.8, None, True),
        ((90, 10), 0.97, None, True),
        # both are around the target; below the minimum is neither
        ((60, 60), 0.7, 0.65, True),
        ((60, 60), 0.7, None, True),
    ],
)
def test_both_views_agree_where_they_say_the_same_of_target_and_minimum(
    answers: tuple[int, int], target: float, minimum: float | None, *, agree: bool
) -> None:
    satisfied = round(0.9 * answers[0]), round(0.5 * answers[1])
    targets: dict[str, Any] = {"OVR1": Target(target, minimum)}
    computed = document(counts=two_departments(satisfied, answers), targets=targets)
    process = company(computed, "OVR1")["process"]
    views = process["plain"], process["stratified"]
    said = {(each["low"] >= target, each["high"] < target) for each in views}
    below = {minimum is not None and each["high"] < minimum for each in views}
    assert (len(said) == len(below) == 1) is agree
    assert process["agree"] is agree
    assert company(computed, "SEC1")["process"]["agree"] is True, "without a target"


def test_the_odds_that_would_undo_a_verdict_follow_from_the_plain_counts() -> None:
    computed = document()
    for question, (_, cells, target) in EXAMPLE.items():
        figure = company(computed, question)
        x, n = (sum(part) for part in zip(*((x, n) for x, n, _ in cells), strict=True))
        people = figure["population"]
        silent = people * target - x, people * (1 - target) - (n - x)
        expected = None
        if min(*silent, x, n - x) > 0:
            expected = ((n - x) / silent[1]) / (x / silent[0])
        assert figure["response_odds"] == pytest.approx(expected), question
    assert company(computed, "OVR1")["response_odds"] == pytest.approx(1.18, abs=0.005)
    assert company(computed, "RES1")["response_odds"] is None, "missed whatever they think"
    assert "response_odds" not in company(document(targets={}), "OVR1")


def lowest_of_draws(cells: dict[str, dict[str, tuple[int, int]]], draws: int = 20_000) -> float:
    """How much lower than it is the lowest measure reads, over answers drawn anew."""
    source = np.random.default_rng(7)
    total = sum(PEOPLE.values())
    drawn, frozen = [], []
    for by_group in cells.values():
        shares = [(PEOPLE[g] / total, x / n, n) for g, (x, n) in by_group.items()]
        drawn.append(sum(w * source.binomial(n, p, draws) / n for w, p, n in shares))
        frozen.append(sum(w * p for w, p, _ in shares))
    values = np.column_stack(drawn)
    lowest = values.argmin(axis=1)
    return float(np.mean(np.array(frozen)[lowest] - values.min(axis=1)))


def alike(satisfied: int) -> dict[str, list[tuple[int, int]]]:
    cell = [(satisfied, 10), (satisfied, 12), (satisfied, 11), (satisfied, 9)]
    return dict.fromkeys(EXAMPLE, cell)


def test_how_much_higher_the_lowest_reads_next_time_is_told_from_three_points_on() -> None:
    computed = document(counts=counted(alike(7)))
    cells = {q: dict(zip(PEOPLE, pairs, strict=True)) for q, pairs in alike(7).items()}
    rebound = computed["rebound"]
    assert (rebound["measures"], rebound["rise"]) == (
        6, pytest.approx(lowest_of_draws(cells), abs=0.01),
    )  # fmt: skip
    assert rebound["words"] == (
        "If nothing changes, the lowest of six usually reads about"
        f" {round(100 * rebound['rise'])} points higher next time."
    )
    assert present_document(computed).rebound == rebound["words"]


def test_where_one_measure_is_far_the_lowest_nothing_is_said_of_chance() -> None:
    far = alike(8) | {"RES1": [(0, 10), (1, 12), (0, 11), (0, 9)]}
    computed = document(counts=counted(far))
    assert computed["rebound"]["rise"] < 0.03
    assert computed["rebound"]["words"] == present_document(computed).rebound == ""


def test_the_same_answers_give_the_same_rebound() -> None:
    assert document()["rebound"] == document()["rebound"]


def two_groups(satisfied: int, answers: int, people: int) -> Tally:
    """A wave of one large group, and one of which so many of so many people answered."""
    groups = (
        PublishedGroup("Large", ("Large",), 200, 150, ("Large",)),
        PublishedGroup("Small", ("Small",), people, answers, ("Small",)),
    )
    cell = {
        "Large": CellCounts(five(100, 150), 0),
        "Small": CellCounts(five(satisfied, answers), 0),
    }
    return Tally(groups, {q.id: cell for q in questions()}, 0, 0)


def small(computed: Document) -> Document:
    return next(
        m
        for m in computed["measures"]
        if (m["question"], m["statistic"], m["group"]) == ("OVR1", "top2", "Small")
    )


@pytest.mark.parametrize(
    ("answers", "people", "shown"),
    [(6, 20, False), (7, 20, True), (8, 30, False), (9, 30, True), (10, 60, False), (11, 60, True)],
)
def test_whether_there_are_too_few_answers_to_say_never_depends_on_what_was_answered(
    answers: int, people: int, *, shown: bool
) -> None:
    """Judging each result by its own range would tell that it lies in the middle, or does not."""
    cells = [
        small(document(counts=two_groups(satisfied, answers, people)))
        for satisfied in range(answers + 1)
    ]
    assert {cell["shown"] for cell in cells} == {shown}
    if not shown:
        assert {cell["words"] for cell in cells} == {TOO_WIDE}
