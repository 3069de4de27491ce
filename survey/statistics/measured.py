"""How often the methods were right where the truth was known: what the tests and `make bench` measured, never typed."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class MeasuredPromise:
    """One measured property: a sentence, its bound (a share of cases, at least or at most), and the worst and mean of its situations."""

    id: str
    what: str
    at_least: bool
    bound: float
    situations: int
    worst: float
    mean: float


@cache
def list_measured_promises() -> tuple[MeasuredPromise, ...]:
    """All checks as measured in the large.

    >>> all(check.worst >= check.bound if check.at_least else check.worst <= check.bound for check in list_measured_promises())
    True
    """
    found = json.loads(
        resources.files("survey.statistics").joinpath("measured.json").read_text("utf-8")
    )
    return tuple(
        MeasuredPromise(
            entry["id"],
            entry["what"],
            entry["at_least"],
            entry["bound"],
            entry["large"]["cells"],
            entry["large"]["worst"],
            entry["large"]["mean"],
        )
        for entry in found["checks"]
    )
