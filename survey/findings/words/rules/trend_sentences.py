"""The sentences about a trend, which answer whether it is getting better.

They never say better or worse: up and down is what the answers show, and for lost time up is bad.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from survey.findings.words.rules.printing import (
    in_points,
    range_of_rise,
    rise_in_points,
    value_in_words,
)
from survey.findings.words.rules.wording import MIX_CHANGED, only_detectable, possibly_luck
from survey.kernel.plurals import choose_form
from survey.waves.rules.waves import named_period

Trend = Mapping[str, Any]

_HEADLINES = {"clearly up": "Clearly up", "clearly down": "Clearly down"}
NO_TREND = "No clear trend"


def trend_headline(trend: Trend, statistic: str) -> str:
    """A trend as the first half of a headline, with its range; without a full stop.

    >>> trend = {"verdict": "clearly up", "estimate": 0.496, "low": 0.34, "high": 0.66}
    >>> trend_headline(trend | {"opened": "2024-11-04", "waves": 8}, "top2")
    'Clearly up: about 50 points since November 2024 (34 to 66 up)'
    """
    start, span = since(trend), range_of_rise(trend, statistic)
    verdict = _HEADLINES.get(trend["verdict"])
    if verdict is None:
        return f"{NO_TREND} since {start} ({span})"
    rise = in_points(rise_in_points(trend, statistic))
    return f"{verdict}: about {rise} since {start} ({span})"


def trend_sentence(trend: Trend, statistic: str) -> str:
    """A judged trend in two or three sentences: how much, since when, first and latest value.

    Where nothing is clear it says what could have been seen.

    >>> trend = {"verdict": "no clear trend", "estimate": 0.02, "low": -0.08, "high": 0.12}
    >>> trend |= {"opened": "2025-01-13", "waves": 8, "imported": 0, "first": 0.75, "latest": 0.75}
    >>> sentence = trend_sentence(trend | {"detectable": 0.15, "detectable_fall": 0.15}, "top2")
    >>> sentence.partition(" With")[0]
    'No clear trend since January 2025 (8 points down to 12 up). In 8 waves: 75% first, 75% now.'
    """
    parts = [f"{trend_headline(trend, statistic)}.", first_and_latest(trend, statistic)]
    if trend["verdict"] not in _HEADLINES:
        parts.append(why_no_trend(trend, statistic))
    return " ".join(parts)


def why_no_trend(trend: Trend, statistic: str) -> str:
    """A sentence on why a trend is not clear: changed mix, many comparisons, or too small."""
    if trend.get("mix_changed"):
        return MIX_CHANGED
    if trend["low"] > 0 or trend["high"] < 0:
        return possibly_luck(trend, statistic)
    return only_detectable(trend, statistic)


def trends_in_short(trends: Sequence[Trend]) -> str:
    """How many measures with a trend are clearly up or down, in one sentence; empty without any.

    >>> up, flat = {"verdict": "clearly up"}, {"verdict": "no clear trend"}
    >>> trends_in_short([up, flat, up])
    '2 of 3 measures are clearly up, none clearly down.'
    """
    if not trends:
        return ""
    verdicts = [trend["verdict"] for trend in trends]
    if len(verdicts) == 1:
        return (
            f"The measure has {NO_TREND.lower()}."
            if verdicts[0] not in _HEADLINES
            else (f"The measure is {verdicts[0]}.")
        )
    up, down = verdicts.count("clearly up"), verdicts.count("clearly down")
    if not up and not down:
        among = "either measure" if len(verdicts) == 2 else f"any of {len(verdicts)} measures"
        return f"{NO_TREND} in {among}."
    first = f"{up or 'None'} of {len(verdicts)} measures"
    return f"{first} {choose_form(up or 1, 'is', 'are')} clearly up, {down or 'none'} clearly down."


def since(trend: Trend) -> str:
    """The month in which the trend's first wave opened; its quarter where thirds were added up."""
    day = date.fromisoformat(trend["opened"])
    quarter = trend.get("quarter")
    return named_period(quarter, day) if quarter else f"{day:%B %Y}"


def first_and_latest(trend: Trend, statistic: str) -> str:
    """The values at its ends and how many waves lie between, imported ones told; a sentence."""
    first = value_in_words(trend["first"], statistic)
    latest = value_in_words(trend["latest"], statistic)
    imported = trend.get("imported", 0)
    of_them = f", {imported} of them imported" if imported else ""
    return f"In {trend['waves']} waves{of_them}: {first} first, {latest} now."
