"""The findings document as a page and a mail show it.

Its figures are chosen, sorted and put into words; nothing is computed again.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from survey.charts.drawings import Range
from survey.findings.words.rules import wording
from survey.findings.words.rules.trends import SHARES, is_document_of_third, trend_view
from survey.findings.words.rules.view_model import (
    ChangeView,
    Contrast,
    DistributionView,
    Document,
    DriversView,
    GroupCell,
    GroupRow,
    LostTimeView,
    MeasureView,
    Presentation,
    YearView,
)
from survey.findings.words.rules.wording import Measure, named_date
from survey.kernel.plurals import how_many
from survey.questionnaires.rules import QuestionId
from survey.waves.rules.waves import named_period

__all__ = ["Presentation", "named_date", "present_document"]

_OVERALL_QUESTION = QuestionId("OVR1")

Question = Mapping[str, Any]
Questions = Mapping[QuestionId, Question]


def present_document(
    document: Document, earlier: Sequence[Document] = (), trend_of: str | None = None
) -> Presentation:
    """The document of a wave as a page or a mail shows it.

    `earlier` are the earlier documents of the same survey, oldest first, for the trend. `trend_of`
    is the question whose trend is drawn; the overall one when it is unknown or not given.
    """
    questions = {question["id"]: question for question in document["questions"]}
    company = [measure for measure in document["measures"] if measure["group"] is None]
    company_shares = [measure for measure in company if measure["statistic"] in SHARES]
    own_scales = [measure for measure in company if measure["statistic"] not in SHARES]
    shares = sorted(company_shares, key=_urgency)
    judged = [measure for measure in shares if measure.get("verdict")]
    verdicts = [measure["verdict"] for measure in judged]
    below = [questions[m["question"]]["name"] for m in judged if m["verdict"] == "misses"]
    first_share = company_shares[0] if company_shares else None
    overall = _share_of(_OVERALL_QUESTION, company_shares) or first_share
    drawn = _share_of(trend_of, company_shares) or overall
    distributions = tuple(
        _distribution(distribution, questions[distribution["question"]])
        for distribution in document["distributions"]
    )
    columns, groups = _groups(document, questions)
    themes = document["comments"].get("themes", {})
    return Presentation(
        document=document,
        period=_period(document),
        headline=document["headline"],
        outcome=wording.outcome(verdicts, document["answered"], document["invited"]),
        changed=document.get("changed", ""),
        lede=_lede(document, below),
        whom=wording.of_whom(document),
        made_of=wording.made_of(document.get("thirds", ())),
        notes=_notes(document),
        overall=_measure(overall, questions) if overall else None,
        change=_change(overall, questions) if overall else None,
        lost_time=_lost_time(document, questions),
        measures=_measures(shares, questions),
        own_scales=_measures(own_scales, questions),
        contrast=_contrast(judged, shares, questions),
        distributions=distributions,
        reach=_reach(distributions),
        columns=columns,
        groups=groups,
        merged=_merged_groups(document),
        trend=trend_view([*earlier, document], drawn["question"]) if drawn else None,
        trends=_other_trends(shares, drawn, questions) if earlier else (),
        year=_year(document.get("year"), questions),
        drivers=_drivers(document.get("drivers"), shares, questions),
        themes=tuple((theme["words"], theme["comments"]) for theme in themes.get("themes", ())),
        no_theme=themes.get("words", ""),
        weighs_as=_weight(overall),
        is_first=_is_first(document, earlier),
    )


def _share_of(question: str | None, shares: Sequence[Measure]) -> Measure | None:
    return next((measure for measure in shares if measure["question"] == question), None)


def _urgency(measure: Measure) -> tuple[int, float]:
    """Furthest below its target first; without a target after those with; hidden ones last."""
    if not measure["shown"]:
        return 2, 0.0
    if measure.get("target") is None:
        return 1, float(measure["estimate"])
    return 0, float(measure["estimate"] - measure["target"])


def _period(document: Document) -> str:
    wave = document["wave"]
    return named_period(wave["period"], date.fromisoformat(wave["opened"]))


def _is_first(document: Document, earlier: Sequence[Document]) -> bool:
    """Whether there is no earlier wave to compare with, apart from thirds of this quarter."""
    has_only_thirds_before = all(is_document_of_third(previous) for previous in earlier)
    return has_only_thirds_before and not document["wave"]["imported"]


def _lede(document: Document, below: Sequence[str]) -> str:
    """What follows the headline: what is below target, who answered, and what a range says."""
    invited, answered = document["invited"], document["answered"]
    whom = wording.of_whom(document)
    sentences = []
    if below:
        sentences.append(f"Below target: {wording.joined_names(below)}.")
    sentences.append(
        f"{answered} of {invited} people answered ({wording.response_rate(document)})."
    )
    if whom:
        sentences.append(f"Every score is {whom}.")
    if answered == invited:
        sentences.append("Everyone answered, so a score has no range.")
    else:
        sentences.append(
            f"A range says what all {invited} would very likely have said (95%),"
            " if silence is unrelated to satisfaction."
        )
    return " ".join(sentences)


def _notes(document: Document) -> tuple[str, ...]:
    """What restricts the use of this document, a sentence or two each."""
    wave = document["wave"]
    is_third = wave.get("third") is not None
    counted_thirds = sum(third["answered"] is not None for third in document.get("thirds", ()))
    notes = []
    if wave["imported"]:
        notes.append(
            "Imported from another tool: Candour cannot vouch for how these answers were collected."
        )
    if wave["closed_early"]:
        notes.append(
            f"Closed early: {wave['closed_early']}. This wave does not count for the ladder."
        )
    if wave["baseline"] and not is_third:
        notes.append("Baseline wave: it helps to set targets and carries no consequence.")
    if counted_thirds == 1:
        notes.append("A single third could be counted, so nothing is held to its target.")
    if document["unreadable"]:
        notes.append(f"{how_many(document['unreadable'], 'answer')} could not be read.")
    return tuple(notes)


def _measures(measures: Sequence[Measure], questions: Questions) -> tuple[MeasureView, ...]:
    return tuple(_measure(measure, questions) for measure in measures)


def _measure(measure: Measure, questions: Questions) -> MeasureView:
    question = questions[measure["question"]]
    verdict, target = measure.get("verdict", ""), measure.get("target")
    low, high = _scale(measure["statistic"], question)
    return MeasureView(
        question=measure["question"],
        name=question["name"],
        score=wording.score_in_words(measure),
        range=wording.score_range(measure),
        answers=measure.get("answers"),
        chart=_range_on_chart(measure, low, high) if measure["shown"] else None,
        scale=f"{wording.rounded_number(low)} to {wording.rounded_number(high)}",
        target=wording.percent(target) if target is not None else "",
        verdict=wording.VERDICTS.get(verdict, ""),
        look=wording.LOOKS.get(verdict, ""),
        silence=_silence(measure),
        change=_change(measure, questions),
    )


def _scale(statistic: str, question: Question) -> tuple[float, float]:
    """The ends of a statistic's whole scale, in its own unit."""
    if statistic == "mean":
        return question["codes"][0], question["codes"][-1]
    if statistic == "nps":
        return -100, 100
    return 0, 1


