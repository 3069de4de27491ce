"""The parts of a page or a mail about a wave: lost time, contrast, distributions, groups, year."""

from collections.abc import Mapping, Sequence
from typing import Any

from survey.findings.words.rules import printing, wording
from survey.findings.words.rules.measure_views import (
    Question,
    Questions,
    change_view,
    is_clear_difference,
    measure_view,
    measure_views,
)
from survey.findings.words.rules.printing import Measure
from survey.findings.words.rules.trends import SHARES
from survey.findings.words.rules.view_model import (
    Contrast,
    DistributionView,
    Document,
    DriversView,
    GroupCell,
    GroupRow,
    LostTimeView,
    YearView,
)


def lost_time_view(document: Document, questions: Questions) -> LostTimeView | None:
    """The lost time as texts; None where it was not asked or its share is hidden."""
    lost_time = document["lost_time"]
    if not lost_time or not lost_time["share_over_2h"]["shown"]:
        return None
    share = lost_time["share_over_2h"] | {
        "statistic": "share",
        "question": lost_time["question"],
    }
    hours = lost_time["hours_per_week"]
    hours_in_words = ""
    if hours["shown"]:
        hours_in_words = printing.range_in_words(hours["low"], hours["high"], digits=1)
    return LostTimeView(
        score=printing.score_in_words(share),
        range=printing.score_range(share),
        answers=share["answers"],
        hours=hours_in_words,
        change=change_view(share, questions),
        trend=share.get("trend", {}).get("words", ""),
    )


def contrast_view(
    judged: Sequence[Measure],
    shares: Sequence[Measure],
    questions: Questions,
    document: Document,
) -> Contrast:
    """Strengths and problems: by verdict if two or more measures are judged, else by score.

    What misses its target is a strength only where nothing meets its own, and that is said then.
    """
    if len(judged) > 1:
        best, worst = wording.strengths_and_problems(judged)
        of_strengths, of_problems = _remarks_on_verdicts(judged)
        best = [each for each in best if of_strengths or each["verdict"] != "misses"]
        worst = [each for each in worst if of_problems or each["verdict"] != "meets"]
    else:
        shown = [measure for measure in shares if measure["shown"]]
        best, worst = wording.strengths_and_problems(shown)
        reason = "Only one measure has a target" if judged else "No targets are set"
        of_strengths = f"{reason}; these score highest."
        of_problems = f"{reason}; these score lowest."
    return Contrast(
        strengths=measure_views(best, questions, document),
        problems=measure_views(worst, questions, document),
        of_strengths=of_strengths,
        of_problems=of_problems,
    )


def _remarks_on_verdicts(judged: Sequence[Measure]) -> tuple[str, str]:
    """Remarks on strengths if none meets its target, on problems if none misses; else empty."""
    verdicts = {measure["verdict"] for measure in judged}
    of_strengths = of_problems = ""
    if "meets" not in verdicts:
        of_strengths = "Nothing clearly meets its target; these come closest."
    if "misses" not in verdicts:
        of_problems = "Nothing clearly misses its target; these have the least to spare."
    return of_strengths, of_problems


def distribution_view(distribution: Mapping[str, Any], question: Question) -> DistributionView:
    """The answers to one question for drawing; five ordered steps diverge from the middle."""
    return DistributionView(
        name=question["name"],
        labels=tuple(question["labels"]),
        counts=tuple(distribution.get("counts", ())),
        words=distribution.get("words", ""),
        diverges=question["kind"] == "ordinal" and len(question["codes"]) == 5,
    )


def largest_sides(distributions: Sequence[DistributionView]) -> tuple[float, float, float]:
    """The largest shares (0 to 100) left, right and in the middle, as one scale for all rows.

    Each is 1 where nothing is drawn.
    """
    shares = [
        [100 * side / sum(distribution.counts) for side in distribution.sides]
        for distribution in distributions
        if distribution.diverges and distribution.counts
    ]
    left, centre, right = (max((share[side] for share in shares), default=1.0) for side in range(3))
    return left, right, centre


def group_table(
    document: Document, questions: Questions
) -> tuple[tuple[str, ...], tuple[GroupRow, ...]]:
    """The table of shares by reporting group: names of columns, and rows; may be empty."""
    measures = [
        measure
        for measure in document["measures"]
        if measure["group"] is not None and measure["statistic"] in SHARES
    ]
    columns = list(dict.fromkeys(measure["question"] for measure in measures))
    cells = {(measure["group"], measure["question"]): _group_cell(measure) for measure in measures}
    if not columns:
        return (), ()
    rows = tuple(
        GroupRow(
            name=group["name"],
            invited=group["invited"],
            cells=tuple(cells[group["name"], question] for question in columns),
        )
        for group in document["groups"]
        if group["shown"]
    )
    return tuple(questions[question]["name"] for question in columns), rows


def _group_cell(measure: Measure) -> GroupCell:
    """A group's cell; `look` says whether it is clearly higher or lower than the rest."""
    difference = measure.get("against_rest")
    look = ""
    if difference and is_clear_difference(difference):
        look = "higher" if difference["estimate"] > 0 else "lower"
    return GroupCell(
        score=printing.score_in_words(measure),
        range=printing.score_range(measure),
        answers=measure.get("answers"),
        look=look,
    )


def year_view(document: Document, questions: Questions) -> YearView | None:
    """The shares over a year's waves as texts; None where the document has no year, or no share."""
    year = document.get("year")
    if not year:
        return None
    shares = [measure for measure in year["measures"] if measure["statistic"] in SHARES]
    if not shares:
        return None
    return YearView(
        waves=len(year["waves"]),
        measures=measure_views(shares, questions, document),
        counted=tuple(measure["waves"] for measure in shares),
    )


def drivers_view(
    document: Document, shares: Sequence[Measure], questions: Questions
) -> DriversView | None:
    """The questions that go with the overall one, each with its share; None without drivers.

    Which is first may be known; the order of the others never is, so they stand as they were asked.
    """
    drivers = document.get("drivers")
    if not drivers:
        return None
    if not drivers["shown"]:
        return DriversView(words=drivers["words"], first=None, behind=())
    share_by_question = {measure["question"]: measure for measure in shares}
    in_order = list(drivers["questions"])
    first = in_order.pop(0) if drivers["ranked"] else None
    behind = [question for question in questions if question in in_order]
    views = measure_views([share_by_question[each] for each in behind], questions, document)
    strongest = measure_view(share_by_question[first], questions, document) if first else None
    return DriversView(words="", first=strongest, behind=views)
