"""The worked example of 58 people with waves before it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from survey.findings.document.rules.compute import compute_document
from survey.findings.document.rules.evidence import EarlierWave, Evidence
from survey.questionnaires.rules import Questionnaire
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from tests.findings.apart import Place
from tests.findings.test_presentation import GROUPS, five, questions, tally, wave

# The openings of eight quarters, newest first; the last is that of the wave itself.
QUARTERS = (
    "2026-10-12",
    "2026-07-13",
    "2026-04-13",
    "2026-01-12",
    "2025-10-13",
    "2025-07-14",
    "2025-04-14",
)
NOW = "2027-01-11"
PEOPLE = {name: invited for name, invited, _ in GROUPS}
Document = dict[str, Any]


def asked(**changes: Any) -> Questionnaire:
    """The example's questionnaire; `changes` replace facts of OVR1."""
    changed = tuple(replace(q, **changes) if q.id == "OVR1" else q for q in questions())
    return Questionnaire.of(
        slug="example", title="Example", language="en", preamble="", questions=changed
    )


def counted(satisfied: Mapping[str, Sequence[tuple[int, int]]]) -> Tally:
    """The example's cells with other (satisfied, answers) per group for these questions."""
    cells = tally(questions())
    changed = {
        key: {
            group: CellCounts(five(x, n), 0)
            for (group, _, _), (x, n) in zip(GROUPS, pairs, strict=True)
        }
        for key, pairs in satisfied.items()
    }
    return replace(cells, cells={**cells.cells, **changed})


def earlier(
    opened: str, satisfied: Mapping[str, Sequence[tuple[int, int]]] | None = None, **facts: Any
) -> EarlierWave:
    base = {
        "slug": f"it-{opened}",
        "opened": date.fromisoformat(opened),
        "imported": False,
        "questionnaire": asked(),
        "tally": counted(satisfied or {}),
    }
    return EarlierWave(**(base | facts))


def document(
    *before: EarlierWave,
    opened: str = NOW,
    counts: Tally | None = None,
    form: Questionnaire | None = None,
    **facts: Any,
) -> Document:
    """The document of the wave of 58 people after these waves, newest first."""
    return dict(
        compute_document(
            wave(opened, **facts),
            "Brightline IT",
            form or asked(),
            counts or tally(questions()),
            Evidence(earlier=before),
        )
    )


def company(computed: Mapping[str, Any], question: str) -> Document:
    return next(
        m
        for m in computed["measures"]
        if m["question"] == question and m["group"] is None and m["statistic"] == "top2"
    )


def compared(computed: Mapping[str, Any]) -> Iterator[tuple[Place, Document]]:
    """Every judged comparison of a document, with its place."""
    for measure in computed["measures"]:
        for kind in ("trend", "change", "against_rest"):
            if measure.get(kind, {}).get("shown"):
                yield (kind, measure["question"], measure["group"]), measure[kind]
    for measure in (computed["year"] or {"measures": []})["measures"]:
        if "change" in measure:
            yield ("year", measure["question"], None), measure["change"]


def two_departments(
    satisfied: tuple[int, int], answers: tuple[int, int], people: tuple[int, int] = (100, 100)
) -> Tally:
    """A wave of two departments, in which every question is answered alike."""
    names = "Sales", "Service"
    groups = tuple(
        PublishedGroup(name, (name,), size, n, (name,))
        for name, size, n in zip(names, people, answers, strict=True)
    )
    cell = {
        name: CellCounts(five(x, n), 0)
        for name, x, n in zip(names, satisfied, answers, strict=True)
    }
    return Tally(groups, {q.id: cell for q in questions()}, 0, 0)
