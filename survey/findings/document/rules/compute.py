"""The findings document: all that a wave publishes, computed once from its publishable cells.

Its form is a promise to programs: see `document.py`. Each number here is a function of cells that
may be shown: what is hidden enters the company's value as one stratum, so that it cannot be worked
out from what is shown.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from survey import statistics as st
from survey.findings.document.rules import comparisons, years
from survey.findings.document.rules.cells import LOST_TIME, GroupCells, Statistic, statistics_of
from survey.findings.document.rules.comparisons import ComparedFigure
from survey.findings.document.rules.document import (
    CommentReadersPart,
    CommentsPart,
    CompanyFigure,
    DistributionBlock,
    FindingsDocument,
    GroupMeasure,
    GroupPart,
    HiddenBlock,
    HiddenMeasure,
    HoursRange,
    LostTimeBlock,
    MeasureBlock,
    MergedGroup,
    ProcessPart,
    ProcessRange,
    QuestionPart,
    ReboundPart,
    RosterPart,
    ShownGroup,
    StaffChangesPart,
    ThirdPart,
    WavePart,
)
from survey.findings.document.rules.drivers import drivers_block
from survey.findings.document.rules.evidence import Evidence, Third, Withholding
from survey.findings.document.rules.judging import ReportComparisons
from survey.findings.document.rules.themes import themes_block
from survey.findings.words.rules import wording
from survey.findings.words.rules.trend_sentences import trend_headline, trend_sentence
from survey.findings.words.rules.wording import (
    FROM_TEN,
    HIDDEN,
    NEEDS_ALL_THIRDS,
    TOO_WIDE,
    WITH_THE_QUARTER,
)
from survey.kernel.staff_changes import StaffChanges
from survey.organisation.rules.frozen_promise import FrozenPromise
from survey.questionnaires.rules import (
    Question,
    QuestionId,
    Questionnaire,
    QuestionRole,
    ScaleKind,
    role_of_question,
)
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.statistics.rebounds import REBOUND_FROM
from survey.statistics.suppression import neighbouring_band
from survey.statistics.verdicts import agree_on, verdict
from survey.waves.rules.roster import RosterRecord
from survey.waves.rules.waves import CONFIDENCE, Target, Wave

_ALONE, _NOTHING = Evidence(), Withholding()


@dataclass(frozen=True, slots=True)
class _QuestionCells:
    """A question with a scale: its figures, counts and target.

    `compared` is its first figure as it is compared with earlier waves, None where it is not.
    """

    question: Question
    statistics: tuple[Statistic, ...]
    cells: GroupCells
    target: Target | None
    compared: ComparedFigure | None


def compute_document(
    wave: Wave,
    provider: str,
    questionnaire: Questionnaire,
    tally: Tally,
    evidence: Evidence = _ALONE,
    withheld: Withholding = _NOTHING,
) -> FindingsDocument:
    """Computes the whole findings document of a counted wave, with its digest; stores nothing.

    `withheld` is what stays out of it beside what the rules hide. A third of a quarter has its
    shares and nothing beside them: no verdict, no comparison, no distribution, no comments.
    """
    pending = ReportComparisons()
    asked = _question_cells(wave, questionnaire, tally, withheld)
    measures: list[MeasureBlock] = []
    lost_time: LostTimeBlock | None = None
    for each in asked:
        for statistic in each.statistics:
            company = _company_figure(each, statistic, wave, evidence, pending)
            if statistic.name == LOST_TIME:
                lost_time = _lost_time(each, company, wave)
            else:
                measures.append(_company_measure(each.question, statistic, company))
                measures += _group_measures(each, statistic, pending)
    compared = [each.compared for each in asked if each.compared]
    year = years.compare_years(compared, evidence.earlier, pending)
    pending.judge()
    _say_trends(measures, lost_time)
    document: FindingsDocument = {
        "schema": 2,
        "wave": _wave(wave),
        "provider": provider,
        "invited": tally.invited,
        "answered": tally.answered,
        "unreadable": tally.unreadable,
        "response_rate": tally.answered / tally.invited,
        "minimum_group": wave.minimum_group,
        "minimum_detail": wave.minimum_detail,
        "groups": _groups(tally.groups),
        "questions": [_question(question) for question in questionnaire.questions],
        "measures": measures,
        "distributions": [] if wave.is_third else [_distribution(each, wave) for each in asked],
        "lost_time": lost_time,
        "drivers": None if wave.is_third else drivers_block(questionnaire, evidence.scores),
        "comments": _comments(wave, questionnaire, tally, evidence),
        "year": year,
        "rebound": None if wave.is_third else _rebound(asked, measures),
        "headline": _headline(measures, tally, questionnaire),
        "changed": _changed(measures, lost_time, questionnaire),
        "audit": {"head": evidence.log.head, "length": evidence.log.length},
        "digest": "",
    }
    if wave.is_pool:
        document["thirds"] = [_third(third) for third in evidence.thirds]
    if wave.roster and wave.roster.while_open is not None:
        document["roster"] = _roster(wave.roster, wave.roster.while_open)
    if wave.promise and not wave.is_third:
        document["comment_readers"] = _comment_readers(wave, wave.promise)
    if withheld.further:
        document["hidden_further"] = dict(withheld.further)
    document["digest"] = document_digest(document)
    return document


def document_digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 (after `sha256:`) of a document without its digest and its wave's state.

    It is taken of the document as JSON in UTF-8 with sorted keys and no spaces.
    """
    wave = {key: value for key, value in document["wave"].items() if key != "state"}
    plain = {key: value for key, value in document.items() if key != "digest"} | {"wave": wave}
    return "sha256:" + hashlib.sha256(canonical_json(plain).encode()).hexdigest()


