"""Waves with next to nothing in them: no groups, one answer, a question that nobody answered."""

import json
from typing import Any

import pytest
from flask import Flask, render_template

from survey.charts import drawings
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.rules import Findings
from survey.findings.words.rules.presentation import present_document
from survey.findings.words.rules.wording import FROM_TEN, HIDDEN, NOT_COMPARED
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from tests.findings.apart import contrast, line, wilson
from tests.findings.many_waves import NOW, QUARTERS, Document, company, compared, document, earlier
from tests.findings.schema import fault
from tests.findings.test_presentation import five, mail, questions, wave


def one_group(satisfied: int, answers: int, invited: int = 58) -> Tally:
    """A wave whose people are one reporting group."""
    group = PublishedGroup("All staff", ("All staff",), invited, answers, ("Sales", "Service"))
    cell = {"All staff": CellCounts(five(satisfied, answers), 0)}
    return Tally((group,), {q.id: cell for q in questions()}, 0, 0)


def without_answers_to(tally: Tally, question: str) -> Tally:
    """The same wave in which everybody left one question blank."""
    empty = {name: CellCounts((0, 0, 0, 0, 0), 0) for name in tally.cells[question]}
    return Tally(tally.groups, {**tally.cells, question: empty}, 0, 0)


def printed(app: Flask, computed: Document) -> dict[str, str]:
    """The page, both parts of the mail and the file of a document."""
    shown = present_document(computed)
    findings = Findings(wave(), 1, computed["digest"], computed)  # type: ignore[arg-type]
    facts: dict[str, Any] = {"previous": None, "manages": True, "comments": ()}
    with app.test_request_context():
        page = render_template(
            "console/results.html",
            results=shown,
            charts=drawings,
            closed="25 January 2027",
            **facts,
        )
    return {
        "page": page,
        "html": mail(shown, "findings.html"),
        "text": mail(shown, "findings.txt"),
        "csv": as_csv(findings),
    }


SATISFIED = (20, 23, 22, 26, 28, 30, 33)


@pytest.fixture(scope="module")
def without_groups() -> Document:
    before = [
        earlier(day, tally=one_group(satisfied, 40))
        for day, satisfied in zip(QUARTERS[::-1], SATISFIED, strict=True)
    ]
    return document(*before[::-1], counts=one_group(36, 42))


def test_a_wave_without_groups_has_plain_trends_changes_and_years(
    without_groups: Document,
) -> None:
    assert fault(json.loads(json.dumps(without_groups))) == ""
    kinds = {kind for (kind, _, _), _ in compared(without_groups)}
    assert kinds == {"trend", "change", "year"}, "and no group to compare"
    overall = company(without_groups, "OVR1")
    days = [wave_day(day) for day in (*QUARTERS[::-1], NOW)]
    values = [(x / 40, 40.0) for x in SATISFIED] + [(36 / 42, 42.0)]
    expected = line(days, values)
    assert {key: overall["trend"][key] for key in expected} == pytest.approx(expected, rel=1e-6)
    alone = contrast((36 / 42, wilson(36 / 42, 42)), (33 / 40, wilson(33 / 40, 40)))
    assert overall["change"]["estimate"] == pytest.approx(alone["estimate"])
    assert overall["process"]["plain"] | {"method": ""} == pytest.approx(
        overall["process"]["stratified"] | {"method": ""}
    )
    assert overall["process"]["agree"] is True


def wave_day(opened: str) -> int:
    return earlier(opened).opened.toordinal()


def test_page_mail_and_file_of_a_wave_without_groups_are_whole(
    app: Flask, without_groups: Document
) -> None:
    forms = printed(app, without_groups)
    words = company(without_groups, "OVR1")["trend"]["words"]
    assert words in forms["page"]
    assert words in " ".join(forms["text"].split())
    assert words in forms["csv"]
    assert "By reporting group" not in forms["page"]
    assert present_document(without_groups).weighs_as == ""


def test_a_wave_of_one_answer_shows_words_and_no_number_of_any_question(app: Flask) -> None:
    before = [earlier(day, tally=one_group(30, 40)) for day in QUARTERS]
    computed = document(*before, counts=one_group(1, 1))
    assert fault(json.loads(json.dumps(computed))) == ""
    for measure in computed["measures"]:
        words = HIDDEN if measure["statistic"] == "top2" else FROM_TEN
        assert (measure["shown"], measure["words"]) == (False, words)
    assert {kind for (kind, _, _), _ in compared(computed)} == {"year"}
    assert (computed["rebound"], computed["changed"]) == (None, "")
    assert computed["headline"] == "1 of 58 people answered"
    # the year is of the three waves before it, for it does not count
    assert {m["waves"] for m in computed["year"]["measures"]} == {3}
    forms = printed(app, computed)
    assert HIDDEN in forms["page"]
    assert "Is it getting better?" not in forms["page"]
    assert HIDDEN in forms["csv"]


def test_a_question_that_nobody_answered_is_words_now_and_in_no_later_comparison(
    app: Flask,
) -> None:
    nobody = without_answers_to(one_group(30, 40), "SEC1")
    before = [earlier(day, tally=one_group(30, 40)) for day in QUARTERS]
    now = document(*before, counts=nobody)
    figure = company(now, "SEC1")
    assert (figure["shown"], figure["words"]) == (False, HIDDEN)
    assert not {"change", "trend", "estimate"} & figure.keys()
    assert fault(json.loads(json.dumps(now))) == ""
    assert HIDDEN in printed(app, now)["page"]
    later = document(earlier(QUARTERS[0], tally=nobody), *before[1:], counts=one_group(33, 40))
    change, trend = company(later, "SEC1")["change"], company(later, "SEC1")["trend"]
    assert (change["shown"], change["words"]) == (False, NOT_COMPARED)
    assert (trend["waves"], f"it-{QUARTERS[0]}" in trend["slugs"]) == (7, False)
    years = {m["question"]: m["waves"] for m in later["year"]["measures"]}
    assert (years["SEC1"], years["OVR1"]) == (3, 4)
    assert fault(json.loads(json.dumps(later))) == ""


def test_a_wave_in_which_nobody_answered_anything_is_words_alone() -> None:
    """It would be void; nothing breaks all the same."""
    nobody = document(earlier(QUARTERS[0]), counts=one_group(0, 0))
    assert {m["shown"] for m in nobody["measures"]} == {False}
    assert nobody["headline"] == "0 of 58 people answered"


@pytest.mark.parametrize(("satisfied", "answers"), [(10, 10), (0, 10), (11, 12)])
def test_a_wave_in_which_everyone_answered_is_exact_now_and_unsure_about_the_service(
    satisfied: int, answers: int
) -> None:
    computed = document(counts=one_group(satisfied, answers, answers))
    figure = company(computed, "OVR1")
    assert figure["low"] == figure["high"] == figure["estimate"]
    process = figure["process"]["stratified"]
    low, high = wilson(satisfied / answers, answers)(1.959963984540054)
    assert [process["low"], process["high"]] == pytest.approx([low, high])
    assert figure["break_even"] is figure["response_odds"] is None
    assert present_document(computed).measures[0].silence == "Everyone answered."
