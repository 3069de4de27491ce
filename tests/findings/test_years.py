"""A year of waves: the mean of their values, compared with the year before, and never a sum."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from flask import Flask, render_template

from survey.charts import drawings
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.rules import Findings
from survey.findings.words.rules.presentation import present_document
from tests.findings.apart import Cells, contrast, of_year
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
from tests.findings.test_presentation import mail, wave

INVITED = {"Sales": 100, "Service": 100}
DAYS = [*QUARTERS[::-1], NOW]
THIS_YEAR = ["it-2026-04-13", "it-2026-07-13", "it-2026-10-12", "it-2027-01-11"]
# Answers of Sales and Service: in each wave the same nine and six of ten are satisfied, and the
# department that is content answers less from year to year.
ANSWERS = ((90, 20), (80, 20), (90, 25), (80, 20), (40, 60), (30, 70), (30, 80), (20, 80))
SATISFIED = tuple((round(0.9 * sales), round(0.6 * service)) for sales, service in ANSWERS)
Script = Sequence[tuple[tuple[int, int], tuple[int, int]]]
UNCHANGED: Script = tuple(zip(SATISFIED, ANSWERS, strict=True))


def after(script: Script) -> Document:
    """The document of the last of these waves after the others, a quarter apart."""
    days = DAYS[-len(script) :]
    before = [
        earlier(day, tally=two_departments(*part))
        for day, part in zip(days[:-1], script[:-1], strict=True)
    ]
    return document(*before[::-1], counts=two_departments(*script[-1]))


def year_of(computed: Document, question: str = "OVR1") -> Document:
    return next(m for m in computed["year"]["measures"] if m["question"] == question)


def cells(part: tuple[tuple[int, int], tuple[int, int]]) -> Cells:
    return dict(zip(INVITED, zip(*part, strict=True), strict=True))


@pytest.fixture(scope="module")
def unchanged() -> Document:
    return after(UNCHANGED)


def test_an_unchanged_company_in_which_others_answer_has_the_same_year_twice(
    unchanged: Document,
) -> None:
    year = year_of(unchanged)
    assert unchanged["year"]["waves"] == THIS_YEAR
    assert (year["waves"], year["estimate"]) == (4, pytest.approx(0.75))
    change = year["change"]
    assert change["estimate"] == pytest.approx(0)
    assert (change["direction"], change["verdict"]) == ("unclear", "no clear change")
    assert (year["answers"], change["answers"]) == (102, [102, 106])
    sums = [
        sum(sum(x) for x, _ in part) / sum(sum(n) for _, n in part)
        for part in (UNCHANGED[:4], UNCHANGED[4:])
    ]
    assert sums[0] - sums[1] > 0.15, "plain sums of answers would have called it clearly down"


def test_an_unchanged_company_in_which_others_answer_has_no_trend(unchanged: Document) -> None:
    trend = company(unchanged, "OVR1")["trend"]
    assert (trend["waves"], trend["first"], trend["latest"]) == (
        8, pytest.approx(0.75), pytest.approx(0.75),
    )  # fmt: skip
    assert (trend["estimate"], trend["verdict"]) == (pytest.approx(0), "no clear trend")
    assert company(unchanged, "OVR1")["change"]["estimate"] == pytest.approx(0)


def test_page_mail_and_file_say_that_nothing_is_clear_and_three_quarters_each_time(
    app: Flask, unchanged: Document
) -> None:
    trend = "No clear trend since April 2025 ("
    in_eight = "In 8 waves: 75% first, 75% now."
    shown = present_document(unchanged)
    with app.test_request_context():
        page = render_template(
            "console/results.html",
            results=shown,
            charts=drawings,
            closed="25 January 2027",
            previous=None,
            manages=True,
            comments=(),
        )
    texts = [plain(text) for text in (page, mail(shown, "findings.html"))]
    texts.append(" ".join(mail(shown, "findings.txt").split()))
    for text in texts:
        assert trend in text
        assert in_eight in text
        assert "No clear trend in any of 6 measures." in text
        assert not re.search(r"Clearly (up|down)", text)
    assert "The last 4 surveys combined" in texts[0]
    of_year_alone, _, _ = page.partition('id="year"')[2].partition("</table>")
    (row,) = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL)
        for line in re.findall(r"<tr>(.*?)</tr>", of_year_alone, re.DOTALL)
        if "Satisfied overall" in line
    ]
    name, score, waves, answers, change, clear = map(plain, row)
    assert (name, waves, answers) == ("Satisfied overall", "4", "102")
    assert score.startswith("75% (")
    assert change.startswith("0 (")
    assert clear.startswith("No clear change With this many answers only a change of about ")
    assert json.dumps(unchanged["headline"]).startswith('"No clear trend since April 2025 (')
    line = csv_lines(unchanged)["4"]
    assert float(line["estimate"]) == pytest.approx(0.75)
    assert (line["compared_with"], line["difference_verdict"], line["family"]) == (
        "year before", "no clear change", "3",
    )  # fmt: skip
    assert csv_lines(unchanged)["1"]["trend_verdict"] == "no clear trend"


def plain(html: str) -> str:
    text = re.sub(
        r"<[^>]+>", "", re.sub(r"<svg.*?</svg>|<style.*?</style>", " ", html, flags=re.DOTALL)
    )
    return " ".join(text.replace("\u00a0", " ").replace("&nbsp;", " ").split())


def csv_lines(computed: Document) -> dict[str, dict[str, str]]:
    """The lines of the company's overall share, by the number of waves in them."""
    findings = Findings(wave(), 1, computed["digest"], computed)  # type: ignore[arg-type]
    rows = csv.DictReader(io.StringIO(as_csv(findings), newline=""))
    key = "OVR1", "top2", ""
    return {
        row["waves"]: row
        for row in rows
        if (row["question"], row["statistic"], row["group"]) == key
    }


