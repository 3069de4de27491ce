"""The findings document as CSV."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from survey.findings.rules import Findings

COLUMNS = (
    "wave",
    "question",
    "revision",
    "statistic",
    "group",
    "estimate",
    "low",
    "high",
    "confidence",
    "method",
    "answers",
    "population",
    "invited",
    "target",
    "verdict",
    "process_low",
    "process_high",
    "comparison_low",
    "comparison_high",
    "effective_answers",
    "waves",
    "compared_with",
    "difference",
    "difference_low",
    "difference_high",
    "p_value",
    "q_value",
    "difference_verdict",
    "status",
    "words",
)
_DIFFERENCE = {
    "difference": "estimate",
    "difference_low": "low",
    "difference_high": "high",
    "p_value": "p_value",
    "q_value": "q_value",
}


def as_csv(found: Findings) -> str:
    """One line per published figure; text is safe against spreadsheet formulas, hidden cells hold words and no number.

    First the measures, then lost time, then the year as one wave, marked by its number of waves.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    document: Mapping[str, Any] = found.document
    revision = {question["id"]: question["revision"] for question in document["questions"]}
    for measure in [
        *document["measures"],
        *_lost_time(document["lost_time"]),
        *_year(document["year"]),
    ]:
        facts = (
            {"waves": 1}
            | measure
            | {
                "wave": found.wave.slug,
                "revision": revision[measure["question"]],
                "invited": document["invited"],
            }
        )
        if not measure["shown"]:
            facts = {key: value for key, value in facts.items() if key not in {"invited", "waves"}}
        for kind in ("process", "comparison"):
            facts |= {
                f"{kind}_{end}": measure[kind][end] for end in ("low", "high") if kind in measure
            }
        writer.writerow([_cell((facts | _difference(measure)).get(column)) for column in COLUMNS])
    return out.getvalue()


def _difference(measure: dict[str, Any]) -> dict[str, Any]:
    """What a figure was compared with, and what came of it."""
    kind = next(
        (kind for kind in ("change", "against_rest") if measure.get(kind, {}).get("shown")), None
    )
    if kind is None:
        return {}
    found = measure[kind]
    with_what = "rest" if kind == "against_rest" else found.get("since", "year before")
    numbers = {column: found[name] for column, name in _DIFFERENCE.items()}
    return {"compared_with": with_what, "difference_verdict": found["verdict"], **numbers}


def _lost_time(block: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not block:
        return []
    head = {"question": block["question"], "group": None}
    return [
        head | {"statistic": name} | block[name] for name in ("share_over_2h", "hours_per_week")
    ]


def _year(block: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [{"group": None} | measure for measure in block["measures"]] if block else []


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
