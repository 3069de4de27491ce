"""The findings document as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from survey.findings.rules import Findings
from survey.findings.words.rules.staff_list import staff_list_in_words
from survey.findings.words.rules.trends import comparison_range

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
    "family",
    "trend_since",
    "trend_waves",
    "trend",
    "trend_low",
    "trend_high",
    "trend_p_value",
    "trend_q_value",
    "trend_verdict",
    "trend_words",
)
# The columns of a comparison, by the keys that hold them in the document.
_DIFFERENCE_COLUMNS = {
    "difference": "estimate",
    "difference_low": "low",
    "difference_high": "high",
    "p_value": "p_value",
    "q_value": "q_value",
    "family": "family",
}
_TREND_COLUMNS = {
    "trend_since": "since",
    "trend_waves": "waves",
    "trend": "estimate",
    "trend_low": "low",
    "trend_high": "high",
    "trend_p_value": "p_value",
    "trend_q_value": "q_value",
    "trend_verdict": "verdict",
    "trend_words": "words",
}
STAFF_LIST = "staff_list"  # what the last line holds in place of a figure
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(findings: Findings) -> str:
    """The findings document as CSV text, one line per figure; hidden ones have words only.

    First the measures, then lost time, then the year as one wave, marked by its number of waves;
    last, in words, how the staff list was changed.
    Text is safe against spreadsheet formulas; hidden cells hold words and no number.
    """
    document = findings.document
    revisions = {question["id"]: question["revision"] for question in document["questions"]}
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for measure in _all_measures(document):
        values = {
            "waves": 1,
            **measure,
            "wave": findings.wave.slug,
            "revision": revisions[measure["question"]],
            "invited": document["invited"],
        }
        if not measure["shown"]:
            del values["invited"], values["waves"]
        values |= _ranges(measure) | _difference(measure) | _trend(measure)
        writer.writerow([_cell(values.get(column)) for column in COLUMNS])
    staff_list = staff_list_in_words(document)
    if staff_list:
        values = {"wave": findings.wave.slug, "statistic": STAFF_LIST, "words": staff_list}
        writer.writerow([_cell(values.get(column)) for column in COLUMNS])
    return out.getvalue()


def _all_measures(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The document's measures, then the two figures of lost time, then those of the year."""
    yield from document["measures"]
    yield from _lost_time(document["lost_time"])
    yield from _year(document.get("year"))


def _lost_time(lost_time: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Share and hours of lost time as two measures; none where it was not asked."""
    if not lost_time:
        return
    for statistic in ("share_over_2h", "hours_per_week"):
        yield {
            "question": lost_time["question"],
            "group": None,
            "statistic": statistic,
            **lost_time[statistic],
        }


def _year(year: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """The year's measures, marked as the company's (no group); none where there is no year."""
    if not year:
        return
    for measure in year["measures"]:
        yield {"group": None, **measure}


def _ranges(measure: Mapping[str, Any]) -> dict[str, Any]:
    """The columns for the ends of process and comparison range; none the measure lacks."""
    if "process" not in measure:
        return {}
    plain = measure["process"].get("plain", measure["process"])
    low, high = comparison_range(measure)
    return {
        "process_low": plain["low"],
        "process_high": plain["high"],
        "comparison_low": low,
        "comparison_high": high,
    }


def _difference(measure: Mapping[str, Any]) -> dict[str, Any]:
    """The columns about a measure's comparison; none where no comparison was shown.

    The company is compared with an earlier wave, a group with the rest.
    """
    for name in ("change", "against_rest"):
        difference = measure.get(name, {})
        if difference.get("shown"):
            break
    else:
        return {}
    is_with_rest = name == "against_rest"
    return {
        "compared_with": "rest" if is_with_rest else difference.get("since", "year before"),
        "difference_verdict": difference["verdict"],
        **{column: difference.get(key) for column, key in _DIFFERENCE_COLUMNS.items()},
    }


def _trend(measure: Mapping[str, Any]) -> dict[str, Any]:
    """The columns about a measure's trend; none where it has none."""
    trend = measure.get("trend")
    if not trend:
        return {}
    return {column: trend.get(key) for column, key in _TREND_COLUMNS.items()}


def _cell(value: object) -> object:
    """A value as CSV holds it: empty for None, and ' before text that looks like a formula."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
