"""The findings document as CSV."""

import csv
import io

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
    "status",
    "words",
)


def as_csv(found: Findings) -> str:
    """One line per measure; text cells are safe against spreadsheet formulas, hidden ones hold their words and no number."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    revision = {question["id"]: question["revision"] for question in found.document["questions"]}
    for measure in found.document["measures"]:
        facts = measure | {"wave": found.wave.slug, "revision": revision[measure["question"]], "invited": found.document["invited"]}
        if not measure["shown"]:
            facts.pop("invited")
        process = measure.get("process", {})
        facts |= {f"process_{end}": process[end] for end in ("low", "high") if end in process}
        writer.writerow([_cell(facts.get(column)) for column in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
