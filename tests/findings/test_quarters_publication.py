"""What thirds and their quarter tell together, over random quarters.

An attacker subtracts them, and the product audits them.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

import pytest

from survey.findings.document.rules import pooling
from survey.findings.document.rules.compute import canonical_json, compute_document
from survey.findings.document.rules.evidence import Evidence, Third
from survey.findings.document.rules.pooling import pool_thirds_cells
from survey.findings.document.rules.publication import find_leaks, publication_faults
from survey.findings.words.rules.wording import HIDDEN, NEEDS_ALL_THIRDS, TOO_WIDE
from survey.questionnaires.rules import Question
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.statistics.differencing import Fact, Space
from survey.waves.rules.thirds import ALL_THIRDS, ONE_THIRD
from survey.waves.rules.waves import ReportingGroup, Wave
from tests.attacks.test_a15_differencing import ASKED, cell_of
from tests.findings.test_presentation import wave

QUARTERS = 150
Document = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """The thirds of a quarter as counted, what was published of each, and of the quarter."""

    tallies: tuple[Tally, ...]
    thirds: tuple[Document, ...]
    quarter: Document


def third_of(source: Random, invited: int) -> Tally:
    answered = max(5, sum(source.random() < 0.5 for _ in range(invited)))
    cells = {
        question.id: {ONE_THIRD: cell_of(source, question, answered)}
        for question in ASKED.questions
    }
    return Tally((PublishedGroup(ONE_THIRD, (ONE_THIRD,), invited, answered),), cells, 0, 0)


def the_third(month: int) -> Wave:
    return wave(f"2027-0{month}-11", quarter="2027-q1", third=month)


def told(tallies: tuple[Tally, ...]) -> Told:
    thirds = [
        compute_document(the_third(at), "Brightline IT", ASKED, tally)
        for at, tally in enumerate(tallies, 1)
    ]
    invited = sum(tally.invited for tally in tallies)
    pool = wave(
        "2027-01-11",
        slug="it-2027-q1",
        quarter="2027-q1",
        groups=(ReportingGroup(ALL_THIRDS, invited, ("Sales",)),),
    )
    facts = [
        Third(
            document["wave"]["slug"],
            f"2027-0{at}",
            date(2027, at, 11),
            document["invited"],
            document["answered"],
            None,
        )
        for at, document in enumerate(thirds, 1)
    ]
    return Told(
        tallies,
        tuple(thirds),
        compute_document(
            pool,
            "Brightline IT",
            ASKED,
            pool_thirds_cells(pool, ASKED, tallies),
            Evidence(thirds=facts),
        ),
    )


def invented(seed: int) -> Told:
    source = Random(seed)
    return told(tuple(third_of(source, source.randint(8, 40)) for _ in range(3)))


def shares(document: Document) -> dict[str, Document]:
    measures = {
        m["question"]: m for m in document["measures"] if m["statistic"] in {"top2", "share"}
    }
    return measures | {"EFF2": document["lost_time"]["share_over_2h"]}


def subtracted(quarter: Told) -> int:
    """How many hidden numbers of answers of one third or two follow, fewer than a share needs."""
    solved = 0
    for question, whole in shares(quarter.quarter).items():
        parts = [shares(document)[question] for document in quarter.thirds]
        counted = [tally.cells[question][ONE_THIRD].answers for tally in quarter.tallies]
        facts = [
            Fact.total([str(at)], part["answers"]) for at, part in enumerate(parts) if part["shown"]
        ]
        if whole["shown"]:
            assert whole["answers"] == sum(counted), "a quarter is about all three, or says nothing"
            facts.append(Fact.total(map(str, range(3)), whole["answers"]))
        unions = Space(facts).below(5)
        assert all(union.value == sum(counted[int(at)] for at in union.cells) for union in unions)
        solved += sum(union.value > 0 for union in unions)
    return solved


def everything_together(question: Question, cells: Any) -> CellCounts:
    """The seeded fault: thirds are added up whatever they hide."""
    first, *rest = cells
    return sum(rest, first)


def test_nothing_that_a_third_hides_follows_from_its_quarter() -> None:
    quarters = [invented(seed) for seed in range(QUARTERS)]
    words = {
        part.get("words")
        for quarter in quarters
        for document in quarter.thirds
        for part in shares(document).values()
    }
    assert words >= {HIDDEN, TOO_WIDE, "all or all but one"}
    assert [find_leaks(quarter.quarter, quarter.thirds) for quarter in quarters] == [[]] * QUARTERS
    assert [find_leaks(document) for quarter in quarters for document in quarter.thirds] == [[]] * (
        3 * QUARTERS
    )
    assert sum(map(subtracted, quarters)) == 0


def test_a_quarter_has_a_value_exactly_where_each_third_has_ten_answers() -> None:
    shown = hidden = 0
    for quarter in map(invented, range(QUARTERS)):
        for question, whole in shares(quarter.quarter).items():
            answers = [tally.cells[question][ONE_THIRD].answers for tally in quarter.tallies]
            assert whole["shown"] is (min(answers) >= 10), (question, answers)
            assert whole["shown"] or whole["words"] == NEEDS_ALL_THIRDS
            shown, hidden = shown + whole["shown"], hidden + (not whole["shown"])
    assert min(shown, hidden) > 50


def test_what_was_answered_never_decides_whether_a_quarter_has_a_value() -> None:
    """Answers that are all alike count like any others."""
    cells = {
        question.id: {ONE_THIRD: CellCounts((*(0,) * (len(question.scale.codes) - 1), 12), 0)}
        for question in ASKED.questions
    }
    third = Tally((PublishedGroup(ONE_THIRD, (ONE_THIRD,), 20, 12),), cells, 0, 0)
    alike = (third, third, third)
    whole = shares(told(alike).quarter)
    assert {(part["shown"], part["answers"], part["estimate"]) for part in whole.values()} == {
        (True, 36, 1.0)
    }


def test_answers_that_a_third_hides_could_be_others_and_nothing_would_differ() -> None:
    """Turning the answers of a hidden or banded third round changes no byte of any document."""
    turned = 0
    for seed in range(QUARTERS):
        quarter = invented(seed)
        tallies = []
        for tally, document in zip(quarter.tallies, quarter.thirds, strict=True):
            cells = {question: dict(own) for question, own in tally.cells.items()}
            for question, part in shares(document).items():
                own = cells[question][ONE_THIRD]
                if not part["shown"] and part["words"] == HIDDEN and own.counts != own.counts[::-1]:
                    cells[question][ONE_THIRD] = CellCounts(own.counts[::-1], own.opted_out)
                    turned += 1
            tallies.append(Tally(tally.groups, cells, 0, 0))
        again = told(tuple(tallies))
        assert [canonical_json(one) for one in (*again.thirds, again.quarter)] == [
            canonical_json(one) for one in (*quarter.thirds, quarter.quarter)
        ]
    assert turned > 20


def test_a_sum_of_everything_is_caught_by_the_attack_and_by_the_audit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pooling, "_together", everything_together)
    quarters = [invented(seed) for seed in range(QUARTERS)]
    assert sum(map(subtracted, quarters)) > 0
    caught = [publication_faults(quarter.quarter, quarter.thirds) for quarter in quarters]
    assert any(
        "the quarter tells what one of its thirds did not say" in reason
        for reasons in caught
        for reason in reasons
    )


def show_a_mean(document: Document) -> None:
    document["measures"].append(document["measures"][0] | {"statistic": "mean", "answers": 12})


def show_a_distribution(document: Document) -> None:
    document["distributions"].append(
        {"question": "OVR1", "group": None, "shown": True, "counts": [1, 2, 3, 4, 2]}
    )


def tell_of_comments(document: Document) -> None:
    document["comments"]["held_back"] = 3


def judge(document: Document) -> None:
    document["measures"][0] |= {"target": 0.5, "verdict": "meets"}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (show_a_mean, "a third shows more than a score"),
        (judge, "a third shows more than a score"),
        (show_a_distribution, "a third shows a distribution"),
        (tell_of_comments, "A third tells of comments"),
    ],
)
def test_a_third_that_says_more_than_its_shares_is_not_published(
    spoil: Callable[[Document], None], reason: str
) -> None:
    document = copy.deepcopy(invented(1).thirds[0])
    assert publication_faults(document) == ()
    spoil(document)
    assert any(reason in fault for fault in publication_faults(document))


@pytest.mark.parametrize("more", [{"answers": 3}, {"estimate": 0.05}])
def test_a_quarter_that_differs_from_the_sum_of_its_thirds_is_not_published(
    more: dict[str, float],
) -> None:
    quarter = next(
        each for each in map(invented, range(QUARTERS)) if shares(each.quarter)["OVR1"]["shown"]
    )
    spoilt = copy.deepcopy(quarter.quarter)
    (overall,) = [
        m for m in spoilt["measures"] if (m["question"], m["statistic"]) == ("OVR1", "top2")
    ]
    overall["answers"] += more.get("answers", 0)
    overall["process"]["plain"]["estimate"] += more.get("estimate", 0)
    assert publication_faults(quarter.quarter, quarter.thirds) == ()
    assert publication_faults(spoilt, quarter.thirds) == (
        "OVR1: the quarter tells what one of its thirds did not say.",
    )
