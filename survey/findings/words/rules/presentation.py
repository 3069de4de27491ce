"""The findings document as a page and a mail show it.

Its figures are chosen, sorted and put into words; nothing is computed again.
"""

from collections.abc import Sequence
from datetime import date

from survey.findings.words.rules import printing, wording
from survey.findings.words.rules.measure_views import (
    Questions,
    change_view,
    measure_view,
    measure_views,
    rise_view,
)
from survey.findings.words.rules.printing import Measure
from survey.findings.words.rules.section_views import (
    contrast_view,
    distribution_view,
    drivers_view,
    group_table,
    largest_sides,
    lost_time_view,
    year_view,
)
from survey.findings.words.rules.staff_list import staff_list_in_words
from survey.findings.words.rules.trend_sentences import trends_in_short
from survey.findings.words.rules.trends import SHARES, is_document_of_third, trend_view
from survey.findings.words.rules.view_model import Document, Presentation
from survey.findings.words.rules.wording import named_date
from survey.kernel.plurals import how_many
from survey.questionnaires.rules import QuestionId, QuestionRole, role_of_question
from survey.waves.rules.waves import named_period

__all__ = ["Presentation", "named_date", "present_document"]


def present_document(
    document: Document, earlier: Sequence[Document] = (), trend_of: str | None = None
) -> Presentation:
    """All that a page or a mail shows of a document: chosen, sorted and put into words.

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
    overall_question = next(
        (question for question in questions if role_of_question(question) is QuestionRole.OVERALL),
        None,
    )
    overall = _share_of(overall_question, company_shares) or first_share
    drawn = _share_of(trend_of, company_shares) or overall
    distributions = tuple(
        distribution_view(distribution, questions[distribution["question"]])
        for distribution in document["distributions"]
    )
    columns, groups = group_table(document, questions)
    themes = document["comments"].get("themes", {})
    return Presentation(
        document=document,
        period=_period(document),
        headline=document["headline"],
        outcome=wording.outcome(verdicts, document["answered"], document["invited"]),
        changed=document.get("changed", ""),
        trends_in_short=trends_in_short([m["trend"] for m in company if "trend" in m]),
        lede=_lede(document, below),
        whom=wording.of_whom(document),
        made_of=wording.made_of(document.get("thirds", ())),
        notes=_notes(document),
        staff_list=staff_list_in_words(document),
        overall=measure_view(overall, questions, document) if overall else None,
        rise=rise_view(overall, questions) if overall else None,
        change=change_view(overall, questions) if overall else None,
        lost_time=lost_time_view(document, questions),
        measures=measure_views(shares, questions, document),
        own_scales=measure_views(own_scales, questions, document),
        contrast=contrast_view(judged, shares, questions, document),
        rebound=(document.get("rebound") or {}).get("words", ""),
        distributions=distributions,
        reach=largest_sides(distributions),
        columns=columns,
        groups=groups,
        merged=_merged_groups(document),
        trend=trend_view([*earlier, document], drawn["question"]) if drawn else None,
        trends=_other_trends(shares, drawn, questions) if earlier else (),
        year=year_view(document, questions),
        drivers=drivers_view(document, shares, questions),
        themes=tuple((theme["words"], theme["comments"]) for theme in themes.get("themes", ())),
        no_theme=themes.get("words", ""),
        weighs_as=_weight(overall),
        is_first=_is_first(document, earlier),
    )


def _share_of(question: str | None, shares: Sequence[Measure]) -> Measure | None:
    """The first of these measures that is on the question, or None."""
    return next((measure for measure in shares if measure["question"] == question), None)


def _urgency(measure: Measure) -> tuple[int, float]:
    """A sort key: furthest below target first, then those without a target, hidden ones last."""
    if not measure["shown"]:
        return 2, 0.0
    if measure.get("target") is None:
        return 1, float(measure["estimate"])
    return 0, float(measure["estimate"] - measure["target"])


def _period(document: Document) -> str:
    """The wave's period as people name it."""
    wave = document["wave"]
    return named_period(wave["period"], date.fromisoformat(wave["opened"]))


def _is_first(document: Document, earlier: Sequence[Document]) -> bool:
    """Whether no earlier wave but thirds is there to compare with, and this one is no import."""
    has_only_thirds_before = all(is_document_of_third(previous) for previous in earlier)
    return has_only_thirds_before and not document["wave"]["imported"]


def _lede(document: Document, below: Sequence[str]) -> str:
    """The sentences below the headline: what misses its target, who answered, what ranges say."""
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
    sentences.append(_about_ranges(document))
    return " ".join(sentences)


def _about_ranges(document: Document) -> str:
    """What the ranges of this document's company figures mean; some or all may have none."""
    company = [measure for measure in document["measures"] if measure["group"] is None]
    methods = {measure["method"] for measure in company if measure["shown"]}
    if methods == {printing.EVERYONE}:
        shown = {measure["question"] for measure in company if measure["shown"]}
        is_all = all(measure["question"] in shown for measure in company)
        questions = "every question" if is_all else "every question that is shown"
        return f"Everyone answered {questions}, so a score has no range."
    range_says = (
        "A range says what everybody asked would very likely have said (95%), if those who did not"
        " answer think like those who did."
    )
    if printing.EVERYONE in methods:
        return f"{range_says} A question that everyone answered has no range."
    return range_says


def _notes(document: Document) -> tuple[str, ...]:
    """Warnings about a document: imported, closed early, baseline, single third, unreadable."""
    wave = document["wave"]
    is_third = wave.get("third") is not None
    notes = []
    if wave["imported"]:
        notes.append(
            "Imported from another tool: Candour cannot vouch for how these answers were collected."
        )
    if wave["closed_early"]:
        notes.append(f"Closed before its planned date (reason: {wave['closed_early']}).")
    if wave["baseline"] and not is_third:
        notes.append("Baseline wave: it helps to set targets and carries no consequence.")
    if document["unreadable"]:
        notes.append(f"{how_many(document['unreadable'], 'answer')} could not be read.")
    return tuple(notes)


def _weight(measure: Measure | None) -> str:
    """How many evenly spread answers the overall measure's answers weigh as much as, in words.

    Empty where they are spread evenly, and where the measure is not shown.
    """
    if not measure or not measure["shown"]:
        return ""
    answers, effective_answers = measure["answers"], measure["effective_answers"]
    if round(effective_answers) >= answers:
        return ""
    return (
        f"Departments answered unevenly, so these {answers} answers count like"
        f" {printing.rounded_number(effective_answers)}"
    )


def _merged_groups(document: Document) -> tuple[str, ...]:
    """A sentence for every shown group that is made of several small groups."""
    return tuple(
        f"{group['name']} were counted together, so that nobody can be identified."
        for group in document["groups"]
        if group["shown"] and len(group["members"]) > 1
    )


def _other_trends(
    shares: Sequence[Measure], drawn: Measure | None, questions: Questions
) -> tuple[tuple[QuestionId, str], ...]:
    """Id and name of each question whose trend is not drawn."""
    others = [measure["question"] for measure in shares if measure is not drawn]
    return tuple((question, questions[question]["name"]) for question in others)
