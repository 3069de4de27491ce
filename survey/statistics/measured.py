"""How often the methods were right where the truth was known.

The figures are those that the tests and `make bench` measured; none is typed by hand.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class MeasuredPromise:
    """A property of a method: the share required, and the shares measured in simulations.

    `what` is its sentence; `bound` the share of cases that must be reached (`at_least`) or not be
    exceeded; `worst` and `mean` are the shares measured over its `situations`.
    """

    id: str
    what: str
    at_least: bool
    bound: float
    situations: int
    worst: float
    mean: float


def worst_in_per_cent(share: float, *, at_least: bool) -> float:
    """A worst share (0..1) in per cent with one decimal, rounded to the unfavourable side.

    Down where it must be `at_least` something, else up, so that no page claims more than was
    measured.

    >>> worst_in_per_cent(0.8895, at_least=True), worst_in_per_cent(0.0665, at_least=False)
    (88.9, 6.7)
    """
    tenths = round(1000 * share, 6)
    return (math.floor(tenths) if at_least else math.ceil(tenths)) / 10


@cache
def list_measured_promises() -> tuple[MeasuredPromise, ...]:
    """All properties as measured in the large simulations, read from `measured.json`.

    >>> promises = list_measured_promises()
    >>> all(one.worst >= one.bound for one in promises if one.at_least)
    True
    >>> all(one.worst <= one.bound for one in promises if not one.at_least)
    True
    """
    file = resources.files("survey.statistics").joinpath("measured.json")
    measured = json.loads(file.read_text("utf-8"))
    return tuple(
        MeasuredPromise(
            check["id"],
            check["what"],
            check["at_least"],
            check["bound"],
            check["large"]["cells"],
            check["large"]["worst"],
            check["large"]["mean"],
        )
        for check in measured["checks"]
    )
