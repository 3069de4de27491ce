"""The findings document as a page and a mail show it: chosen, sorted, put into words; nothing is computed again."""

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
from survey.findings.words.rules.wording import named_date
from survey.kernel.plurals import how_many
from survey.questionnaires.rules import QuestionRole, role_of_question
from survey.waves.rules.waves import named_period

__all__ = ["Presentation", "named_date", "present_document"]


def present_document(
    document: Document, earlier: Sequence[Document] = (), trend_of: str | None = None
) -> Presentation:
    """The document of a wave as shown, with the earlier documents of the same survey for the trend, oldest first.

    `trend_of` is the question whose trend is drawn; the overall one when it is unknown or not given.
    """
    company = [measure for measure in document["measures"] if measure["group"] is None]
    questions = {question["id"]: question for question in document["questions"]}
    shares = sorted((m for m in company if m["statistic"] in SHARES), key=_urgency)
    judged = [m for m in shares if m.get("verdict")]
    verdicts = [m["verdict"] for m in judged]
    overall = next(
        (
            m
            for m in company
            if role_of_question(m["question"]) is QuestionRole.OVERALL and m["statistic"] in SHARES
        ),
        None,
    )
    followed = overall or next((m for m in company if m["statistic"] in SHARES), None)
    distributions = tuple(
        _distribution(found, questions[found["question"]]) for found in document["distributions"]
    )
    columns, groups = _groups(document, questions)
    drawn = next(
        (m for m in company if m["question"] == trend_of and m["statistic"] in SHARES), followed
    )
    themes = document["comments"].get("themes", {})
    return Presentation(
        document=document,
        period=named_period(
            document["wave"]["period"], date.fromisoformat(document["wave"]["opened"])
        ),
        headline=document["headline"],
        outcome=wording.outcome(verdicts, document["answered"], document["invited"]),
        changed=document.get("changed", ""),
        lede=_lede(
            document, [questions[m["question"]]["name"] for m in judged if m["verdict"] == "misses"]
        ),
        whom=wording.of_whom(document),
        made_of=wording.made_of(document.get("thirds", ())),
        notes=_notes(document),
        overall=_measure(followed, questions) if followed else None,
        change=_change(followed, questions) if followed else None,
        lost_time=_lost_time(document, questions),
        measures=tuple(_measure(m, questions) for m in shares),
        own_scales=tuple(_measure(m, questions) for m in company if m["statistic"] not in SHARES),
        contrast=_contrast(judged, [m for m in shares if m["shown"]], questions),
        distributions=distributions,
        reach=_reach(distributions),
        columns=columns,
        groups=groups,
        merged=tuple(
            f"{group['name']} were counted together, so that nobody can be worked out."
            for group in document["groups"]
            if group["shown"] and len(group["members"]) > 1
        ),
        trend=trend_view([*earlier, document], drawn["question"]) if drawn else None,
        trends=(
            tuple(
                (m["question"], questions[m["question"]]["name"]) for m in shares if m is not drawn
            )
            if earlier
            else ()
        ),
        year=_year(document.get("year"), questions),
        drivers=_drivers(document.get("drivers"), {m["question"]: m for m in shares}, questions),
        themes=tuple((theme["words"], theme["comments"]) for theme in themes.get("themes", ())),
        no_theme=themes.get("words", ""),
        weighs_as=_weight(followed),
        is_first=all(map(is_document_of_third, earlier)) and not document["wave"]["imported"],
    )


def _urgency(measure: Mapping[str, Any]) -> tuple[int, float]:
    """Furthest below its target first; without a target after those with; hidden ones last."""
    if not measure["shown"]:
        return 2, 0.0
    if measure.get("target") is None:
        return 1, float(measure["estimate"])
    return 0, float(measure["estimate"] - measure["target"])


