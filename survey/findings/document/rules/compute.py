"""The findings document: everything that a wave publishes, computed once from its table of publishable cells.

Its form is a promise to programs. Each number here is a function of cells that may be shown: what is hidden enters the
company's value as one stratum, so that it cannot be worked out from what is shown.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from survey import statistics as st
from survey.findings.document.rules import comparisons
from survey.findings.document.rules.cells import LOST_TIME, GroupCells, Statistic, statistics_of
from survey.findings.document.rules.drivers import drivers_block
from survey.findings.document.rules.themes import themes_block
from survey.findings.rules import Evidence, Withholding
from survey.findings.words.rules import wording
from survey.findings.words.rules.wording import FROM_TEN, HIDDEN, TOO_WIDE, WITH_THE_QUARTER
from survey.questionnaires.rules import Question, Questionnaire, ScaleKind
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.statistics.suppression import neighbouring_band, too_wide
from survey.statistics.verdicts import verdict
from survey.waves.rules.waves import CONFIDENCE, Target, Wave

SCHEMA = 1
_ALONE, _NOTHING = Evidence(), Withholding()

Json = dict[str, Any]


def compute_document(
    item: Wave,
    provider: str,
    questionnaire: Questionnaire,
    tally: Tally,
    evidence: Evidence = _ALONE,
    withheld: Withholding = _NOTHING,
) -> Json:
    """The whole document of a counted wave, with its digest; `withheld` is what stays out of it beside what the rules hide.

    A third of a quarter has its shares and nothing beside them: no verdict, no comparison, no distribution, nothing about comments.
    """
    cells = {
        question.id: GroupCells(
            tally.groups, tally.cells[question.id], withheld.further.get(question.id, 0)
        )
        for question in questionnaire.questions
        if question.scale.codes
    }
    figures = {
        question.id: _figures(item, question)
        for question in questionnaire.questions
        if question.id in cells
    }
    targets = {} if item.is_third or evidence.is_of_one_third else item.targets
    document: Json = {
        "schema": SCHEMA,
        "wave": _wave(item),
        "provider": provider,
        "invited": tally.invited,
        "answered": tally.answered,
        "unreadable": tally.unreadable,
        "response_rate": tally.answered / tally.invited,
        "minimum_group": item.minimum_group,
        "minimum_detail": item.minimum_detail,
        "groups": _groups(tally.groups),
        "questions": [_question(question) for question in questionnaire.questions],
        "measures": [],
        "distributions": [],
        "lost_time": None,
        "drivers": None if item.is_third else drivers_block(questionnaire, evidence.scores),
        "comments": _comments(item, questionnaire, tally, evidence),
    }
    for question in questionnaire.questions:
        if question.id not in cells:
            continue
        for statistic in figures[question.id]:
            measure = _company(statistic, cells[question.id], targets.get(question.id))
            if (
                statistic is figures[question.id][0]
                and measure["shown"]
                and question.id not in withheld.apart
            ):
                measure |= comparisons.compare_with_earlier(
                    question, statistic, cells[question.id], tally.groups, evidence.earlier
                )
            if statistic.name == LOST_TIME:
                document["lost_time"] = _lost_time(question, measure, cells[question.id], item)
                continue
            head = {"question": question.id, "statistic": statistic.name}
            document["measures"].append(head | {"group": None} | measure)
            own = statistic is figures[question.id][0]
            document["measures"] += [
                head | found for found in _by_group(statistic, cells[question.id], compare=own)
            ]
        if not item.is_third:
            document["distributions"].append(
                _distribution(question, cells[question.id].company, item.minimum_detail)
            )
    compared = [
        (q, figures[q.id][0], cells[q.id])
        for q in questionnaire.questions
        if q.id in cells and figures[q.id] and q.id not in withheld.apart
    ]
    document["year"] = comparisons.compare_years(
        item.opens.date(), compared, item.slug, evidence.earlier
    )
    if item.is_pool:
        document["thirds"] = [
            asdict(third) | {"opened": third.opened.isoformat()} for third in evidence.thirds
        ]
    if withheld.further:
        document["hidden_further"] = dict(withheld.further)
    comparisons.judge_comparisons(document)
    company = [measure for measure in document["measures"] if measure["group"] is None]
    verdicts = [measure["verdict"] for measure in company if measure.get("verdict")]
    document["headline"] = wording.headline(verdicts, tally.answered, tally.invited)
    lost = (
        [document["lost_time"]["share_over_2h"] | {"question": document["lost_time"]["question"]}]
        if document["lost_time"]
        else []
    )
    document["changed"] = comparisons.changes_in_words(
        [*company, *lost], {q.id: q.name for q in questionnaire.questions}
    )
    document["digest"] = document_digest(document)
    return document


def document_digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a document without its digest and its wave's state, as JSON in UTF-8, sorted keys, no spaces."""
    wave = {key: value for key, value in document["wave"].items() if key != "state"}
    plain = {key: value for key, value in document.items() if key != "digest"} | {"wave": wave}
    return "sha256:" + hashlib.sha256(canonical_json(plain).encode()).hexdigest()