def _range_on_chart(measure: Measure, lowest: float, highest: float) -> Range:
    """The measure on 0 to 100, where `lowest` to `highest` is the whole scale in its own unit."""

    def place(value: float) -> float:
        return min(100.0, max(0.0, 100 * (value - lowest) / (highest - lowest)))

    target = measure.get("target")
    return Range(
        place(measure["estimate"]),
        place(measure["low"]),
        place(measure["high"]),
        None if target is None else place(target),
    )


def _silence(measure: Measure) -> str:
    """How many silent people would have to be satisfied; empty where there is nothing to meet."""
    has_target = measure.get("target") is not None
    has_break_even = measure["shown"] and "break_even" in measure
    return wording.silence(measure) if has_target and has_break_even else ""


def _change(measure: Measure, questions: Questions) -> ChangeView | None:
    """The measure against an earlier wave; None where it was not compared."""
    change = measure.get("change")
    if not change:
        return None
    name = questions[measure["question"]]["name"]
    since = _compared_with(change)
    if not change["shown"]:
        return ChangeView(
            name=name,
            since=since,
            score="",
            range="",
            words=change["words"],
            look="open",
            detectable="",
        )
    factor, _, _ = wording.unit(measure["statistic"])
    is_clear = _is_clear(change)
    words, look = "No clear change", "open"
    if is_clear:
        is_up = change["estimate"] > 0
        words, look = ("Clearly up", "higher") if is_up else ("Clearly down", "lower")
    return ChangeView(
        name=name,
        since=since,
        score=wording.signed_number(change["estimate"] * factor),
        range=wording.signed_range_in_words(change["low"] * factor, change["high"] * factor),
        words=words,
        look=look,
        detectable="" if is_clear else wording.why_unclear(change, factor),
    )


def _compared_with(change: Measure) -> str:
    """The earlier wave as a sentence names it after "since"."""
    since = "the year before"
    if "opened" in change:
        since = wording.named_wave(change["opened"], change.get("quarter"))
    return f"{since} (imported)" if change.get("imported") else since


def _is_clear(difference: Measure) -> bool:
    return bool(difference["shown"] and difference["direction"] != "unclear")