def canonical_json(document: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces; ValueError for what JSON does not know (NaN)."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _question_cells(
    wave: Wave,
    questionnaire: Questionnaire,
    tally: Tally,
    withheld: Withholding,
) -> list[_QuestionCells]:
    """The questions with a scale, in their order, each with its figures, counts and target.

    A third has no targets.
    """
    asked = []
    for question in questionnaire.questions:
        if question.scale.codes:
            further = withheld.further.get(question.id, 0)
            cells = GroupCells(tally.groups, tally.cells[question.id], further)
            statistics = _statistics(wave, question)
            target = None if wave.is_third else wave.targets.get(question.id)
            compared = None
            if statistics and question.id not in withheld.apart:
                compared = ComparedFigure(
                    question,
                    statistics[0],
                    cells,
                    tally.groups,
                    wave.slug,
                    wave.opens.date(),
                    is_overall=role_of_question(question.id) is QuestionRole.OVERALL,
                    has_target=target is not None,
                )
            asked.append(_QuestionCells(question, statistics, cells, target, compared))
    return asked


def _statistics(wave: Wave, question: Question) -> tuple[Statistic, ...]:
    """A question's figures; only its shares where the wave is a third."""
    statistics = statistics_of(question, wave.minimum_group, wave.minimum_detail)
    if wave.is_third:
        return tuple(statistic for statistic in statistics if statistic.is_share)
    return statistics


def _wave(wave: Wave) -> WavePart:
    """The document's part about the wave; its state is always "counted" here."""
    part: WavePart = {
        "slug": wave.slug,
        "survey": wave.survey,
        "period": wave.period,
        "opened": wave.opens.date().isoformat(),
        "closed": wave.closes.date().isoformat(),
        "state": "counted",
        "imported": wave.imported,
        "baseline": wave.baseline,
        "closed_early": wave.closed_early,
    }
    if wave.quarter:
        part["quarter"] = wave.quarter
        part["third"] = wave.third
    return part


def _roster(roster: RosterRecord, while_open: StaffChanges) -> RosterPart:
    """The part about changes of the staff list, before the opening and while the wave was open."""
    return {
        **_staff_changes(roster.before),
        "foreign_domains": roster.foreign_domains,
        "while_open": _staff_changes(while_open),
    }


def _staff_changes(changes: StaffChanges) -> StaffChangesPart:
    return {
        "corrected": changes.corrected,
        "added": changes.added,
        "removed": changes.removed,
    }


def _company_figure(
    asked: _QuestionCells,
    statistic: Statistic,
    wave: Wave,
    evidence: Evidence,
    pending: ReportComparisons,
) -> CompanyFigure | HiddenBlock:
    """A question's company figure or words; its first figure with trend and change.

    Both are added to the `pending` comparisons, to be judged.
    """
    figure = _company_level(statistic, asked.cells, asked.target, wave)
    is_first = statistic is asked.statistics[0]
    compared = asked.compared
    if figure["shown"] and is_first and compared:
        trend = comparisons.find_trend(compared, evidence.earlier, pending)
        if trend is not None:
            figure["trend"] = trend
        change = comparisons.compare_with_earlier(compared, evidence.earlier, pending)
        if change is not None:
            figure["change"] = change
    return figure


