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
    in_points,
    percent,
    rise_in_points,
    rounded_number,
    score_with_range,
    unit,
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
# What is printed in place of a hidden number: the same words whether a cell is hidden for itself
# or for the sake of another.
HIDDEN = "Hidden: too few answers to show safely"
FROM_FIVE, FROM_TEN = "Shown from 5 answers.", "Shown from 10 answers."
TOO_WIDE = "Too few answers to say"
NOT_COMPARED = "Compared from 10 answers in each wave."
WITH_THE_QUARTER = "Shown for the quarter, when its three thirds have been counted."
FROM_A_HUNDRED = "Shown from 100 people who answered these questions."
NEEDS_ALL_THIRDS = "Not shown: one of the quarter's thirds has fewer than 10 answers to this."
MIX_CHANGED = (
    "The departments' shares of the people invited moved by more than a tenth, so nothing is called"
    " clear here."
)
NO_THEME = "No theme: fewer than five people wrote about the same thing."
MOST_OR_ALL, ONE_OR_NONE = "all or all but one", "none or one"
MOST_NAMES = 3
_NUMBERS = dict(
    enumerate(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=2)
)

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
    both_or_all = "Both measures" if total == 2 else f"All {total} measures"
    return f"{both_or_all} are too close to call"


def outcome(verdicts: Sequence[str], answered: int, invited: int) -> str:
    """How many measures meet their target, in the few words of a subject line.

    With fewer than two verdicts it is the headline, with a small letter at its beginning.

    >>> outcome(["misses", "meets", "meets"], 42, 58)
    '2 of 3 measures meet target'
    >>> outcome(["misses", "too close to call"], 42, 58)
    'neither of 2 measures clearly meets target'
    """
    total, meets = len(verdicts), verdicts.count("meets")
    if total < 2:
        sentence = headline(verdicts, answered, invited)
        return sentence[0].lower() + sentence[1:]
    if not meets:
        none = "neither" if total == 2 else "none"
        return f"{none} of {total} measures clearly meets target"
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


def why_unclear(change: Measure, statistic: str) -> str:
    """A sentence on why a change is not clear: changed mix, many comparisons, or too small.

    Either who was invited has changed, or chance among so many comparisons would produce it, or it
    is too small to be found.

    >>> why_unclear({"estimate": 0.31, "low": 0.04, "high": 0.48, "comparisons": 20}, "top2")
    'Up 31 points, but among 20 comparisons one such rise can be luck.'
    """
    if change.get("mix_changed"):
        return MIX_CHANGED
    if change["low"] > 0 or change["high"] < 0:
        return possibly_luck(change, statistic)
    return only_detectable(change, statistic)


def possibly_luck(difference: Measure, statistic: str) -> str:
    """A sentence on a difference whose own range leaves out zero, and which is not called clear."""
    up, rise = ("Up", "rise") if difference["estimate"] > 0 else ("Down", "fall")
    points = f"{up} {in_points(rise_in_points(difference, statistic))},"
    others = difference.get("comparisons", difference.get("family", 1))
    if others == 1:  # judged alone, and by a stricter test than its range
        return f"{points} but this can be luck."
    return f"{points} but among {others} comparisons one such {rise} can be luck."


def only_detectable(difference: Measure, statistic: str) -> str:
    """A sentence on how large a rise or a fall can be detected with these answers.

    >>> only_detectable({"estimate": 0.12, "low": -0.09, "high": 0.32, "detectable": 0.29}, "top2")
    'With this many answers only a change of about 29 points or more can be detected.'
    >>> fall = {"detectable": 0.24, "detectable_rise": None, "detectable_fall": 0.24}
    >>> only_detectable({"estimate": 0.02, "low": -0.1, "high": 0.1} | fall, "top2")
    'With this many answers only a fall of about 24 points or more can be detected.'
    """
    detectable = difference["detectable"]
    if detectable is None:
        return "Even the largest possible change would often go unnoticed here."
    factor, _, _ = unit(statistic)
    size = rounded_number(detectable * factor)
    points = in_points(size)
    if float(rise_in_points(difference, statistic)) >= float(size):
        return f"With this many answers a change of about {points} is not always detected."
    move = "change"
    if difference.get("detectable_rise", detectable) is None:
        move = "fall"
    elif difference.get("detectable_fall", detectable) is None:
        move = "rise"
    return f"With this many answers only a {move} of about {points} or more can be detected."