def _weight(measure: Measure | None) -> str:
    """How many evenly spread answers the answers of the overall measure weigh as much as.

    Empty where they are spread evenly, and where the measure is not shown.
    """
    if not measure or not measure["shown"]:
        return ""
    answers, effective_answers = measure["answers"], measure["effective_answers"]
    if round(effective_answers) >= answers:
        return ""
    return (
        f"{answers} answers weigh as much as {wording.rounded_number(effective_answers)}"
        " that are spread evenly"
    )


def _lost_time(document: Document, questions: Questions) -> LostTimeView | None:
    """The lost time as it is shown; None where nobody was asked or the share is hidden."""
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
        hours_in_words = wording.range_in_words(hours["low"], hours["high"], digits=1)
    return LostTimeView(
        score=wording.score_in_words(share),
        range=wording.score_range(share),
        answers=share["answers"],
        hours=hours_in_words,
        change=_change(share, questions),
    )


def _contrast(
    judged: Sequence[Measure], shares: Sequence[Measure], questions: Questions
) -> Contrast:
    """Strengths and problems by verdict where two or more are judged, else by score alone."""
    if len(judged) > 1:
        best, worst = wording.strengths_and_problems(judged)
        of_strengths, of_problems = _remarks_on_verdicts(judged)
    else:
        shown = [measure for measure in shares if measure["shown"]]
        best, worst = wording.strengths_and_problems(shown)
        reason = "Only one measure has a target" if judged else "No targets are set"
        of_strengths = f"{reason}; these score highest."
        of_problems = f"{reason}; these score lowest."
    return Contrast(
        strengths=_measures(best, questions),
        problems=_measures(worst, questions),
        of_strengths=of_strengths,
        of_problems=of_problems,
    )


def _remarks_on_verdicts(judged: Sequence[Measure]) -> tuple[str, str]:
    """What must be said of strengths where none meets, and of problems where none misses."""
    verdicts = {measure["verdict"] for measure in judged}
    of_strengths = of_problems = ""
    if "meets" not in verdicts:
        of_strengths = "Nothing clearly meets its target; these come closest."
    if "misses" not in verdicts:
        of_problems = "Nothing clearly misses its target; these have the least to spare."
    return of_strengths, of_problems


def _distribution(distribution: Mapping[str, Any], question: Question) -> DistributionView:
    return DistributionView(
        name=question["name"],
        labels=tuple(question["labels"]),
        counts=tuple(distribution.get("counts", ())),
        words=distribution.get("words", ""),
        diverges=question["kind"] == "ordinal" and len(question["codes"]) == 5,
    )


def _reach(distributions: Sequence[DistributionView]) -> tuple[float, float, float]:
    """The largest share left, right and in the middle, so that all rows are drawn on one scale."""
    shares = [
        [100 * side / sum(distribution.counts) for side in distribution.sides]
        for distribution in distributions
        if distribution.diverges and distribution.counts
    ]
    left, centre, right = (max((share[side] for share in shares), default=1.0) for side in range(3))
    return left, right, centre


def _groups(
    document: Document, questions: Questions
) -> tuple[tuple[str, ...], tuple[GroupRow, ...]]:
    """The table of shares by reporting group: its columns' names, and a row for each group."""
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
    difference = measure.get("against_rest")
    look = ""
    if difference and _is_clear(difference):
        look = "higher" if difference["estimate"] > 0 else "lower"
    return GroupCell(
        score=wording.score_in_words(measure),
        range=wording.score_range(measure),
        answers=measure.get("answers"),
        look=look,
    )


def _merged_groups(document: Document) -> tuple[str, ...]:
    """A sentence for every shown group that several small ones were counted together in."""
    return tuple(
        f"{group['name']} were counted together, so that nobody can be worked out."
        for group in document["groups"]
        if group["shown"] and len(group["members"]) > 1
    )


def _other_trends(
    shares: Sequence[Measure], drawn: Measure | None, questions: Questions
) -> tuple[tuple[QuestionId, str], ...]:
    """Id and name of each question whose trend is not drawn."""
    others = [measure["question"] for measure in shares if measure is not drawn]
    return tuple((question, questions[question]["name"]) for question in others)


def _year(year: Mapping[str, Any] | None, questions: Questions) -> YearView | None:
    if not year:
        return None
    shares = [measure for measure in year["measures"] if measure["statistic"] in SHARES]
    if not shares:
        return None
    return YearView(waves=len(year["waves"]), measures=_measures(shares, questions))


def _drivers(
    drivers: Mapping[str, Any] | None, shares: Sequence[Measure], questions: Questions
) -> DriversView | None:
    """The questions that go together with the overall one, each with the company's share."""
    if not drivers:
        return None
    if not drivers["shown"]:
        return DriversView(words=drivers["words"], ranked=False, measures=())
    share_by_question = {measure["question"]: measure for measure in shares}
    return DriversView(
        words="",
        ranked=drivers["ranked"],
        measures=_measures(
            [share_by_question[question] for question in drivers["questions"]], questions
        ),
    )
