"""One measure over the waves of a survey, with its comparison ranges, and the places where its line must break."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from statistics import median
from typing import Any

from survey.charts.drawings import Range, TrendPoint
from survey.findings.words.rules import wording
from survey.findings.words.rules.view_model import Document, TrendView
from survey.waves.rules.waves import named_period

SHARES = {"top2", "share", "share_over_two_hours"}
MISSING_WAVE = 1.5  # times the usual distance between two waves

_Form = tuple[int, tuple[int, ...]]


def trend_view(documents: Sequence[Document], question: str) -> TrendView | None:
    """One measure over the waves, oldest first; another wording or scale, or a missing wave, starts a new line. None below two scores.

    The thirds of a quarter stand beside the line, which joins the quarters.
    """
    days = [
        date.fromisoformat(document["wave"]["opened"])
        for document in documents
        if not is_document_of_third(document)
    ]
    distances = [0, *((later - sooner).days for sooner, later in pairwise(days))]
    usual, between = median(distances[1:]) if distances[1:] else 0, iter(distances)
    points, rows = [], []
    before: _Form | None = None
    reformed = False
    for document in documents:
        form = _form(document, question)
        change = "" if is_document_of_third(document) else _change_of_form(before, form)
        missing = not is_document_of_third(document) and next(between) > MISSING_WAVE * usual
        point, row = _point(document, question, change, missing=missing)
        points.append(point)
        rows.append(row)
        before, reformed = (
            before if is_document_of_third(document) else form or before,
            reformed or bool(change),
        )
    if sum(point.score is not None for point in points) < 2:
        return None
    newest = next(m for m in documents[-1]["measures"] if is_company_share(m, question))
    target, name = (
        newest.get("target"),
        next(q["name"] for q in documents[-1]["questions"] if q["id"] == question),
    )
    notes = ["The line is broken where the wording or the scale changed."] if reformed else []
    notes += (
        ["Hollow points: imported from another tool."]
        if any(point.imported for point in points)
        else []
    )
    notes += (
        ["Small points: one third of the people each, without a verdict."]
        if any(point.part for point in points)
        else []
    )
    return TrendView(
        name, tuple(points), tuple(rows), None if target is None else 100 * target, tuple(notes)
    )


def is_company_share(measure: Mapping[str, Any], question: str) -> bool:
    """Whether this is the company's share of this question."""
    return bool(
        measure["question"] == question
        and measure["group"] is None
        and measure["statistic"] in SHARES
    )


def is_document_of_third(document: Mapping[str, Any]) -> bool:
    """Whether this is the document of one third of a quarter."""
    return document["wave"].get("third") is not None


def comparison_range(measure: Mapping[str, Any] | None) -> Range | None:
    """The score with its comparison range on 0 to 100; None where it may not be shown."""
    if not measure or not measure["shown"]:
        return None
    comparison = measure["comparison"]
    return Range(100 * measure["estimate"], 100 * comparison["low"], 100 * comparison["high"])


def _form(document: Document, question: str) -> _Form | None:
    """What makes two waves' answers to a question comparable: its wording and its scale."""
    asked = next((q for q in document["questions"] if q["id"] == question), None)
    return (asked["revision"], tuple(asked["codes"])) if asked else None


def _change_of_form(before: _Form | None, now: _Form | None) -> str:
    if not before or not now or before == now:
        return ""
    return "another wording" if before[1] == now[1] else "another scale"


def _point(
    document: Document, question: str, change: str, *, missing: bool
) -> tuple[TrendPoint, tuple[str, str, str, str]]:
    found = next((m for m in document["measures"] if is_company_share(m, question)), None)
    imported, part, is_quarter = (
        document["wave"]["imported"],
        is_document_of_third(document),
        "thirds" in document,
    )
    day = date.fromisoformat(
        document["wave"]["closed" if is_quarter else "opened"]
    )  # a quarter follows its thirds
    label = named_period(document["wave"]["period"], day) if is_quarter else f"{day:%b %y}"
    marks = [
        mark
        for mark in ("imported" if imported else "", "one third" if part else "", change)
        if mark
    ]
    score = comparison_range(found)
    named = f"{label} ({', '.join(marks)})" if marks else label
    if not found or not score:
        return TrendPoint(label, day.toordinal(), None, imported, bool(change or missing), part), (
            named, found["words"] if found else "Not asked", "", "",
        )  # fmt: skip
    row = (
        named,
        f"{wording.rounded_number(score.estimate)}%",
        wording.range_in_words(score.low, score.high),
        str(found["answers"]),
    )
    return TrendPoint(label, day.toordinal(), score, imported, bool(change or missing), part), row