def _company_level(
    statistic: Statistic, cells: GroupCells, target: Target | None, wave: Wave
) -> CompanyFigure | HiddenBlock:
    """A company figure with its ranges, or words that replace it.

    Words replace it where too few answered, or nearly all answers are alike.
    """
    company = cells.company
    if company.answers < statistic.minimum:
        return _hidden(_words_for_too_few(statistic, wave))
    band = statistic.band(company.counts)
    if band:
        return _hidden(band)
    strata, plain = cells.strata(statistic), statistic.valued(company.counts)
    if _is_too_little_to_say(strata, statistic):
        return _hidden(TOO_WIDE)
    if len(strata) > 1:
        interval = st.stratified_interval(strata, statistic.values, CONFIDENCE)
    else:
        interval = _levels(statistic, [plain], [cells.population])[0]
    figure: CompanyFigure = {
        "shown": True,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "confidence": interval.confidence,
        "method": interval.method,
        "answers": company.answers,
        "population": cells.population,
        "effective_answers": st.effective_answers(strata),
        "process": _process(statistic, plain, strata, target),
    }
    if statistic.is_share:
        _add_feasible_range(figure, plain[1], target, interval)
    return figure


def _is_too_little_to_say(strata: Sequence[st.Stratum], statistic: Statistic) -> bool:
    """Whether so many answers of so many people could give a range too wide to print."""
    numbers = [(sum(stratum.counts), stratum.population) for stratum in strata]
    return st.too_few_to_say(numbers, is_share=statistic.is_share)


def _add_feasible_range(
    figure: CompanyFigure, satisfied: int, target: Target | None, interval: st.Interval
) -> None:
    """Adds to a share what people who did not answer could make of it, and a target's verdict."""
    answers, population = figure["answers"], figure["population"]
    feasible = st.feasible_range(satisfied, answers, population)
    figure["feasible"] = [feasible.low, feasible.high]
    if target:
        figure["target"] = target.target
        figure["minimum"] = target.minimum
        figure["stretch"] = target.stretch
        figure["verdict"] = verdict(interval, target.target).value
        figure["break_even"] = st.break_even(satisfied, answers, population, target.target)
        odds = st.response_odds(satisfied, answers, population, target.target)
        figure["response_odds"] = None if odds is None else odds.odds


def _company_measure(
    question: Question, statistic: Statistic, figure: CompanyFigure | HiddenBlock
) -> MeasureBlock:
    """A question's measure for the company: its figure, or words where that is hidden."""
    if not figure["shown"]:
        return _hidden_measure(question, statistic, None, figure["words"])
    return {"question": question.id, "statistic": statistic.name, "group": None, **figure}


def _group_measures(
    asked: _QuestionCells, statistic: Statistic, pending: ReportComparisons
) -> list[MeasureBlock]:
    """One measure for each reporting group, shown or hidden; empty with a single group.

    The question's first figure of a group is compared with all other groups, in `pending`.
    """
    question, cells = asked.question, asked.cells
    if len(cells.cells) < 2:
        return []
    words = dict.fromkeys(cells.hidden(statistic), _words_for_too_few(statistic))
    words |= cells.banded(statistic)
    shown = _shown_measures(question, statistic, cells, [n for n in cells.cells if n not in words])
    if statistic is asked.statistics[0]:
        differences = comparisons.compare_with_rest(statistic, cells, list(shown), pending)
        for name, against_rest in differences.items():
            shown[name]["against_rest"] = against_rest
    return [
        shown.get(name) or _hidden_measure(question, statistic, name, words.get(name, TOO_WIDE))
        for name in cells.cells
    ]


def _shown_measures(
    question: Question, statistic: Statistic, cells: GroupCells, names: Sequence[str]
) -> dict[str, GroupMeasure]:
    """Measures by group name, for those of `names` with enough answers to say something."""
    by_name = {name: cells.stratum([name], statistic) for name in names}
    by_name = {
        name: stratum
        for name, stratum in by_name.items()
        if not _is_too_little_to_say([stratum], statistic)
    }
    if not by_name:
        return {}
    strata = list(by_name.values())
    counts = [stratum.counts for stratum in strata]
    levels = _levels(statistic, counts, [stratum.population for stratum in strata])
    measures: dict[str, GroupMeasure] = {}
    for at, (name, stratum) in enumerate(by_name.items()):
        level = levels[at]
        measures[name] = {
            "question": question.id,
            "statistic": statistic.name,
            "group": name,
            "shown": True,
            "estimate": level.estimate,
            "low": level.low,
            "high": level.high,
            "confidence": level.confidence,
            "method": level.method,
            "answers": sum(stratum.counts),
            "population": stratum.population,
        }
    return measures