def _measure(measure: Mapping[str, Any], questions: Mapping[str, Any]) -> MeasureView:
    question = questions[measure["question"]]
    verdict, target = measure.get("verdict", ""), measure.get("target")
    low, high = _scale(measure["statistic"], question)
    return MeasureView(
        question=measure["question"],
        name=question["name"],
        score=wording.score_in_words(measure),
        range=wording.score_range(measure),
        answers=measure.get("answers"),
        chart=_chart(measure, low, high) if measure["shown"] else None,
        scale=f"{wording.rounded_number(low)} to {wording.rounded_number(high)}",
        target=wording.percent(target) if target is not None else "",
        verdict=wording.VERDICTS.get(verdict, ""),
        look=wording.LOOKS.get(verdict, ""),
        silence=(
            wording.silence(measure)
            if target is not None and measure["shown"] and "break_even" in measure
            else ""
        ),
        change=_change(measure, questions),
    )


def _scale(statistic: str, question: Mapping[str, Any]) -> tuple[float, float]:
    """The ends of a statistic's whole scale, in its own unit."""
    if statistic == "mean":
        return question["codes"][0], question["codes"][-1]
    return (-100, 100) if statistic == "nps" else (0, 1)


def _chart(measure: Mapping[str, Any], lowest: float, highest: float) -> Range:
    """The measure on 0 to 100, whatever its own unit."""

    def place(value: float) -> float:
        return min(100.0, max(0.0, 100 * (value - lowest) / (highest - lowest)))

    target = measure.get("target")
    return Range(
        place(measure["estimate"]),
        place(measure["low"]),
        place(measure["high"]),
        None if target is None else place(target),
    )


def _is_clear(difference: Mapping[str, Any]) -> bool:
    return bool(difference["shown"] and difference["direction"] != "unclear")


def _change(measure: Mapping[str, Any], questions: Mapping[str, Any]) -> ChangeView | None:
    found = measure.get("change")
    if not found:
        return None
    name = questions[measure["question"]]["name"]
    since = (
        wording.named_wave(found["opened"], found.get("quarter"))
        if "opened" in found
        else "the year before"
    )
    since += " (imported)" if found.get("imported") else ""
    if not found["shown"]:
        return ChangeView(name, since, "", "", found["words"], "open", "")
    factor = wording.unit(measure["statistic"])[0]
    up, clear = found["estimate"] > 0, _is_clear(found)
    return ChangeView(
        name=name,
        since=since,
        score=wording.signed_number(found["estimate"] * factor),
        range=wording.signed_range_in_words(found["low"] * factor, found["high"] * factor),
        words=f"Clearly {'up' if up else 'down'}" if clear else "No clear change",
        look=("higher" if up else "lower") if clear else "open",
        detectable="" if clear else wording.why_unclear(found, factor),
    )


def _weight(measure: Mapping[str, Any] | None) -> str:
    """How many evenly spread answers the answers of the overall measure weigh as much as; nothing where they are spread evenly."""
    if (
        not measure
        or not measure["shown"]
        or round(measure["effective_answers"]) >= measure["answers"]
    ):
        return ""
    return (
        f"{measure['answers']} answers weigh as much as"
        f" {wording.rounded_number(measure['effective_answers'])} that are spread evenly"
    )


def _year(found: Mapping[str, Any] | None, questions: Mapping[str, Any]) -> YearView | None:
    if not found:
        return None
    shown = tuple(_measure(m, questions) for m in found["measures"] if m["statistic"] in SHARES)
    return YearView(len(found["waves"]), shown) if shown else None


def _drivers(
    found: Mapping[str, Any] | None, shares: Mapping[str, Any], questions: Mapping[str, Any]
) -> DriversView | None:
    if not found:
        return None
    if not found["shown"]:
        return DriversView(found["words"], ranked=False, measures=())
    return DriversView(
        "",
        found["ranked"],
        tuple(_measure(shares[question], questions) for question in found["questions"]),
    )


def _lede(document: Document, below: Sequence[str]) -> str:
    first = f"Below target: {wording.joined_names(below)}. " if below else ""
    invited, answered = document["invited"], document["answered"]
    whom = f" Every score is {wording.of_whom(document)}." if wording.of_whom(document) else ""
    what = (
        "Everyone answered, so a score has no range."
        if answered == invited
        else f"A range says what all {invited} would very"
    )
    rest = (
        ""
        if answered == invited
        else " likely have said (95%), if silence is unrelated to satisfaction."
    )
    return (
        f"{first}{answered} of {invited} people answered ({wording.response_rate(document)}).{whom}"
        f" {what}{rest}"
    )


