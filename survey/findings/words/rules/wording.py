"""How numbers and verdicts are put into words: one place, so that no text claims more than a range allows."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from survey.kernel.plurals import choose_form, noun_for
from survey.statistics.planning import Outlook
from survey.waves.rules.waves import named_period

VERDICTS = {
    "meets": "Meets target",
    "misses": "Misses target",
    "too close to call": "Too close to call",
}
LOOKS = {"meets": "meets", "misses": "misses", "too close to call": "open"}
CHANGES = ("clear change", "no clear change")
DIFFERENCES = ("clear difference", "no clear difference")
EVERYONE = "everyone answered"
# What stands where a number may not: the same words whether a cell is hidden for itself or for another's sake.
HIDDEN = "Hidden: too few answers to show safely"
FROM_FIVE, FROM_TEN = "Shown from 5 answers.", "Shown from 10 answers."
TOO_WIDE = "Too few answers to say"
NOT_COMPARED = "Compared from 10 answers in each wave."
WITH_THE_QUARTER = "Shown for the quarter, when its three thirds have been counted."
FROM_A_HUNDRED = "Shown from 100 people who answered these questions."
NO_THEME = "No theme: fewer than five people wrote about the same thing."
MOST_OR_ALL, ONE_OR_NONE = "all or all but one", "none or one"
MOST_NAMES = 3
_TINY = 1e-7  # of a point: what two ways of computing one number may differ by
_FINEST = 8

Measure = Mapping[str, Any]
Document = Mapping[str, Any]


def rounded_number(value: float, digits: int = 0) -> str:
    """A number with halves rounded up and a true minus.

    >>> rounded_number(60.5), rounded_number(-9.04, 1)
    ('61', '\u22129.0')
    """
    found = Decimal(repr(round(value, 9))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{found:f}".replace("-", "\u2212") if found else f"{abs(found):f}"


def signed_number(value: float, digits: int = 0) -> str:
    """A difference: with its sign, whichever it is.

    >>> signed_number(12.2), signed_number(-9), signed_number(0.2)
    ('+12', '\u22129', '0')
    """
    found = rounded_number(value, digits)
    return (
        found
        if found.startswith("\u2212") or not any(c in found for c in "123456789")
        else f"+{found}"
    )


def percent(share: float) -> str:
    """A share that somebody set, such as a target, as exactly as it was set.

    >>> percent(0.7), percent(0.725)
    ('70%', '72.5%')
    """
    return f"{round(100 * share, 6):g}%"


def range_in_words(low: float, high: float, target: float | None = None, digits: int = 0) -> str:
    """A range, low end rounded down and high end up; finer where rounding would contradict the verdict on the target.

    >>> range_in_words(27.2, 48.3), range_in_words(35.53, 64.47, 65)
    ('27 to 49', '35.5 to 64.5')
    """
    low, high, digits = _ends(low, high, target, digits)
    return f"{rounded_number(low, digits)} to {rounded_number(high, digits)}"


def signed_range_in_words(low: float, high: float) -> str:
    """The range of a difference; finer where rounding would hide that it leaves out zero.

    >>> signed_range_in_words(-8.9, 32.8), signed_range_in_words(0.4, 21)
    ('\u22129 to +33', '+0.4 to +21.0')
    """
    for digits in range(_FINEST):
        ends = _outward(low, digits, math.floor, _TINY), _outward(high, digits, math.ceil, -_TINY)
        if (ends[0] > 0) == (low > _TINY) and (ends[1] < 0) == (high < -_TINY):
            break
    return f"{signed_number(ends[0], digits)} to {signed_number(ends[1], digits)}"


def unit(statistic: str) -> tuple[float, int, str]:
    """How a statistic is printed: factor, decimals, sign.

    >>> unit("top2"), unit("mean"), unit("nps")
    ((100.0, 0, '%'), (1.0, 1, ''), (1.0, 0, ''))
    """
    if statistic == "mean":
        return 1.0, 1, ""
    return (1.0, 0, "") if statistic == "nps" else (100.0, 0, "%")


def score_in_words(measure: Measure) -> str:
    """The score alone, or the words that stand for it; finer only where it would leave the printed range.

    >>> score_in_words({"shown": True, "statistic": "top2", "estimate": 0.605, "low": 0.5, "high": 0.7})
    '61%'
    """
    if not measure["shown"]:
        return str(measure["words"])
    factor, digits, sign = unit(measure["statistic"])
    low, high, finer = _ends(
        measure["low"] * factor, measure["high"] * factor, _target(measure), digits
    )
    found = rounded_number(measure["estimate"] * factor, digits)
    within = low <= float(found.replace("\u2212", "-")) <= high
    return (found if within else rounded_number(measure["estimate"] * factor, finer)) + sign


def score_range(measure: Measure) -> str:
    """The range alone: `27 to 49`; where everyone answered it says so; nothing where nothing is shown."""
    if not measure["shown"]:
        return ""
    if measure["method"] == EVERYONE:
        return EVERYONE
    factor, digits, _ = unit(measure["statistic"])
    return range_in_words(
        measure["low"] * factor, measure["high"] * factor, _target(measure), digits
    )


def score_with_range(measure: Measure) -> str:
    """Score and range: `37% (27 to 49)`."""
    found = score_range(measure)
    return f"{score_in_words(measure)} ({found})" if found else score_in_words(measure)


def headline(verdicts: Sequence[str], answered: int, invited: int) -> str:
    """What the verdicts together say, and nothing beyond them.

    >>> headline(["misses", "too close to call", "misses", "meets", "misses", "too close to call"], 42, 58)
    '3 of 6 measures miss target; 1 meets it'
    """
    total, misses, meets = len(verdicts), verdicts.count("misses"), verdicts.count("meets")
    if not total:
        return f"{answered} of {invited} people answered"
    if total == 1:
        return (
            "The measure"
            f" {'is ' if not misses + meets else ''}{verdicts[0]}{' target' if misses + meets else ''}"
        )
    if misses:
        rest = (
            f"{meets} {choose_form(meets, 'meets', 'meet')} it"
            if meets
            else "none clearly meets it yet"
        )
        return (
            f"{misses} of {total} measures {choose_form(misses, 'misses', 'miss')} target; {rest}"
        )
    if meets:
        return (
            f"{meets} of {total} measures {choose_form(meets, 'meets', 'meet')} target; none"
            " misses it"
        )
    return f"All {total} measures are too close to call"


def outcome(verdicts: Sequence[str], answered: int, invited: int) -> str:
    """The same in the few words of a subject line.

    >>> outcome(["misses", "meets", "meets"], 42, 58), outcome(["misses", "too close to call"], 42, 58)
    ('2 of 3 measures meet target', 'none of 2 measures clearly meets target')
    """
    total, meets = len(verdicts), verdicts.count("meets")
    if total < 2:
        found = headline(verdicts, answered, invited)
        return found[0].lower() + found[1:]
    if not meets:
        return f"none of {total} measures clearly meets target"
    return f"{meets} of {total} measures {choose_form(meets, 'meets', 'meet')} target"


def named_wave(opened: str, quarter: str | None = None) -> str:
    """A wave as a sentence names it; what three thirds came to by its quarter, for a third has a month as well.

    >>> named_wave("2026-10-12"), named_wave("2027-01-11", "2027-q1")
    ('the wave of October 2026', 'Q1 2027')
    """
    if quarter:
        return named_period(quarter, date.fromisoformat(opened))
    return f"the wave of {date.fromisoformat(opened):%B %Y}"


def clear_changes(up: Sequence[str], down: Sequence[str], since: str) -> str:
    """The headline's second sentence: which measures clearly changed since which wave; nothing where none did.

    >>> clear_changes(["Kept informed"], [], "the wave of October 2026")
    'Clearly up since the wave of October 2026: Kept informed.'
    """
    said = [
        f"Clearly {way} since {since}: {_first(names)}."
        for way, names in (("up", up), ("down", down))
        if names
    ]
    return " ".join(said)


def would_have_shown(points: float) -> str:
    """How large a change (in points, or in the measure's own unit) would probably have been found.

    >>> would_have_shown(31.3)
    'A change of about 31 points would probably have shown.'
    """
    return f"A change of about {rounded_number(points)} points would probably have shown."


def why_unclear(change: Measure, factor: float) -> str:
    """Why a change is not called clear: who was invited has changed, chance among many comparisons, or too small to be found.

    >>> why_unclear({"low": 0.04, "high": 0.48, "detectable": 0.32, "family": 18}, 100)
    'Among 18 comparisons, chance alone leaves out zero now and then.'
    """
    if change.get("mix_changed"):
        return "The mix of departments among the invited has changed, so no change is called clear."
    if change["low"] > 0 or change["high"] < 0:
        return f"Among {change['family']} comparisons, chance alone leaves out zero now and then."
    return would_have_shown(change["detectable"] * factor)


def outlook_in_words(found: Outlook) -> tuple[str, str, str]:
    """What a wave would be able to say if so many answered: who answers, how a usual score would read, which change would show.

    >>> from survey.statistics.planning import outlook
    >>> outlook_in_words(outlook(58, 0.6))
    ('60%: 35 of 58', '69% (58 to 78)', 'about 31 points')
    """
    people = f"{percent(found.rate)}: {found.answers} of {found.invited}"
    if found.level is None:
        return people, FROM_FIVE, NOT_COMPARED
    level = {
        "shown": True,
        "statistic": "top2",
        "estimate": found.level.estimate,
        "low": found.level.low,
        "high": found.level.high,
    }
    change = (
        f"about {rounded_number(100 * found.change)} points"
        if found.change is not None
        else NOT_COMPARED
    )
    return (
        people,
        TOO_WIDE if found.too_wide else score_with_range(level | {"method": found.level.method}),
        change,
    )


def silence(measure: Measure) -> str:
    """What the silent would have to say for the target to be met, in people."""
    even = measure["break_even"]
    if even is None:
        return EVERYONE
    silent = measure["population"] - measure["answers"]
    needed = math.ceil(even * silent - _TINY)
    colleagues = noun_for(silent, "silent colleague")
    if needed <= 0:
        return f"met whatever the {silent} {colleagues} {choose_form(silent, 'thinks', 'think')}"
    if needed > silent:
        were = f"all {silent} {colleagues} were" if silent > 1 else f"the 1 {colleagues} was"
        return f"{percent(measure['target'])} is out of reach even if {were} satisfied"
    if needed == silent:
        return f"{'all ' if silent > 1 else 'the '}{silent} {colleagues} would have to be satisfied"
    return f"{needed} of the {silent} {colleagues} would have to be satisfied"


def response_rate(document: Document) -> str:
    """The response rate in whole per cent; under half is never rounded up to half."""
    share = document["response_rate"] * 100
    return f"{math.floor(share) if share < 50 else rounded_number(share)}%"


def of_whom(document: Document) -> str:
    """What every sentence about a score must add where fewer than half answered."""
    return "of those who answered" if document["response_rate"] < 0.5 else ""


def strengths_and_problems(measures: Sequence[Measure]) -> tuple[list[Measure], list[Measure]]:
    """Two of each: what meets and what misses first, then by distance from the target; never the same twice."""
    order = {"meets": 0, "too close to call": 1, "misses": 2}
    ranked = sorted(
        measures,
        key=lambda m: (order.get(m.get("verdict", ""), 1), (m.get("target") or 0) - m["estimate"]),
    )
    count = min(2, len(ranked) // 2)
    return ranked[:count], ranked[::-1][:count]


def made_of(thirds: Sequence[Mapping[str, Any]]) -> str:
    """How the result of a quarter came about, in a sentence or two; nothing where the document is not such a result.

    >>> made_of([{"invited": 20, "answered": 13}, {"invited": 20, "answered": 14}])
    'A third of the people was asked each month, and what they said is added up: 13 of 20 and 14 of 20 answered.'
    """
    if not thirds:
        return ""
    said = [
        f"{third['answered']} of {third['invited']}"
        for third in thirds
        if third["answered"] is not None
    ]
    void = [_void(third) for third in thirds if third["answered"] is None]
    parts = [f"{joined_names(said)} answered", *void]
    return (
        "A third of the people was asked each month, and what they said is added up:"
        f" {'; '.join(parts)}."
    )


def _void(third: Mapping[str, Any]) -> str:
    if not third["invited"]:
        return f"one third was not asked ({third['void']})"
    return (
        f"one third of {third['invited']} is void ({third['void']}), so its people count among the"
        " silent"
    )


def named_date(text: str) -> str:
    """A date as a person writes it.

    >>> named_date("2027-01-12")
    '12 January 2027'
    """
    day = date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def joined_names(names: Sequence[str]) -> str:
    """Names in their order, as a person lists them.

    >>> joined_names(["Legal", "Finance"])
    'Legal and Finance'
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _first(names: Sequence[str]) -> str:
    """Up to three names, then how many more."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f", and {more} more" if more > 0 else "")


def _target(measure: Measure) -> float | None:
    """The target in the unit of the printed range."""
    target = measure.get("target")
    return None if target is None else target * unit(measure["statistic"])[0]


def _ends(low: float, high: float, target: float | None, digits: int) -> tuple[float, float, int]:
    """The ends rounded outward, with as many decimals as it takes to keep them on their side of the target."""
    misses = target is not None and high < target - _TINY
    meets = target is not None and low >= target - _TINY
    for finer in range(digits, digits + _FINEST):
        ends = _outward(low, finer, math.floor, _TINY), _outward(high, finer, math.ceil, -_TINY)
        contradicts = target is not None and (
            (misses and ends[1] > target - _TINY) or (meets and ends[0] < target - _TINY)
        )
        if not contradicts:
            return *ends, finer
    return low, high, digits + _FINEST


def _outward(value: float, digits: int, to_whole: Callable[[float], int], slack: float) -> float:
    scale = 10.0**digits
    return to_whole(value * scale + slack) / scale