def _hidden_measure(
    question: Question, statistic: Statistic, group: str | None, words: str
) -> HiddenMeasure:
    """A measure with words and no numbers; `group` is None for the company."""
    return {
        "question": question.id,
        "statistic": statistic.name,
        "group": group,
        "shown": False,
        "words": words,
    }


def _words_for_too_few(statistic: Statistic, wave: Wave | None = None) -> str:
    """The words for a figure with too few answers: one sentence for shares, one for others.

    Of a quarter of thirds, the sentence that a third is left out.
    """
    if wave and wave.is_pool:
        return NEEDS_ALL_THIRDS
    return HIDDEN if statistic.is_share else FROM_TEN


def _levels(
    statistic: Statistic, counts: Sequence[Sequence[int]], populations: Sequence[int]
) -> st.Intervals:
    """The estimate and range of a figure for several cells at once.

    `counts` are per value, `populations` are people; both have one entry per cell.
    """
    if not statistic.is_share:
        return st.mean_intervals(counts, statistic.values, populations, CONFIDENCE)
    satisfied = [top for _, top in counts]
    answers = [sum(both) for both in counts]
    return st.proportion_intervals(satisfied, answers, populations, CONFIDENCE)


def _process(
    statistic: Statistic,
    plain: Sequence[int],
    strata: Sequence[st.Stratum],
    target: Target | None,
) -> ProcessPart:
    """What the answers say about the service: of plain counts, and of weighted groups."""
    if statistic.is_share:
        alone = st.proportion_interval(plain[1], sum(plain), None, CONFIDENCE)
    else:
        alone = st.mean_interval(plain, statistic.values, None, CONFIDENCE)
    weighted = st.stratified_process_interval(strata, statistic.values, CONFIDENCE)
    return {
        "plain": _range_of_process(alone),
        "stratified": _range_of_process(weighted),
        "agree": target is None or agree_on(alone, weighted, target.target, target.minimum),
    }


def _range_of_process(interval: st.Interval) -> ProcessRange:
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "method": interval.method,
    }


def _hidden(words: str) -> HiddenBlock:
    """A block with words in place of numbers."""
    return {"shown": False, "words": words}


def _groups(groups: Sequence[PublishedGroup]) -> list[GroupPart]:
    """The published groups, then those counted within another, which have no number."""
    merged = sorted(name for group in groups if len(group.members) > 1 for name in group.members)
    return [*map(_shown_group, groups), *map(_merged_group, merged)]


def _merged_group(name: str) -> MergedGroup:
    """The part of a group counted within another: name and words, no numbers."""
    return {"name": name, "answered": None, "shown": False, "words": HIDDEN}


def _shown_group(group: PublishedGroup) -> ShownGroup:
    return {
        "name": group.name,
        "invited": group.invited,
        "answered": group.answered,
        "shown": True,
        "members": list(group.members),
        "departments": list(group.departments),
    }


def _question(question: Question) -> QuestionPart:
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


def _distribution(asked: _QuestionCells, wave: Wave) -> DistributionBlock:
    """How many of the company chose each point, or words where that may not be shown."""
    question, company = asked.question, asked.cells.company
    words = _words_for_distribution(question, company, wave.minimum_detail)
    if words:
        if wave.is_pool and words is FROM_TEN:
            words = NEEDS_ALL_THIRDS
        return {"question": question.id, "group": None, "shown": False, "words": words}
    return {
        "question": question.id,
        "group": None,
        "shown": True,
        "counts": list(company.counts),
    }


def _words_for_distribution(question: Question, company: CellCounts, minimum: int) -> str | None:
    """The words instead of a distribution that may not be shown; None where it may."""
    if company.answers < minimum:
        return FROM_TEN
    if question.scale.kind is ScaleKind.ORDINAL:
        return neighbouring_band(company.counts, question.scale.codes[0])
    return None


def _lost_time(
    asked: _QuestionCells, share: CompanyFigure | HiddenBlock, wave: Wave
) -> LostTimeBlock:
    """The block on lost time: share who lost over two hours, and possible mean hours a week."""
    return {
        "question": asked.question.id,
        "share_over_2h": share,
        "hours_per_week": _hours_per_week(asked.question, asked.cells.company, wave),
    }


def _hours_per_week(
    question: Question, company: CellCounts, wave: Wave
) -> HoursRange | HiddenBlock:
    """The lowest and highest mean hours a week that the brackets allow, or words if hidden."""
    if wave.is_third:
        return _hidden(WITH_THE_QUARTER)
    if company.answers < wave.minimum_detail:
        return _hidden(NEEDS_ALL_THIRDS if wave.is_pool else FROM_TEN)
    low, high = (
        sum(c * bounds[end] for c, bounds in zip(company.counts, question.scale.hours, strict=True))
        / company.answers
        for end in (0, 1)
    )
    return {"shown": True, "low": low, "high": high}


