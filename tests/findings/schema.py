"""The published form of findings documents, and which documents have been held to it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

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
