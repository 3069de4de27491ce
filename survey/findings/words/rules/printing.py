"""How scores, ranges, differences and shares are printed.

They are rounded in this one place, so that no text claims more than a range allows.
"""

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from survey.kernel.plurals import choose_form

EVERYONE = "everyone answered"
TINY = 1e-7  # of a point: what two ways of computing one number may differ by
FINE_FROM = 2_000  # answers: shares are printed with one decimal
_FINEST = 8  # decimals that are tried before a range is printed as it is
_MINUS = "\u2212"

Measure = Mapping[str, Any]


def rounded_number(value: float, digits: int = 0) -> str:
    """A number as text with so many decimals; halves go away from zero; a true minus sign.

    >>> rounded_number(60.5), rounded_number(-9.04, 1)
    ('61', '\u22129.0')
    """
    step = Decimal(1).scaleb(-digits)
    rounded = Decimal(repr(round(value, 9))).quantize(step, ROUND_HALF_UP)
    if not rounded:
        return f"{abs(rounded):f}"
    return f"{rounded:f}".replace("-", _MINUS)


def signed_number(value: float, digits: int = 0) -> str:
    """A number as text with plus or minus in front; what is printed as zero has no sign.

    >>> signed_number(12.2), signed_number(-9), signed_number(0.2)
    ('+12', '\u22129', '0')
    """
    number = rounded_number(value, digits)
    is_zero = not any(digit in number for digit in "123456789")
    if is_zero or number.startswith(_MINUS):
        return number
    return f"+{number}"


def percent(share: float) -> str:
    """A share (0 to 1) as per cent with all its decimals, for one that was set like a target.

    >>> percent(0.7), percent(0.725)
    ('70%', '72.5%')
    """
    return f"{round(100 * share, 6):g}%"


def range_in_words(low: float, high: float, target: float | None = None, digits: int = 0) -> str:
    """A range as text, ends rounded outward; finer where the target needs it.

    Its low end is rounded down and its high end up. It is printed finer where rounding would
    contradict the verdict on the target.

    >>> range_in_words(27.2, 48.3), range_in_words(35.53, 64.47, 65)
    ('27 to 49', '35.5 to 64.5')
    """
    low, high, digits = _printed_ends(low, high, target, digits)
    return f"{rounded_number(low, digits)} to {rounded_number(high, digits)}"


def signed_range_in_words(low: float, high: float) -> str:
    """A difference's range as text; finer where rounding would hide that it leaves out zero.

    >>> signed_range_in_words(-8.9, 32.8), signed_range_in_words(0.4, 21)
    ('\u22129 to +33', '+0.4 to +21.0')
    """
    low, high, digits = _signed_ends(low, high)
    return f"{signed_number(low, digits)} to {signed_number(high, digits)}"


def signed_rise(rise: Measure, statistic: str) -> str:
    """A rise or fall in points with plus or minus, as fine as its range is printed.

    >>> signed_rise({"estimate": 0.112, "low": 0.004, "high": 0.21}, "top2")
    '+11.2'
    """
    factor, _, _ = unit(statistic)
    _, _, digits = _signed_ends(rise["low"] * factor, rise["high"] * factor)
    return signed_number(rise["estimate"] * factor, digits)


def range_of_rise(rise: Measure, statistic: str) -> str:
    """The range of a rise in words, in points: up and down in place of signs.

    It is as fine as it takes to show whether it leaves out zero.

    >>> range_of_rise({"low": 0.342, "high": 0.655}, "top2")
    '34 to 66 up'
    >>> range_of_rise({"low": -0.083, "high": 0.12}, "top2")
    '9 points down to 12 up'
    """
    factor, _, _ = unit(statistic)
    low, high, digits = _signed_ends(rise["low"] * factor, rise["high"] * factor)
    ends = rounded_number(abs(low), digits), rounded_number(abs(high), digits)
    if low >= 0:
        return f"{ends[0]} to {ends[1]} up"
    if high <= 0:
        return f"{ends[1]} to {ends[0]} down"
    return f"{in_points(ends[0])} down to {ends[1]} up"


def rise_in_points(rise: Measure, statistic: str) -> str:
    """The size of a rise or fall in points, without sign, as fine as its range is printed.

    >>> rise_in_points({"estimate": -0.124, "low": -0.2, "high": -0.05}, "top2")
    '12'
    """
    factor, _, _ = unit(statistic)
    _, _, digits = _signed_ends(rise["low"] * factor, rise["high"] * factor)
    return rounded_number(abs(rise["estimate"]) * factor, digits)