def _comment_readers(wave: Wave, promise: FrozenPromise) -> CommentReadersPart:
    """Who reads the comments, as promised, and each replacement until now."""
    return {
        "names": [reader.name for reader in promise.organisation.readers],
        "role": promise.organisation.comments_read_by,
        "changes": [
            {
                "on": change.on.isoformat(),
                "names": [reader.name for reader in change.readers],
                "role": change.role,
                "instead_of": change.instead_of,
            }
            for change in wave.reader_changes
        ],
    }


def _comments(
    wave: Wave, questionnaire: Questionnaire, tally: Tally, evidence: Evidence
) -> CommentsPart:
    """How many comments are held back, and the themes that several share.

    Words and no numbers below ten responses, and for a third.
    """
    if wave.is_third:
        return {"shown": 0, "held_back": 0, "themes": _hidden(WITH_THE_QUARTER)}
    if tally.answered < wave.minimum_detail:
        return {"shown": 0, "held_back": 0, "themes": _hidden(FROM_TEN)}
    comments = chain.from_iterable(evidence.comments.values())
    return {
        "shown": 0,
        "held_back": tally.comments,
        "themes": themes_block(comments, questionnaire.language, evidence.names),
    }


def _third(third: Third) -> ThirdPart:
    return {
        "wave": third.wave,
        "period": third.period,
        "opened": third.opened.isoformat(),
        "invited": third.invited,
        "answered": third.answered,
        "void": third.void,
    }


def _say_trends(measures: Sequence[MeasureBlock], lost_time: LostTimeBlock | None) -> None:
    """Writes its sentence into each trend, once it has been judged."""
    figures: list[tuple[str, Any]] = [
        (measure["statistic"], measure) for measure in measures if measure["group"] is None
    ]
    if lost_time:
        figures.append((LOST_TIME, lost_time["share_over_2h"]))
    for statistic, figure in figures:
        if "trend" in figure:
            figure["trend"]["words"] = trend_sentence(figure["trend"], statistic)


def _headline(measures: Sequence[MeasureBlock], tally: Tally, questionnaire: Questionnaire) -> str:
    """The overall measure's trend, where it has one; then how many measures meet their target."""
    names = {question.id: question.name for question in questionnaire.questions}
    counted = wording.headline(_verdicts(measures), tally.answered, tally.invited)
    figures: list[Any] = [measure for measure in measures if measure["group"] is None]
    for figure in figures:
        is_overall = role_of_question(QuestionId(figure["question"])) is QuestionRole.OVERALL
        if is_overall and "trend" in figure:
            trend = trend_headline(figure["trend"], figure["statistic"])
            return f"{trend} for “{names[figure['question']]}”. {counted}"
    return counted


def _rebound(
    asked: Sequence[_QuestionCells], measures: Sequence[MeasureBlock]
) -> ReboundPart | None:
    """By how much the lowest share usually reads higher next time; None for fewer than two."""
    shown = {
        (measure["question"], measure["statistic"])
        for measure in measures
        if measure["group"] is None and measure["shown"]
    }
    waves = [
        each.cells.strata(statistic)
        for each in asked
        for statistic in each.statistics[:1]
        if statistic.is_share and (each.question.id, statistic.name) in shown
    ]
    if len(waves) < 2:
        return None
    rise = st.rebound(waves, (0, 1))
    words = wording.rebound_in_words(len(waves), rise) if rise >= REBOUND_FROM else ""
    return {"measures": len(waves), "rise": rise, "words": words}


def _verdicts(measures: Sequence[MeasureBlock]) -> list[str]:
    """The verdicts of the company's shown measures; those without a target have none."""
    return [
        measure["verdict"]
        for measure in measures
        if measure["group"] is None and measure["shown"] and "verdict" in measure
    ]


def _changed(
    measures: Sequence[MeasureBlock], lost_time: LostTimeBlock | None, questionnaire: Questionnaire
) -> str:
    """The headline's second sentence: which measures clearly changed, lost time included.

    Empty where none did.
    """
    company: list[Mapping[str, Any]]
    company = [measure for measure in measures if measure["group"] is None]
    if lost_time:
        company.append({**lost_time["share_over_2h"], "question": lost_time["question"]})
    names = {question.id: question.name for question in questionnaire.questions}
    return comparisons.changes_in_words(company, names)
