"""How numbers and verdicts are put into words: one place, so that no text claims more than a range allows."""

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

VERDICTS = {"meets": "Meets target", "misses": "Misses target", "too close to call": "Too close to call"}
LOOKS = {"meets": "meets", "misses": "misses", "too close to call": "open"}
_TINY = 1e-9


def rounded(value: float, digits: int = 0) -> str:
    """A number with halves rounded up and a true minus.

    >>> rounded(60.5), rounded(-9.04, 1)
    ('61', '\u22129.0')
    """
    quantum = Decimal(1).scaleb(-digits)
    found = Decimal(repr(round(value, 9))).quantize(quantum, ROUND_HALF_UP)
    return f"{found:f}".replace("-", "\u2212") if found else f"{abs(found):f}"


def between(low: float, high: float, target: float | None = None, digits: int = 0) -> str:
    """A range, low end rounded down and high end up; one decimal more where rounding would contradict the verdict.

    >>> between(27.2, 48.3), between(35.53, 64.47, 65)
    ('27 to 49', '35.5 to 64.5')
    """
    ends = _outward(low, high, digits)
    hides_a_miss = target is not None and ends[1] >= target > high + _TINY
    hides_a_meeting = target is not None and ends[0] < target <= low + _TINY
    if hides_a_miss or hides_a_meeting:
        for finer in (digits + 1, digits + 2, digits + 3):
            ends, digits = _outward(low, high, finer), finer
            if not (hides_a_miss and target is not None and ends[1] >= target) and not (
                hides_a_meeting and target is not None and ends[0] < target
            ):
                break
    return f"{rounded(ends[0], digits)} to {rounded(ends[1], digits)}"


def unit(statistic: str) -> tuple[float, int, str]:
    """How a statistic is printed: factor, decimals, sign.

    >>> unit("top2"), unit("mean"), unit("nps")
    ((100.0, 0, '%'), (1.0, 1, ''), (1.0, 0, ''))
    """
    if statistic == "mean":
        return 1.0, 1, ""
    return (1.0, 0, "") if statistic == "nps" else (100.0, 0, "%")


def score(measure: Mapping[str, Any]) -> str:
    """The score alone, or the words that stand for it.

    >>> score({"shown": True, "statistic": "top2", "estimate": 0.605})
    '61%'
    """
    if not measure["shown"]:
        return str(measure["words"])
    factor, digits, sign = unit(measure["statistic"])
    return rounded(measure["estimate"] * factor, digits) + sign


def score_range(measure: Mapping[str, Any]) -> str:
    """The range alone: `27 to 49`; everyone answered has none; nothing where nothing is shown."""
    if not measure["shown"]:
        return ""
    if measure["method"] == "everyone answered":
        return "everyone answered"
    factor, digits, _ = unit(measure["statistic"])
    target = measure.get("target")
    return between(measure["low"] * factor, measure["high"] * factor, target * factor if target else None, digits)


def printed(measure: Mapping[str, Any]) -> str:
    """Score and range: `37% (27 to 49)`."""
    found = score_range(measure)
    return f"{score(measure)} ({found})" if found else score(measure)


def silence(measure: Mapping[str, Any]) -> str:
    """What the silent would have to say for the target to be met, in people."""
    people, answers, target = measure["population"], measure["answers"], measure["target"]
    silent = people - answers
    even = measure["break_even"]
    if even is None:
        return "everyone answered"
    needed = math.ceil(even * silent - _TINY)
    if needed <= 0:
        return f"met whatever the {silent} silent colleagues think"
    if needed > silent:
        return f"out of reach of {rounded(target * 100)}% even if all {silent} silent colleagues were satisfied"
    if needed == silent:
        return f"all {silent} silent colleagues would have to be satisfied"
    return f"{needed} of the {silent} silent colleagues would have to be satisfied"


def rate(document: Mapping[str, Any]) -> str:
    """The response rate in whole per cent; under half is never rounded up to half."""
    share = document["response_rate"] * 100
    return f"{math.floor(share) if share < 50 else rounded(share)}%"


def of_whom(document: Mapping[str, Any]) -> str:
    """What every sentence must add where fewer than half answered."""
    return "of those who answered" if document["response_rate"] < 0.5 else ""


def subject(document: Mapping[str, Any], client: str, when: str) -> str:
    """The findings mail's subject: the outcome, generated from verdicts."""
    return f"{client} staff survey, {when}: {document['headline']}"


def strengths_and_problems(measures: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Two of each: what meets and what misses first, then by distance from the target; never the same twice."""
    order = {"meets": 0, "too close to call": 1, "misses": 2}
    ranked = sorted(measures, key=lambda m: (order[m["verdict"]], m["target"] - m["estimate"]))
    count = min(2, len(ranked) // 2)
    best, worst = ranked[:count], ranked[::-1][:count]
    return best, worst


def _outward(low: float, high: float, digits: int) -> tuple[float, float]:
    factor = 10**digits
    return math.floor(low * factor + _TINY) / factor, math.ceil(high * factor - _TINY) / factor


def joined(names: Sequence[str], *, keep_order: bool = False) -> str:
    """Names as a person lists them.

    >>> joined(["Legal", "Finance"])
    'Finance and Legal'
    """
    *first, last = names if keep_order else sorted(names)
    return f"{', '.join(first)} and {last}" if first else last
