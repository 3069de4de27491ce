"""The findings as CSV: the frozen document's numbers, line by line.

Nothing in the file is a formula that a spreadsheet would run.
"""

import csv
import io
import json
from typing import Any

import pytest
from flask import Flask

from survey.findings.exports.rules.csv_file import COLUMNS, as_csv
from survey.findings.history.rules.column_mapping import ColumnMapping
from survey.findings.history.rules.history import read_history
from survey.findings.history.service import import_history
from survey.findings.rules import Findings
from survey.findings.service.documents import find_findings
from survey.findings.words.rules.staff_list import staff_list_in_words
from survey.questionnaires.service import find_questionnaire
from tests.cast import OPENS, found_company
from tests.findings.company import CANARY, MERGED, small_company
from tests.proofs import on_postgresql

NUMBERS = (
    "estimate",
    "low",
    "high",
    "confidence",
    "answers",
    "population",
    "invited",
    "target",
    "process_low",
    "process_high",
    "comparison_low",
    "comparison_high",
    "effective_answers",
)


def lines(findings: Findings) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(findings), newline="")))


@pytest.fixture
def counted(app: Flask) -> Findings:
    return find_findings(small_company(app).wave.slug)


def test_every_measure_has_one_line_with_the_documents_own_numbers(counted: Findings) -> None:
    csv_lines, document = lines(counted), counted.document
    measures = document["measures"]
    assert [
        (line["question"], line["statistic"], line["group"]) for line in csv_lines[: len(measures)]
    ] == [(m["question"], m["statistic"], m["group"] or "") for m in measures]
    for line, measure in zip(csv_lines, measures, strict=False):
        expected = measure | ({"invited": document["invited"]} if measure["shown"] else {})
        ranges = measure.get("process", {"plain": {}, "stratified": {}})
        expected |= {f"process_{end}": value for end, value in ranges["plain"].items()}
        expected |= {f"comparison_{end}": value for end, value in ranges["stratified"].items()}
        assert {name: line[name] for name in NUMBERS} == {
            name: _text(expected.get(name)) for name in NUMBERS
        }
        assert (line["wave"], line["revision"]) == (counted.wave.slug, "1")
    assert list(csv_lines[0]) == list(COLUMNS)


def _text(value: object) -> str:
    return "" if value is None else str(value)


@on_postgresql("databases")
def test_lost_time_and_the_staff_list_stand_last(counted: Findings) -> None:
    share, hours, staff_list = lines(counted)[-3:]
    lost = counted.document["lost_time"]
    assert (share["question"], share["statistic"]) == ("EFF2", "share_over_2h")
    for column in ("estimate", "low", "high", "answers"):
        assert share[column] == str(lost["share_over_2h"][column])
    assert hours["statistic"] == "hours_per_week"
    for column in ("low", "high"):
        assert hours[column] == str(lost["hours_per_week"][column])
    filled = {column: cell for column, cell in staff_list.items() if cell}
    assert filled == {
        "wave": counted.wave.slug,
        "statistic": "staff_list",
        "words": staff_list_in_words(counted.document),
    }
    assert len(lines(counted)) == len(counted.document["measures"]) + 3


def test_hidden_cells_hold_words_and_no_number(counted: Findings) -> None:
    hidden = [line for line in lines(counted) if line["words"]]
    assert {line["group"] for line in hidden} == {"", "Sales", "Service", "Finance", MERGED}
    assert [
        line for line in hidden if any(line[name] for name in (*NUMBERS, "method", "verdict"))
    ] == []
    assert all(line["words"] or line["estimate"] or line["low"] for line in lines(counted))


def test_the_file_holds_no_comment_and_no_group_that_was_counted_with_another(
    counted: Findings,
) -> None:
    content = as_csv(counted)
    assert CANARY not in content
    assert not {line["group"] for line in lines(counted)} & {"Board", "Legal"}


@on_postgresql("databases")
@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_text_begins_like_a_formula(app: Flask, sign: str) -> None:
    found_company()
    name = f'{sign}HYPERLINK("http://evil.example")'
    groups = {name: 20, "Service": 20}
    out = io.StringIO()
    csv.writer(out).writerows(
        [["group", "OVR1"], *([group, 1 + n % 5] for group in groups for n in range(12))]
    )
    history = read_history(
        out.getvalue().encode(),
        groups,
        find_questionnaire("quarterly_8"),
        ColumnMapping(),
        None,
        "history",
    )
    findings = import_history(
        "past", history, survey="IT support", opened=OPENS.date(), closed=OPENS.date(), actor="test"
    )
    assert {line["group"] for line in lines(findings)} == {"", "'" + name, "Service"}
    cells = [cell for line in lines(findings) for cell in line.values()]
    assert [cell for cell in cells if cell.startswith(tuple("=+@\t\r"))] == []


def test_numbers_below_zero_stay_numbers(counted: Findings) -> None:
    document: dict[str, Any] = json.loads(json.dumps(counted.document))
    document["measures"][0]["low"] = -40.5
    changed = Findings(counted.wave, 1, counted.digest, document)
    assert lines(changed)[0]["low"] == "-40.5"