def in_points(number: str) -> str:
    """A printed number of points with its noun.

    >>> in_points("1"), in_points("0.4")
    ('1 point', '0.4 points')
    """
    return f"{number} {choose_form(int(number == '1'), 'point', 'points')}"


def value_in_words(value: float, statistic: str) -> str:
    """A value as a score is printed, without a range.

    >>> value_in_words(0.686, "top2"), value_in_words(-20, "nps")
    ('69%', '\u221220')
    """
    factor, digits, sign = unit(statistic)
    return rounded_number(value * factor, digits) + sign


def unit(statistic: str) -> tuple[float, int, str]:
    """How a statistic is printed: the factor, the number of decimals, and the sign behind it.

    >>> unit("top2"), unit("mean"), unit("nps")
    ((100.0, 0, '%'), (1.0, 1, ''), (1.0, 0, ''))
    """
    if statistic == "mean":
        return 1.0, 1, ""
    if statistic == "nps":
        return 1.0, 0, ""
    return 100.0, 0, "%"


def score_in_words(measure: Measure) -> str:
    """The score as text without range, or the words shown instead of a hidden one.

    It is printed finer only where it would leave its printed range.

    >>> top2 = {"shown": True, "statistic": "top2"}
    >>> score_in_words(top2 | {"estimate": 0.605, "low": 0.5, "high": 0.7})
    '61%'
    """
    if not measure["shown"]:
        return str(measure["words"])
    factor, _, sign = unit(measure["statistic"])
    digits = _digits(measure)
    low, high, finer_digits = _printed_ends(
        measure["low"] * factor,
        measure["high"] * factor,
        _printed_target(measure),
        digits,
    )
    estimate = measure["estimate"] * factor
    score = rounded_number(estimate, digits)
    if not low <= float(score.replace(_MINUS, "-")) <= high:
        score = rounded_number(estimate, finer_digits)
    return score + sign


def score_range(measure: Measure) -> str:
    """The range as text (`27 to 49`), without its unit; empty where the score is hidden.

    Where everyone answered it says so.
    """
    if not measure["shown"]:
        return ""
    if measure["method"] == EVERYONE:
        return EVERYONE
    factor, _, _ = unit(measure["statistic"])
    low, high = measure["low"] * factor, measure["high"] * factor
    return range_in_words(low, high, _printed_target(measure), _digits(measure))


def score_with_range(measure: Measure) -> str:
    """Score and range as text: `37% (27 to 49)`; the words alone where the score is hidden."""
    score, printed_range = score_in_words(measure), score_range(measure)
    return f"{score} ({printed_range})" if printed_range else score


def _digits(measure: Measure) -> int:
    """The decimals of a score and its range: one for a share of so many answers that it matters."""
    _, digits, sign = unit(measure["statistic"])
    is_fine = sign == "%" and measure.get("answers", 0) >= FINE_FROM
    return digits + 1 if is_fine else digits


def _printed_target(measure: Measure) -> float | None:
    """The target in the unit of the printed range; None without a target."""
    target = measure.get("target")
    if target is None:
        return None
    factor, _, _ = unit(measure["statistic"])
    return float(target * factor)


def _printed_ends(
    low: float, high: float, target: float | None, digits: int
) -> tuple[float, float, int]:
    """Both ends of a range rounded outward, and how many decimals they were rounded to.

    There are at least `digits`, and as many as keep both ends on their side of the target.
    """
    for finer_digits in range(digits, digits + _FINEST):
        printed_low, printed_high = _rounded_outward(low, high, finer_digits)
        if target is None:
            return printed_low, printed_high, finer_digits
        hides_miss = high < target - TINY < printed_high
        hides_meeting = printed_low < target - TINY <= low
        if not hides_miss and not hides_meeting:
            return printed_low, printed_high, finer_digits
    return low, high, digits + _FINEST


def _signed_ends(low: float, high: float) -> tuple[float, float, int]:
    """The ends of a difference rounded outward, and their decimals.

    There are as many as it takes to show whether the range leaves out zero.
    """
    for digits in range(_FINEST):
        printed_low, printed_high = _rounded_outward(low, high, digits)
        keeps_low_side = (printed_low > 0) == (low > TINY)
        keeps_high_side = (printed_high < 0) == (high < -TINY)
        if keeps_low_side and keeps_high_side:
            break
    return printed_low, printed_high, digits


def _rounded_outward(low: float, high: float, digits: int) -> tuple[float, float]:
    """Low rounded down and high up to `digits` decimals; errors of computation do not count."""
    scale = 10.0**digits
    return math.floor(low * scale + TINY) / scale, math.ceil(high * scale - TINY) / scale
