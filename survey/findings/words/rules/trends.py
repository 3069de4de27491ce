"""One measure over the waves of a survey, and the places where its line must break."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from statistics import median
from typing import Any

from survey.charts.drawings import Range, TrendPoint
from survey.findings.words.rules import printing
from survey.findings.words.rules.view_model import Document, TrendRow, TrendView
from survey.questionnaires.rules import QuestionId
from survey.waves.rules.waves import named_period

SHARES = {"top2", "share", "share_over_two_hours"}
MISSING_WAVE = 1.5  # times the usual distance between two waves

# What makes two waves' answers to a question comparable: its revision (wording) and its codes.
_Form = tuple[int, tuple[int, ...]]


def trend_view(documents: Sequence[Document], question: QuestionId) -> TrendView | None:
    """The company's share on a question over the waves, oldest first; None below two scores.

    Each has its comparison range. Another wording or scale, or a missing wave, starts a new line.
    The thirds of a quarter are drawn beside the line, which joins the quarters. `documents` are
    those of the waves, oldest first.
    """
    breaks = list(_breaks(documents, question))
    points, rows = [], []
    for document, (change_of_form, is_after_gap) in zip(documents, breaks, strict=True):
        starts_line = bool(change_of_form) or is_after_gap
        point = _point(document, question, starts_line=starts_line)
        points.append(point)
        rows.append(_row(document, question, point, change_of_form))
    if sum(point.score is not None for point in points) < 2:
        return None
    newest = documents[-1]
    measure = next(m for m in newest["measures"] if _is_company_share(m, question))
    target = measure.get("target")
    has_changed_form = any(change_of_form for change_of_form, _ in breaks)
    return TrendView(
        name=next(q["name"] for q in newest["questions"] if q["id"] == question),
        words=measure.get("trend", {}).get("words", ""),
        points=tuple(points),
        rows=tuple(rows),
        target=None if target is None else 100 * target,
        notes=_notes(points, has_changed_form=has_changed_form),
    )


def comparison_range(measure: Mapping[str, Any]) -> tuple[float, float]:
    """The ends of a shown company figure's range about the service, in the figure's unit.

    Documents of schema 1 hold it in a field of its own; the oldest hold the plain range alone.
    """
    process = measure["process"]
    stratified = process.get("stratified") or measure.get("comparison") or process
    return stratified["low"], stratified["high"]


def is_document_of_third(document: Mapping[str, Any]) -> bool:
    """Whether this is the document of one third of a quarter."""
    return document["wave"].get("third") is not None


def _breaks(documents: Sequence[Document], question: QuestionId) -> Iterator[tuple[str, bool]]:
    """For each wave, how the question changed since the last, and if a wave is missing between.

    A third breaks nothing, for no line joins it.
    """
    longest_distance = MISSING_WAVE * _usual_distance(documents)
    previous_form: _Form | None = None
    previous_day: date | None = None
    for document in documents:
        if is_document_of_third(document):
            yield "", False
            continue
        form, day = _form(document, question), _opening_day(document)
        distance = (day - previous_day).days if previous_day else 0
        yield _change_of_form(previous_form, form), distance > longest_distance
        previous_form, previous_day = form or previous_form, day


def _usual_distance(documents: Sequence[Document]) -> float:
    """The median number of days between two waves, thirds left out; 0 for a single wave."""
    days = [_opening_day(document) for document in documents if not is_document_of_third(document)]
    distances = [(later - sooner).days for sooner, later in pairwise(days)]
    return median(distances) if distances else 0


def _opening_day(document: Document) -> date:
    return date.fromisoformat(document["wave"]["opened"])


def _form(document: Document, question_id: QuestionId) -> _Form | None:
    """The question's revision (wording) and codes in this wave, or None where it was not asked."""
    for question in document["questions"]:
        if question["id"] == question_id:
            return question["revision"], tuple(question["codes"])
    return None


def _change_of_form(before: _Form | None, after: _Form | None) -> str:
    """What differs between two waves, scale or wording, in words; empty if nothing or unknown."""
    if not before or not after or before == after:
        return ""
    has_same_scale = before[1] == after[1]
    return "another wording" if has_same_scale else "another scale"


def _point(document: Document, question: QuestionId, *, starts_line: bool) -> TrendPoint:
    """A wave as a point of the trend, at its opening day; a quarter at its closing day.

    So a quarter follows its thirds.
    """
    wave = document["wave"]
    is_quarter = "thirds" in document
    day = date.fromisoformat(wave["closed"] if is_quarter else wave["opened"])
    return TrendPoint(
        label=named_period(wave["period"], day) if is_quarter else f"{day:%b %y}",
        at=day.toordinal(),
        score=_comparison_range(_company_share(document, question)),
        is_imported=wave["imported"],
        starts_line=starts_line,
        is_partial=is_document_of_third(document),
    )


def _row(
    document: Document, question: QuestionId, point: TrendPoint, change_of_form: str
) -> TrendRow:
    """A wave as a row of the table beside the trend: name, score, comparison range, answers."""
    imported = "imported" if point.is_imported else ""
    third = "one third" if point.is_partial else ""
    remarks = [remark for remark in (imported, third, change_of_form) if remark]
    name = f"{point.label} ({', '.join(remarks)})" if remarks else point.label
    measure = _company_share(document, question)
    if not measure:
        return name, "Not asked", "", ""
    if not point.score:
        return name, measure["words"], "", ""
    return (
        name,
        f"{printing.rounded_number(point.score.estimate)}%",
        printing.range_in_words(point.score.low, point.score.high),
        str(measure["answers"]),
    )


def _company_share(document: Document, question: QuestionId) -> Mapping[str, Any] | None:
    """The company's share on this question in a document, or None."""
    return next((m for m in document["measures"] if _is_company_share(m, question)), None)


def _is_company_share(measure: Mapping[str, Any], question: QuestionId) -> bool:
    """Whether a measure is the company's share on this question."""
    return bool(
        measure["question"] == question
        and measure["group"] is None
        and measure["statistic"] in SHARES
    )


def _comparison_range(measure: Mapping[str, Any] | None) -> Range | None:
    """The score with its comparison range on 0 to 100; None where it may not be shown."""
    if not measure or not measure["shown"]:
        return None
    low, high = comparison_range(measure)
    return Range(100 * measure["estimate"], 100 * low, 100 * high)


def _notes(points: Sequence[TrendPoint], *, has_changed_form: bool) -> tuple[str, ...]:
    """Sentences beside the drawing on broken lines, imported waves and thirds."""
    notes = []
    if has_changed_form:
        notes.append("The line is broken where the wording or the scale changed.")
    if any(point.is_imported for point in points):
        notes.append("Hollow points: imported from another tool.")
    if any(point.is_partial for point in points):
        notes.append("Small points: one third of the people each, without a verdict.")
    return tuple(notes)
