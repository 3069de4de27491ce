"""The published form of findings documents, and which documents have been held to it."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from survey.findings.document.rules.compute import document_digest

SCHEMA = Path(__file__).parents[2] / "docs" / "findings.schema.json"
_VALID: set[str] = set()  # documents as they are stored


@cache
def schema() -> dict[str, Any]:
    return dict(json.loads(SCHEMA.read_text()))


@cache
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema(), format_checker=FormatChecker(["date"]))


def fault(document: Any) -> str:
    """The first reason why this is no findings document; empty where it is one."""
    error = best_match(validator().iter_errors(document))
    return f"{error.json_path}: {error.message}" if error else ""


def is_valid(document: Any) -> bool:
    """Whether this is a findings document; faster than the reason why it is none."""
    return validator().is_valid(document)


def check_stored(stored: str) -> None:
    """Fails where a document, as it is stored, is not of the published form."""
    if stored not in _VALID:
        reason = fault(json.loads(stored))
        assert not reason, reason
        _VALID.add(stored)


def in_schema_1(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same document as it was stored before there were trends and families of comparisons.

    All comparisons were one family, whose number `family` held.
    """
    old: dict[str, Any] = json.loads(json.dumps(document))
    old["schema"] = 1
    for name in ("audit", "roster", "rebound"):
        old.pop(name, None)
    lost_time = [old["lost_time"]["share_over_2h"]] if old["lost_time"] else []
    figures = [*old["measures"], *lost_time]
    if old.get("year"):
        figures += old["year"]["measures"]
    for figure in figures:
        figure.pop("trend", None)
        figure.pop("response_odds", None)
        if "process" in figure:
            process = figure["process"]
            figure["process"] = process["plain"]
            ends = ("low", "high", "method")
            figure["comparison"] = {end: process["stratified"][end] for end in ends}
    blocks = [figure.get(kind, {}) for figure in figures for kind in ("change", "against_rest")]
    shown = [block for block in blocks if block.get("shown")]
    for block in shown:
        block["family"] = len(shown)
        block.setdefault("q_value", block["p_value"])
        for name in ("comparisons", "detectable_rise", "detectable_fall"):
            block.pop(name)
        if block["detectable"] is None:
            block["detectable"] = 0.5
    old["headline"] = old["headline"].rpartition("). ")[2]
    return old | {"digest": document_digest(old)}