@pytest.mark.parametrize("worse", [0, 12])
def test_a_year_and_its_change_equal_a_computation_apart(worse: int) -> None:
    script = [
        ((sales - worse, service - worse), n) if at < 4 else ((sales, service), n)
        for at, ((sales, service), n) in enumerate(UNCHANGED)
    ]
    year = year_of(after(script))
    now, then = ([cells(part) for part in side] for side in (script[4:], script[:4]))
    value, ends = of_year(now, INVITED)
    low, high = ends(1.959963984540054)
    assert [year["estimate"], year["low"], year["high"]] == pytest.approx([value, low, high])
    expected = contrast(of_year(now, INVITED), of_year(then, INVITED))
    assert {key: year["change"][key] for key in expected} == pytest.approx(
        expected, rel=1e-6, abs=1e-9
    )
    assert (year["change"]["direction"] == "up") is bool(worse)


def test_a_year_is_as_sure_as_one_wave_of_its_mean_size() -> None:
    """29 of 42, 25 of 38, 31 of 44 and 28 of 40 of one group, as on the page about a year."""
    waves = ((29, 42), (25, 38), (31, 44), (28, 40))
    value, ends = of_year([{"All": cell} for cell in waves], {"All": 58})
    low, high = ends(1.959963984540054)
    script = [((x, 0), (n, 0)) for x, n in waves]
    year = year_of(after(script))
    assert [round(100 * year[end], 1) for end in ("estimate", "low", "high")] == [
        round(100 * value, 1), round(100 * low, 1), round(100 * high, 1),
    ]  # fmt: skip
    assert (round(100 * value, 1), year["answers"]) == (68.8, 41)
    assert year["high"] - year["low"] > 0.25, "with 164 answers it would be half as wide"


def test_a_year_takes_the_waves_of_the_last_year_and_compares_with_the_year_before() -> None:
    worse = {"SEC1": [(1, 10), (1, 12), (1, 11), (0, 9)]}
    year = document(*(earlier(day, worse if day < "2026-02" else None) for day in QUARTERS))["year"]
    assert year["waves"] == THIS_YEAR
    security = next(m for m in year["measures"] if m["question"] == "SEC1")
    assert (security["waves"], security["answers"]) == (4, 42)
    assert security["change"]["direction"] == "up"
    with_two = document(earlier(QUARTERS[0]))
    assert with_two["year"] is None
    without_year_before = document(*(earlier(day) for day in QUARTERS[:5]))
    assert "change" not in year_of(without_year_before)


FEW = {"OVR1": [(2, 3), (2, 2), (1, 2), (1, 2)]}
ALIKE = {"OVR1": [(4, 4), (2, 2), (2, 2), (2, 2)]}


def test_a_wave_is_in_a_year_from_ten_answers_whatever_was_answered() -> None:
    def with_one(answers: dict[str, list[tuple[int, int]]]) -> Document:
        return document(earlier(QUARTERS[0], answers), *map(earlier, QUARTERS[1:3]))

    nine, ten = with_one(FEW), with_one(ALIKE)
    assert (year_of(nine)["waves"], year_of(nine, "REL1")["waves"]) == (3, 4)
    assert year_of(ten)["waves"] == 4
    assert year_of(ten)["estimate"] > year_of(nine)["estimate"] + 0.05
    assert present_document(nine).year is not None
    year = present_document(nine).year
    assert year is not None
    counted_by_question = dict(zip([m.question for m in year.measures], year.counted, strict=True))
    assert counted_by_question["OVR1"] == 3
    assert counted_by_question["REL1"] == 4


def test_a_question_with_fewer_than_three_such_waves_has_no_year() -> None:
    waves = [earlier(QUARTERS[0], FEW), earlier(QUARTERS[1], FEW), earlier(QUARTERS[2])]
    computed = document(*waves)
    assert "OVR1" not in {m["question"] for m in computed["year"]["measures"]}
    assert year_of(computed, "REL1")["waves"] == 4
    few_now = document(*map(earlier, QUARTERS[:3]), counts=counted(FEW))
    assert year_of(few_now)["waves"] == 3, "this wave itself is left out alike"


def test_a_year_before_in_which_other_departments_were_invited_is_not_called_clear() -> None:
    worse = [((x - 12, y - 12), n) for (x, y), n in UNCHANGED[:4]]
    before = [
        earlier(day, tally=two_departments(*part, people=people))
        for day, part, people in zip(
            DAYS[:-1],
            [*worse, *UNCHANGED[4:7]],
            [(200, 100)] * 4 + [(100, 100)] * 3,
            strict=True,
        )
    ]
    change = year_of(document(*before[::-1], counts=two_departments(*UNCHANGED[7])))["change"]
    assert change["q_value"] <= 0.05
    assert (change["direction"], change["mix_changed"]) == ("unclear", True)
    assert "mix_changed" not in year_of(after([*worse, *UNCHANGED[4:]]))["change"]


def test_another_wording_is_in_no_year() -> None:
    form = earlier(QUARTERS[0]).questionnaire
    questions = tuple(replace(q, revision=2) if q.id == "OVR1" else q for q in form.questions)
    other = type(form).of(
        slug="other", title="Other", language="en", preamble="", questions=questions
    )
    waves: list[Any] = [earlier(QUARTERS[0], questionnaire=other), *map(earlier, QUARTERS[1:3])]
    computed = document(*waves)
    assert (year_of(computed)["waves"], year_of(computed, "REL1")["waves"]) == (3, 4)
    assert waves[0].opened == date(2026, 10, 12)
