"""Single measures of the findings document as pages and mails show them."""

from collections.abc import Mapping, Sequence
from typing import Any

from survey.charts.drawings import Range
from survey.findings.words.rules import printing, trend_sentences, wording
from survey.findings.words.rules.printing import Measure
from survey.findings.words.rules.view_model import ChangeView, Document, MeasureView, RiseView
from survey.questionnaires.rules import QuestionId

Question = Mapping[str, Any]  # a question of the document
Questions = Mapping[QuestionId, Question]


def measure_views(
    measures: Sequence[Measure], questions: Questions, document: Document
) -> tuple[MeasureView, ...]:
    """Each measure as texts and a chart, in this order; `questions` are the document's by id."""
    return tuple(measure_view(measure, questions, document) for measure in measures)


def measure_view(measure: Measure, questions: Questions, document: Document) -> MeasureView:
    """One measure as texts and a chart, with its change and trend where it was compared."""
    question = questions[measure["question"]]
    verdict, target = measure.get("verdict", ""), measure.get("target")
    low, high = _scale(measure["statistic"], question)
    return MeasureView(
        question=measure["question"],
        name=question["name"],
        score=printing.score_in_words(measure),
        range=printing.score_range(measure),
        answers=measure.get("answers"),
        chart=_range_on_chart(measure, low, high) if measure["shown"] else None,
        scale=f"{printing.rounded_number(low)} to {printing.rounded_number(high)}",
        target=printing.percent(target) if target is not None else "",
        verdict=wording.VERDICTS.get(verdict, ""),
        look=wording.LOOKS.get(verdict, ""),
        silence=_silence(measure, document),
        change=change_view(measure, questions),
        trend=measure.get("trend", {}).get("words", ""),
        feasible=_feasible(measure),
    )


def _scale(statistic: str, question: Question) -> tuple[float, float]:
    """The ends of a statistic's whole scale, in its own unit."""
    if statistic == "mean":
        return question["codes"][0], question["codes"][-1]
    if statistic == "nps":
        return -100, 100
    return 0, 1


def _range_on_chart(measure: Measure, lowest: float, highest: float) -> Range:
    """Estimate, range and target on 0 to 100; `lowest` and `highest` are the scale's ends."""

    def place(value: float) -> float:
        return min(100.0, max(0.0, 100 * (value - lowest) / (highest - lowest)))

    target = measure.get("target")
    return Range(
        place(measure["estimate"]),
        place(measure["low"]),
        place(measure["high"]),
        None if target is None else place(target),
    )


def _feasible(measure: Measure) -> str:
    """The lowest and highest share that all people asked can have; empty where it is hidden."""
    if "feasible" not in measure:
        return ""
    low, high = (100 * end for end in measure["feasible"])
    return f"{printing.range_in_words(low, high)}%"


def _silence(measure: Measure, document: Document) -> str:
    """How many of those not known must be satisfied, in words; empty if hidden or no target."""
    has_target = measure.get("target") is not None
    has_break_even = measure["shown"] and "break_even" in measure
    return wording.silence(measure, document) if has_target and has_break_even else ""


def change_view(measure: Measure, questions: Questions) -> ChangeView | None:
    """A measure's change since an earlier wave as it is shown; None where it was not compared."""
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
    factor, _, _ = printing.unit(measure["statistic"])
    is_clear = is_clear_difference(change)
    words, look = "No clear change", "open"
    if is_clear:
        is_up = change["estimate"] > 0
        words, look = ("Clearly up", "higher") if is_up else ("Clearly down", "lower")
    return ChangeView(
        name=name,
        since=since,
        score=printing.signed_rise(change, measure["statistic"]),
        range=printing.signed_range_in_words(change["low"] * factor, change["high"] * factor),
        words=words,
        look=look,
        detectable="" if is_clear else wording.why_unclear(change, measure["statistic"]),
    )


def rise_view(measure: Measure, questions: Questions) -> RiseView | None:
    """A measure's trend as the texts of a tile; None where it has none."""
    trend = measure.get("trend")
    if not trend:
        return None
    looks = {"clearly up": "higher", "clearly down": "lower"}
    factor, _, _ = printing.unit(measure["statistic"])
    return RiseView(
        name=questions[measure["question"]]["name"],
        since=trend_sentences.since(trend),
        waves=trend["waves"],
        score=printing.signed_rise(trend, measure["statistic"]),
        range=printing.signed_range_in_words(trend["low"] * factor, trend["high"] * factor),
        words=trend["verdict"].capitalize(),
        look=looks.get(trend["verdict"], "open"),
        first_and_latest=trend_sentences.first_and_latest(trend, measure["statistic"]),
    )


def _compared_with(change: Measure) -> str:
    """The earlier wave as text after "since"; "the year before" for the change of a year."""
    since = "the year before"
    if "opened" in change:
        since = wording.named_wave(change["opened"], change.get("quarter"))
    return f"{since} (imported)" if change.get("imported") else since


def is_clear_difference(difference: Measure) -> bool:
    """Whether a comparison is shown and was judged clear, up or down."""
    return bool(difference["shown"] and difference["direction"] != "unclear")