def rebound_in_words(measures: int, rise: float) -> str:
    """A sentence on how much higher the lowest of so many shares usually reads next time.

    >>> rebound_in_words(8, 0.083)
    'If nothing changes, the lowest of eight usually reads about 8 points higher next time.'
    """
    number = _NUMBERS.get(measures, str(measures))
    return (
        f"If nothing changes, the lowest of {number} usually reads about"
        f" {rounded_number(100 * rise)} points higher next time."
    )


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


def unanswered(measure: Measure, document: Document) -> str:
    """Whose answer to a measure's question is not known, in words, with their number.

    They did not answer at all, or left the question blank; those are told apart.

    >>> unanswered({"population": 60, "answers": 39}, {"invited": 60, "answered": 41})
    'the 21 people whose answer is not known (19 did not answer, 2 left this question blank)'
    """
    unknown = measure["population"] - measure["answers"]
    not_answered = document["invited"] - document["answered"]
    blank = unknown - not_answered
    people = noun_for(unknown, "person")
    if document.get("unreadable"):
        return f"the {unknown} {people} whose answer is not known"
    if not blank:
        return f"the {unknown} {people} who did not answer"
    if not not_answered:
        return f"the {unknown} {people} who left this question blank"
    return (
        f"the {unknown} {people} whose answer is not known ({not_answered} did not answer,"
        f" {blank} left this question blank)"
    )


def silence(measure: Measure, document: Document) -> str:
    """What those whose answer is not known would have to think for the target to be met: sentences.

    Says so where everyone answered, where the target is met in any case, or is out of reach. Else a
    second sentence says how much keener to answer one side would have had to be.
    """
    break_even = measure["break_even"]
    if break_even is None:
        return f"{EVERYONE.capitalize()}."
    unknown = measure["population"] - measure["answers"]
    needed = math.ceil(break_even * unknown - TINY)
    people, target = unanswered(measure, document), percent(measure["target"])
    if needed <= 0:
        return f"The target of {target} is met whatever {people} {_verb(unknown, 'think')}."
    if needed > unknown:
        everybody = f"{_all_of(people, unknown)} {choose_form(unknown, 'was', 'were')}"
        return f"The target of {target} would be missed even if {everybody} satisfied."
    some = f"{needed} of {people}" if needed < unknown else _all_of(people, unknown)
    sentence = f"To reach the target, {some} would have to be satisfied."
    return f"{sentence} {_odds_in_words(measure)}".strip()


def _verb(number: int, verb: str) -> str:
    """A verb in the present tense after so many people."""
    return choose_form(number, f"{verb}s", verb)


def _all_of(people: str, number: int) -> str:
    """The words for all of these people."""
    return people if number == 1 else f"all of {people}"


def _odds_in_words(measure: Measure) -> str:
    """How much keener to answer one side must have been, for the verdict to be undone; or empty."""
    odds = measure.get("response_odds")
    if odds is None or rounded_number(max(odds, 1 / odds), 1) == "1.0":
        return ""
    # Counted without weights, they may point the other way than a score weighted by departments.
    is_below = measure["estimate"] < measure["target"]
    contrary = "meets" if odds >= 1 else "misses"
    if is_below is not (odds >= 1) or measure["verdict"] == contrary:
        return ""
    if odds >= 1:
        times = _times(odds)
        return f"It is met only if dissatisfied colleagues were {times} as eager to answer."
    return f"It is missed only if satisfied colleagues were {_times(1 / odds)} as eager to answer."


def _times(ratio: float) -> str:
    """A ratio of at least one: one decimal, or none from ten on; cut at a hundred.

    >>> _times(7.86), _times(23.4), _times(512.0)
    ('7.9 times', '23 times', 'more than 100 times')
    """
    if ratio > 100:
        return "more than 100 times"
    return f"{rounded_number(ratio, 0 if ratio >= 10 else 1)} times"


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
    if not void:
        return (
            "A third of the people was asked each month, and what they said is added up:"
            f" {joined_names(counts)} answered."
        )
    answered = [f"{joined_names(counts)} answered"] if counts else []
    parts = "; ".join([*answered, *(_void_third(third) for third in void)])
    return f"A third of the people was asked each month: {parts}. So the quarter has no scores."


def _void_third(third: Mapping[str, Any]) -> str:
    """Words on a third that was left out: not asked, or void."""
    what = f"of {third['invited']} is void" if third["invited"] else "was not asked"
    return f"one third {what} ({third['void']})"


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