def _notes(document: Document) -> tuple[str, ...]:
    wave, notes = document["wave"], []
    if wave["imported"]:
        notes.append(
            "Imported from another tool: Candour cannot vouch for how these answers were collected."
        )
    if wave["closed_early"]:
        notes.append(
            f"Closed early: {wave['closed_early']}. This wave does not count for the ladder."
        )
    if wave["baseline"] and wave.get("third") is None:
        notes.append("Baseline wave: it helps to set targets and carries no consequence.")
    if sum(third["answered"] is not None for third in document.get("thirds", ())) == 1:
        notes.append("A single third could be counted, so nothing is held to its target.")
    if document["unreadable"]:
        notes.append(f"{how_many(document['unreadable'], 'answer')} could not be read.")
    return tuple(notes)


def _lost_time(document: Document, questions: Mapping[str, Any]) -> LostTimeView | None:
    found = document["lost_time"]
    if not found or not found["share_over_2h"]["shown"]:
        return None
    share, hours = (
        found["share_over_2h"] | {"statistic": "share", "question": found["question"]},
        found["hours_per_week"],
    )
    between = (
        wording.range_in_words(hours["low"], hours["high"], digits=1) if hours["shown"] else ""
    )
    return LostTimeView(
        wording.score_in_words(share),
        wording.score_range(share),
        share["answers"],
        between,
        _change(share, questions),
    )


def _contrast(
    judged: Sequence[Mapping[str, Any]],
    shown: Sequence[Mapping[str, Any]],
    questions: Mapping[str, Any],
) -> Contrast:
    """By verdict where two or more are judged, else by score alone."""
    verdicts = {m["verdict"] for m in judged}
    best, worst = wording.strengths_and_problems(judged if len(judged) > 1 else shown)
    of_strengths = of_problems = ""
    if len(judged) < 2:
        few = "Only one measure has a target" if judged else "No targets are set"
        of_strengths, of_problems = f"{few}; these score highest.", f"{few}; these score lowest."
    else:
        of_strengths = (
            "" if "meets" in verdicts else "Nothing clearly meets its target; these come closest."
        )
        of_problems = (
            ""
            if "misses" in verdicts
            else "Nothing clearly misses its target; these have the least to spare."
        )
    return Contrast(
        tuple(_measure(m, questions) for m in best),
        tuple(_measure(m, questions) for m in worst),
        of_strengths,
        of_problems,
    )


def _distribution(found: Mapping[str, Any], question: Mapping[str, Any]) -> DistributionView:
    counts = tuple(found.get("counts", ()))
    five = question["kind"] == "ordinal" and len(question["codes"]) == 5
    return DistributionView(
        question["name"], tuple(question["labels"]), counts, found.get("words", ""), diverges=five
    )


def _reach(distributions: Sequence[DistributionView]) -> tuple[float, float, float]:
    """The largest share left, right and in the middle, so that all rows are drawn on one scale."""
    shares = [
        [100 * side / sum(d.counts) for side in d.sides]
        for d in distributions
        if d.diverges and d.counts
    ]
    left, centre, right = (max((share[side] for share in shares), default=1.0) for side in range(3))
    return left, right, centre


def _groups(
    document: Document, questions: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[GroupRow, ...]]:
    cells = [m for m in document["measures"] if m["group"] is not None and m["statistic"] in SHARES]
    asked = list(dict.fromkeys(m["question"] for m in cells))
    found = {(m["group"], m["question"]): _group_cell(m) for m in cells}
    rows = tuple(
        GroupRow(
            group["name"],
            group["invited"],
            tuple(found[group["name"], question] for question in asked),
        )
        for group in document["groups"]
        if group["shown"] and asked
    )
    return tuple(questions[question]["name"] for question in asked), rows


def _group_cell(measure: Mapping[str, Any]) -> GroupCell:
    against = measure.get("against_rest")
    look = (
        ("higher" if against["estimate"] > 0 else "lower") if against and _is_clear(against) else ""
    )
    return GroupCell(
        wording.score_in_words(measure), wording.score_range(measure), measure.get("answers"), look
    )
