"""The sentences about a wave's results: headline, changes, silence, and words in place of numbers.

They are made in this one place, so that no text claims more than a range allows.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from survey.findings.words.rules.printing import (
    EVERYONE,
    TINY,
    Measure,
    percent,
    rounded_number,
    score_with_range,
)
from survey.findings.words.rules.would_show import moves_in_short
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
# What is printed in place of a hidden number: the same words whether a cell is hidden for itself
# or for the sake of another.
HIDDEN = "Hidden: too few answers to show safely"
FROM_FIVE, FROM_TEN = "Shown from 5 answers.", "Shown from 10 answers."
TOO_WIDE = "Too few answers to say"
NOT_COMPARED = "Compared from 10 answers in each wave."
WITH_THE_QUARTER = "Shown for the quarter, when its three thirds have been counted."
FROM_A_HUNDRED = "Shown from 100 people who answered these questions."
NO_THEME = "No theme: fewer than five people wrote about the same thing."
MOST_OR_ALL, ONE_OR_NONE = "all or all but one", "none or one"
MOST_NAMES = 3

Document = Mapping[str, Any]


def headline(verdicts: Sequence[str], answered: int, invited: int) -> str:
    """How many measures miss or meet their target, as a headline; without any, how many answered.

    It says nothing beyond the verdicts.

    >>> close = "too close to call"
    >>> headline(["misses", close, "misses", "meets", "misses", close], 42, 58)
    '3 of 6 measures miss target; 1 meets it'
    """
    total = len(verdicts)
    misses, meets = verdicts.count("misses"), verdicts.count("meets")
    if not total:
        return f"{answered} of {invited} people answered"
    if total == 1:
        is_decided = misses + meets > 0
        return (
            f"The measure {verdicts[0]} target" if is_decided else f"The measure is {verdicts[0]}"
        )
    if misses:
        miss = choose_form(misses, "misses", "miss")
        rest = "none clearly meets it yet"
        if meets:
            rest = f"{meets} {choose_form(meets, 'meets', 'meet')} it"
        return f"{misses} of {total} measures {miss} target; {rest}"
    if meets:
        meet = choose_form(meets, "meets", "meet")
        return f"{meets} of {total} measures {meet} target; none misses it"
    return f"All {total} measures are too close to call"


def outcome(verdicts: Sequence[str], answered: int, invited: int) -> str:
    """How many measures meet their target, in the few words of a subject line.

    With fewer than two verdicts it is the headline, with a small letter at its beginning.

    >>> outcome(["misses", "meets", "meets"], 42, 58)
    '2 of 3 measures meet target'
    >>> outcome(["misses", "too close to call"], 42, 58)
    'none of 2 measures clearly meets target'
    """
    total, meets = len(verdicts), verdicts.count("meets")
    if total < 2:
        sentence = headline(verdicts, answered, invited)
        return sentence[0].lower() + sentence[1:]
    if not meets:
        return f"none of {total} measures clearly meets target"
    return f"{meets} of {total} measures {choose_form(meets, 'meets', 'meet')} target"


def named_wave(opened: str, quarter: str | None = None) -> str:
    """A wave in words by the month it opened (`opened`, ISO 8601), or by its quarter.

    The result of three thirds is named by its quarter, for a third has a month as well.

    >>> named_wave("2026-10-12"), named_wave("2027-01-11", "2027-q1")
    ('the wave of October 2026', 'Q1 2027')
    """
    day = date.fromisoformat(opened)
    if quarter:
        return named_period(quarter, day)
    return f"the wave of {day:%B %Y}"


def clear_changes(up: Sequence[str], down: Sequence[str], since: str) -> str:
    """Sentences on which measures clearly rose or fell since a wave; empty where none did.

    It is the second sentence of the headline. `up` and `down` are names of measures.

    >>> clear_changes(["Kept informed"], [], "the wave of October 2026")
    'Clearly up since the wave of October 2026: Kept informed.'
    """
    sentences = []
    if up:
        sentences.append(f"Clearly up since {since}: {_first_names(up)}.")
    if down:
        sentences.append(f"Clearly down since {since}: {_first_names(down)}.")
    return " ".join(sentences)


def would_have_shown(points: float) -> str:
    """A sentence on how large a change would probably have been found.

    `points` are points, or the measure's own unit.

    >>> would_have_shown(31.3)
    'A change of about 31 points would probably have shown.'
    """
    return f"A change of about {rounded_number(points)} points would probably have shown."


def why_unclear(change: Measure, factor: float) -> str:
    """A sentence on why a change is not clear: changed mix, many comparisons, or too small.

    Either who was invited has changed, or chance among so many comparisons would produce it, or it
    is too small to be found. `factor` turns the change into the unit in which it is printed.

    >>> why_unclear({"low": 0.04, "high": 0.48, "detectable": 0.32, "family": 18}, 100)
    'Among 18 comparisons, chance alone leaves out zero now and then.'
    """
    if change.get("mix_changed"):
        return "The mix of departments among the invited has changed, so no change is called clear."
    if change["low"] > 0 or change["high"] < 0:
        return f"Among {change['family']} comparisons, chance alone leaves out zero now and then."
    return would_have_shown(change["detectable"] * factor)


def outlook_in_words(prospect: Outlook) -> tuple[str, str, str]:
    """The prospects of a wave as three table cells: answers, score with range, change found.

    They are who answers, how a usual score would read, and which change would show, in points.

    >>> from survey.statistics.planning import outlook
    >>> outlook_in_words(outlook(58, 0.6))
    ('60%: 35 of 58', '69% (58 to 78)', '26 up, 33 down')
    """
    people = f"{percent(prospect.rate)}: {prospect.answers} of {prospect.invited}"
    level = prospect.level
    if level is None:
        return people, FROM_FIVE, NOT_COMPARED
    score = TOO_WIDE
    if not prospect.is_too_few:
        score = score_with_range(
            {
                "shown": True,
                "statistic": "top2",
                "estimate": level.estimate,
                "low": level.low,
                "high": level.high,
                "method": level.method,
            }
        )
    if prospect.moves is None:
        return people, score, NOT_COMPARED
    return people, score, moves_in_short(prospect.moves)


def silence(measure: Measure) -> str:
    """How many of those who did not answer must be satisfied to meet the target, in words.

    Says so where everyone answered, where the target is met in any case, or is out of reach.
    """
    break_even = measure["break_even"]
    if break_even is None:
        return EVERYONE
    silent = measure["population"] - measure["answers"]
    needed = math.ceil(break_even * silent - TINY)
    colleagues = noun_for(silent, "silent colleague")
    if needed <= 0:
        think = choose_form(silent, "thinks", "think")
        return f"met whatever the {silent} {colleagues} {think}"
    if needed > silent:
        were = f"all {silent} {colleagues} were" if silent > 1 else f"the 1 {colleagues} was"
        return f"{percent(measure['target'])} is out of reach even if {were} satisfied"
    if needed == silent:
        article = "all" if silent > 1 else "the"
        return f"{article} {silent} {colleagues} would have to be satisfied"
    return f"{needed} of the {silent} {colleagues} would have to be satisfied"


def response_rate(document: Document) -> str:
    """The response rate in whole per cent as text; under half is never rounded up to half."""
    rate = document["response_rate"] * 100
    return f"{math.floor(rate)}%" if rate < 50 else f"{rounded_number(rate)}%"


def of_whom(document: Document) -> str:
    """The words "of those who answered" where fewer than half answered, else empty.

    Every sentence about a score must add it.
    """
    return "of those who answered" if document["response_rate"] < 0.5 else ""


def strengths_and_problems(measures: Sequence[Measure]) -> tuple[list[Measure], list[Measure]]:
    """Up to two measures as strengths and two as problems, the clearest first; none is both.

    What meets its target is a strength first, what misses it a problem first; then the distance
    from the target decides.
    """
    order = {"meets": 0, "too close to call": 1, "misses": 2}

    def rank(measure: Measure) -> tuple[int, float]:
        target = measure.get("target") or 0
        return order.get(measure.get("verdict", ""), 1), target - measure["estimate"]

    ranked = sorted(measures, key=rank)
    count = min(2, len(ranked) // 2)
    return ranked[:count], ranked[::-1][:count]


def made_of(thirds: Sequence[Mapping[str, Any]]) -> str:
    """A sentence on how a quarter's result was added up from thirds; empty without thirds.

    `thirds` is that part of the document; a third without a number of answers is void.

    >>> sentence = made_of([{"invited": 20, "answered": 13}, {"invited": 20, "answered": 14}])
    >>> sentence.partition(", and ")[2]
    'what they said is added up: 13 of 20 and 14 of 20 answered.'
    """
    if not thirds:
        return ""
    counted = [third for third in thirds if third["answered"] is not None]
    void = [third for third in thirds if third["answered"] is None]
    counts = [f"{third['answered']} of {third['invited']}" for third in counted]
    parts = [f"{joined_names(counts)} answered", *(_void_third(third) for third in void)]
    return (
        "A third of the people was asked each month, and what they said is added up:"
        f" {'; '.join(parts)}."
    )


def _void_third(third: Mapping[str, Any]) -> str:
    """Words on a void third: not asked, or its people counted as not having answered."""
    reason = third["void"]
    if not third["invited"]:
        return f"one third was not asked ({reason})"
    return (
        f"one third of {third['invited']} is void ({reason}), so its people count among the silent"
    )


def named_date(text: str) -> str:
    """A date (ISO 8601) as a person writes it.

    >>> named_date("2027-01-12")
    '12 January 2027'
    """
    day = date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def joined_names(names: Sequence[str]) -> str:
    """Names in their order joined by commas and "and"; at least one is needed.

    >>> joined_names(["Legal", "Finance"])
    'Legal and Finance'
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _first_names(names: Sequence[str]) -> str:
    """Up to three names, then how many more."""
    first = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{first}, and {more} more" if more > 0 else first
