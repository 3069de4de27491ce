"""Nothing that is printed of a wave contradicts a number of it, or anything else printed of it.

Random waves of every kind are computed, put on page, mail and file, and read back.
"""

import copy
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from survey.app import create_app
from survey.database import db
from tests.conftest import Templates, settings
from tests.findings.contradictions import CHECKS, contradictions, is_third, silences
from tests.findings.printed import Printed, print_findings
from tests.findings.random_waves import random_wave
from tests.findings.schema import fault
from tests.proofs import proof

SEEDS = 60
PARTS, SEEDS_OF_PART = 4, 485
WITHIN = "(?:(?!</section>|</table>).)*?"
Fault = Callable[[Printed], Printed]


@pytest.fixture(scope="module")
def application(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One application for all waves here, on an empty database that nothing writes to."""
    app = create_app(settings(templates["sqlite"], tmp_path_factory.mktemp("application")))
    with app.app_context():
        yield
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="module")
def some(application: None) -> list[Printed]:
    """What is printed of the waves that every run looks at."""
    return [print_findings(random_wave(seed)) for seed in range(SEEDS)]


def test_random_waves_contain_every_kind(some: list[Printed]) -> None:
    documents = [printed.document for printed in some]
    assert {document["wave"].get("third") is not None for document in documents} == {True, False}
    assert any("thirds" in document for document in documents)
    assert any(document["answered"] == document["invited"] for document in documents)
    for mark in ("imported", "baseline", "closed_early"):
        assert any(document["wave"][mark] for document in documents)
    measures = [measure for document in documents for measure in document["measures"]]
    assert {measure.get("verdict") for measure in measures} >= {"meets", "misses", None}
    assert {measure["statistic"] for measure in measures} == {"top2", "mean", "nps", "share"}
    ways = set()
    for kind in ("trend", "change", "against_rest"):
        shown = [m[kind] for m in measures if kind in m and m[kind]["shown"]]
        directions = {block["direction"] for block in shown}
        assert "unclear" in directions
        assert len(directions) > 1
        ways |= directions
    assert ways == {"up", "down", "unclear"}
    assert any(measure.get("change", {}).get("mix_changed") for measure in measures)
    assert any(document["year"] for document in documents)
    assert any(document["unreadable"] for document in documents)


def test_nothing_printed_contradicts_anything(some: list[Printed]) -> None:
    found = {at: contradictions(printed) for at, printed in enumerate(some)}
    assert {at: why for at, why in found.items() if why} == {}
    assert [fault(printed.document) for printed in some if fault(printed.document)] == []


@proof("contradictions")
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_printed_contradicts_anything_in_two_thousand_waves(
    application: None, part: int
) -> None:
    first = SEEDS + part * SEEDS_OF_PART
    found = {
        seed: contradictions(print_findings(random_wave(seed)))
        for seed in range(first, first + SEEDS_OF_PART)
    }
    assert {seed: why for seed, why in found.items() if why} == {}


def on_page(pattern: str, instead: str) -> Fault:
    """A fault that changes what the page says, where it says so."""
    return lambda printed: replace(
        printed, page=re.sub(pattern, instead, printed.page, count=1, flags=re.DOTALL)
    )


def in_mail(pattern: str, instead: str) -> Fault:
    """A fault that changes what the text part of the mail says."""
    return lambda printed: (
        printed
        if is_third(printed)
        else replace(printed, text=re.sub(pattern, instead, printed.text, count=1))
    )


def in_subject(pattern: str, instead: str) -> Fault:
    """A fault that changes the subject of the mail."""
    return lambda printed: (
        printed
        if is_third(printed)
        else replace(printed, subject=re.sub(pattern, instead, printed.subject))
    )


def in_document(alter: Callable[[dict[str, Any]], None]) -> Fault:
    """A fault that changes the first shown company measure that `alter` can change."""

    def altered(printed: Printed) -> Printed:
        document = copy.deepcopy(printed.document)
        for measure in document["measures"]:
            if measure["shown"] and measure["group"] is None:
                before = copy.deepcopy(measure)
                alter(measure)
                if measure != before:
                    return replace(printed, document=document)
        return printed

    return altered


def estimate_below_its_range(measure: dict[str, Any]) -> None:
    measure["estimate"] = measure["low"] - 0.01


def clear_without_being_judged(measure: dict[str, Any]) -> None:
    if measure.get("change", {}).get("direction") == "unclear":
        measure["change"] |= {"direction": "up", "verdict": "clear change"}


def rise_beyond_the_scale(measure: dict[str, Any]) -> None:
    if measure.get("change", {}).get("detectable_rise"):
        measure["change"]["detectable_rise"] += 400


def odds_of_the_other_side(printed: Printed) -> Printed:
    """The sentence that the target is met only if others had answered, beside one that is met."""
    for measure, sentence in silences(printed):
        if measure["verdict"] == "meets" and "missed only if satisfied" in sentence:
            other = sentence.replace("missed only if satisfied", "met only if dissatisfied")
            return replace(printed, page=printed.page.replace(sentence, other))
    return printed


def other_group(printed: Printed) -> Printed:
    """A group that looks clearly higher though nothing was judged so."""
    return on_page(r"<td>(\d+%)<small>", r'<td class="higher">\1 ▲ clearly<small>')(printed)


def groups_by_another_number(printed: Printed) -> Printed:
    """A mail whose cells of groups have other numbers than the page's."""
    before, heading, after = printed.text.partition("BY REPORTING GROUP")
    return replace(printed, text=before + heading + re.sub(r": \d", ": 99", after))


def hidden_number(printed: Printed) -> Printed:
    document = copy.deepcopy(printed.document)
    for measure in document["measures"]:
        if not measure["shown"]:
            measure["answers"] = 3
            return replace(printed, document=document)
    return printed


def other_csv(printed: Printed) -> Printed:
    """One number in the file that is not the document's."""
    rows = list(csv.reader(io.StringIO(printed.csv)))
    place = rows[0].index("high")
    for row in rows[1:]:
        if row[place] and row[rows[0].index("statistic")] == "top2":
            row[place] = "0.123"
            break
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return replace(printed, csv=out.getvalue())


FAULTS: dict[str, list[Fault]] = {
    "interval": [in_document(estimate_below_its_range)],
    "judgement": [in_document(clear_without_being_judged)],
    "possible": [in_document(rise_beyond_the_scale)],
    "score": [on_page(r'(<td role="cell" class="num">\s*)\d+%', r"\g<1>3%")],
    "own scales": [on_page(f'(aria-label="Averages"{WITHIN}<td class="num">)[^<]*', r"\g<1>77")],
    "verdict": [
        on_page(r'(class="last">\s*<span class="tag open">)Too close to call', r"\1Meets target"),
        on_page(r'(class="last">\s*<span class="tag meets">)Meets', r"\1Misses"),
        on_page(
            r'[\d.]+%(</td>\s*<td role="cell" class="last">\s*<span class="tag meets)', r"101%\1"
        ),
    ],
    "headline": [
        in_subject(r"\d+ of", "99 of"),
        lambda printed: replace(
            printed,
            document=printed.document
            | {"headline": printed.document["headline"].replace("All ", "Both ")},
        ),
    ],
    "lede": [
        on_page(r"Below target: [^,.]*", "Below target: Another"),
        on_page(r"(\d+) of (\d+) people answered \(", r"\2 of \1 people answered (50"),
        on_page(
            r"(?<=\. )A range says .*?like those who did\.",
            "Everyone answered every question, so a",
        ),
    ],
    "silence": [
        on_page(r"(the )\d+( people who did not answer)", r"\g<1>999\2"),
        on_page(r"(\(\d+ did not answer, )\d+", r"\g<1>999"),
        on_page(r"whose answer is not known \(.*?\)", "who did not answer"),
    ],
    "feasible": [on_page(r'(<td class="num"><bdi>)\d+( to \d+%</bdi>)', r"\g<1>101\2")],
    "break-even": [
        on_page(r"To reach the target, \d+ of", "To reach the target, 0 of"),
        on_page(r"To reach the target, (.*?) would", r"The target of 1% is met whatever \1 think"),
    ],
    "odds": [odds_of_the_other_side],
    "answered": [
        on_page(r"\d+ did not answer\.", "Everyone answered."),
        in_mail(r"\d+ people did not answer;", "4321 people did not answer;"),
    ],
    "grammar": [in_mail(r"\d+ people did not answer", "1 people did not answer")],
    "change": [
        on_page(r'(<span class="tag open">)No clear change(</span>\s*</td>)', r"\1Clearly up\2"),
        on_page(f"(what can be detected{WITHIN}only a [a-z]+ of about )\\d+", r"\g<1>0"),
        on_page(f'(aria-label="Changes"{WITHIN}<td class="num">)\\S+', r"\g<1>+777"),
    ],
    "trend": [
        on_page(r"(<li><b>[^<]*</b>: )Clearly up: about \d+", r"\1Clearly down: about 1"),
        on_page(r"(<li><b>[^<]*</b>: )No clear trend", r"\1Clearly up: about 3 points"),
        on_page(r"(<li><b>[^<]*</b>: [^<]*first, )[^ ]+( now)", r"\g<1>123%\2"),
    ],
    "tile": [
        on_page(f"(over \\d+ waves</h2>{WITHIN})Clearly up", r"\1No clear trend"),
        on_page(f"(, change</h2>{WITHIN})No clear change", r"\1Clearly down"),
        on_page(r'(<h2>Satisfied overall[^<]*</h2>\s*<p class="big">)\d+', r"\g<1>1"),
    ],
    "trends in short": [on_page(r"(\d+|None) of (\d+) measures (is|are) clearly", "0 of 99 are")],
    "headline of the trend": [on_page(r"(<h1>)Clearly up", r"\1Clearly down")],
    "second sentence": [
        lambda printed: replace(
            printed,
            document=printed.document
            | {"changed": "Clearly up since the wave of May 2026: Data are kept safe."},
        )
    ],
    "year": [on_page(r'(aria-label="The last surveys.*?<td class="num">\s*)\d+%', r"\g<1>3%")],
    "groups": [other_group],
    "hidden": [hidden_number, on_page(r'(class="hidden-cell[^>]*><span>)', r"\g<1>37% ")],
    "lowest": [on_page(r"the lowest of \w+", "the lowest of two")],
    "strengths": [in_mail(r"(STRENGTHS?\n)(?!Nothing)", r"\1X: 3%, misses target of 9%\n")],
    "forms": [
        in_mail(r"    \d+%", "    3%"),
        lambda printed: replace(
            printed, html=printed.html.replace("Meets target", "Misses target")
        ),
    ],
    "groups in the mail": [groups_by_another_number],
    "lost time": [
        on_page(f'(<h2>Lost over{WITHIN}<p class="big">)\\d+', r"\g<1>3"),
        on_page(f"(<h2>Lost over{WITHIN}<p>of )\\d+", r"\g<1>7777"),
        in_mail(r"(LOST TIME\n)\d", r"\g<1>99"),
    ],
    "csv": [other_csv],
}


def test_each_kind_of_contradiction_has_a_fault_of_its_own() -> None:
    assert FAULTS.keys() == CHECKS.keys()


@pytest.mark.parametrize(
    ("name", "number"), [(name, at) for name, faults in FAULTS.items() for at in range(len(faults))]
)
def test_a_fault_put_in_is_found(some: list[Printed], name: str, number: int) -> None:
    altered = [(printed, FAULTS[name][number](printed)) for printed in some]
    faulty = [after for before, after in altered if after != before]
    assert faulty
    assert all(any(CHECKS[name](printed)) for printed in faulty)