def canonical_json(document: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces; refuses what JSON does not know (NaN)."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _wave(item: Wave) -> Json:
    return {
        "slug": item.slug,
        "survey": item.survey,
        "period": item.period,
        "opened": item.opens.date().isoformat(),
        "closed": item.closes.date().isoformat(),
        "state": "counted",
        "imported": item.imported,
        "baseline": item.baseline,
        "closed_early": item.closed_early,
        **({"quarter": item.quarter, "third": item.third} if item.quarter else {}),
    }


def _figures(item: Wave, question: Question) -> tuple[Statistic, ...]:
    figures = statistics_of(question, item.minimum_group, item.minimum_detail)
    return tuple(figure for figure in figures if figure.is_share) if item.is_third else figures


def _company(statistic: Statistic, cells: GroupCells, target: Target | None) -> Json:
    company = cells.company
    words = (
        _few(statistic) if company.answers < statistic.minimum else statistic.band(company.counts)
    )
    if words:
        return _not_shown(words)
    strata, plain = cells.strata(statistic), statistic.valued(company.counts)
    if len(strata) > 1:
        interval = st.stratified_interval(strata, statistic.values, CONFIDENCE)
    else:
        interval = _levels(statistic, [plain], [cells.population])[0]
    if too_wide(interval, statistic.width):
        return _not_shown(TOO_WIDE)
    shown = _shown(interval, company.answers, cells.population)
    comparison = st.stratified_process_interval(strata, statistic.values, CONFIDENCE)
    shown["comparison"] = {
        "low": comparison.low,
        "high": comparison.high,
        "method": comparison.method,
    }
    shown["effective_answers"] = st.effective_answers(strata)
    shown["process"] = _process(statistic, plain)
    if statistic.is_share:
        feasible = st.feasible_range(plain[1], company.answers, cells.population)
        shown["feasible"] = [feasible.low, feasible.high]
        if target:
            shown |= {"target": target.target, "minimum": target.minimum, "stretch": target.stretch}
            shown["verdict"] = verdict(interval, target.target).value
            shown["break_even"] = st.break_even(
                plain[1], company.answers, cells.population, target.target
            )
    return shown


def _by_group(statistic: Statistic, cells: GroupCells, *, compare: bool) -> list[Json]:
    """One measure per reporting group; nothing where there is only one group."""
    if len(cells.cells) < 2:
        return []
    words = dict.fromkeys(cells.hidden(statistic), _few(statistic)) | cells.banded(statistic)
    strata = {name: cells.stratum([name], statistic) for name in cells.cells if name not in words}
    found: dict[str, Json] = {name: _not_shown(said) for name, said in words.items()}
    if strata:
        levels = _levels(
            statistic, [s.counts for s in strata.values()], [s.population for s in strata.values()]
        )
        for at, (name, stratum) in enumerate(strata.items()):
            wide = too_wide(levels[at], statistic.width)
            found[name] = (
                _not_shown(TOO_WIDE)
                if wide
                else _shown(levels[at], sum(stratum.counts), stratum.population)
            )
    if compare:
        shown = [name for name, measure in found.items() if measure["shown"]]
        for name, against in comparisons.compare_with_rest(statistic, cells, shown).items():
            found[name]["against_rest"] = against
    return [{"group": name} | found[name] for name in cells.cells]


def _few(statistic: Statistic) -> str:
    return HIDDEN if statistic.is_share else FROM_TEN


def _levels(
    statistic: Statistic, counts: Sequence[Sequence[int]], population: Sequence[int]
) -> st.Intervals:
    if statistic.is_share:
        return st.proportion_intervals(
            [top for _, top in counts], [sum(both) for both in counts], population, CONFIDENCE
        )
    return st.mean_intervals(counts, statistic.values, population, CONFIDENCE)


def _process(statistic: Statistic, counts: Sequence[int]) -> Json:
    """The plain counts' range about the process, which anyone can compute again from two whole numbers: for contracts."""
    interval = (
        st.proportion_interval(counts[1], sum(counts), None, CONFIDENCE)
        if statistic.is_share
        else st.mean_interval(counts, statistic.values, None, CONFIDENCE)
    )
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "method": interval.method,
    }


def _shown(interval: st.Interval, answers: int, population: int) -> Json:
    return {
        "shown": True,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "confidence": interval.confidence,
        "method": interval.method,
        "answers": answers,
        "population": population,
    }


def _not_shown(words: str) -> Json:
    return {"shown": False, "words": words}


def _groups(groups: Sequence[PublishedGroup]) -> list[Json]:
    """The published groups, then those that were counted within another and have no number of their own."""
    shown = [
        {
            "name": g.name,
            "invited": g.invited,
            "answered": g.answered,
            "shown": True,
            "members": list(g.members),
            "departments": list(g.departments),
        }
        for g in groups
    ]
    merged = sorted(name for group in groups if len(group.members) > 1 for name in group.members)
    return [
        *shown,
        *({"name": name, "answered": None, "shown": False, "words": HIDDEN} for name in merged),
    ]


def _question(question: Question) -> Json:
    scale = question.scale
    return {
        "id": question.id,
        "revision": question.revision,
        "name": question.name,
        "text": question.text,
        "kind": scale.kind.value,
        "codes": list(scale.codes),
        "labels": list(scale.labels),
        "opt_out": scale.opt_out,
    }


def _distribution(question: Question, company: CellCounts, minimum: int) -> Json:
    head = {"question": question.id, "group": None}
    if company.answers < minimum:
        return head | _not_shown(FROM_TEN)
    band = (
        neighbouring_band(company.counts, question.scale.codes[0])
        if question.scale.kind is ScaleKind.ORDINAL
        else None
    )
    return head | (_not_shown(band) if band else {"shown": True, "counts": list(company.counts)})


def _lost_time(question: Question, share: Json, cells: GroupCells, item: Wave) -> Json:
    """The share who lost over two hours, and the lowest and highest mean that the brackets allow, in hours a week."""
    counts, answers = cells.company.counts, cells.company.answers
    found: Json = {"question": question.id, "share_over_2h": share}
    if item.is_third:
        return found | {"hours_per_week": _not_shown(WITH_THE_QUARTER)}
    if answers < item.minimum_detail:
        return found | {"hours_per_week": _not_shown(FROM_TEN)}
    low, high = (
        sum(c * bounds[end] for c, bounds in zip(counts, question.scale.hours, strict=True))
        / answers
        for end in (0, 1)
    )
    return found | {"hours_per_week": {"shown": True, "low": low, "high": high}}


def _comments(item: Wave, questionnaire: Questionnaire, tally: Tally, evidence: Evidence) -> Json:
    """How many are held back, and what several of them share; nothing at all below ten responses, and of a third."""
    if item.is_third:
        return {"shown": 0, "held_back": 0, "themes": _not_shown(WITH_THE_QUARTER)}
    if tally.answered < item.minimum_detail:
        return {"shown": 0, "held_back": 0, "themes": _not_shown(FROM_TEN)}
    said = chain.from_iterable(evidence.comments.values())
    return {
        "shown": 0,
        "held_back": tally.comments,
        "themes": themes_block(said, questionnaire.language, evidence.names),
    }
