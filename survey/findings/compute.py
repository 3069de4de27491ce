"""The findings document: everything that a wave publishes, computed once from its table of publishable cells.

Its form is a promise to programs. Each number here is a function of cells that may be shown: what is hidden enters the
company's value as one stratum, so that it cannot be worked out from what is shown.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from survey import statistics as st
from survey.findings import wording
from survey.questionnaires.rules import Question, Questionnaire, ScaleKind
from survey.responses.rules import Cell, PublishedGroup, Tally
from survey.statistics.suppression import hidden_cells, neighbouring_band, too_wide
from survey.statistics.verdicts import verdict
from survey.waves.rules import CONFIDENCE, Target, Wave

SCHEMA = 1
HIDDEN = "Hidden: too few answers to show safely"
FROM_TEN = "Shown from 10 answers."
TOO_WIDE = "Too few answers to say"
MOST_OR_ALL, ONE_OR_NONE = "all or all but one", "none or one"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure of a question: how its scale's points are valued, and from how many answers it may be shown."""

    name: str
    values: tuple[float, ...]
    minimum: int

    @property
    def is_share(self) -> bool:
        """Whether each answer counts as 0 or 1."""
        return self.name not in {"mean", "nps"}


def compute(item: Wave, provider: str, questionnaire: Questionnaire, tally: Tally) -> Json:
    """The whole document of a counted wave, with its digest."""
    document: Json = {
        "schema": SCHEMA,
        "wave": {
            "slug": item.slug,
            "survey": item.survey,
            "period": item.period,
            "opened": item.opens.date().isoformat(),
            "closed": item.closes.date().isoformat(),
            "state": "counted",
            "imported": item.imported,
            "baseline": item.baseline,
            "closed_early": item.closed_early,
        },
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
        "comments": {"shown": 0, "held_back": tally.comments if tally.answered >= item.minimum_detail else 0},
    }
    for question in questionnaire.questions:
        if question.scale.kind is ScaleKind.TEXT:
            continue
        cells = _Cells(tally.groups, tally.cells[question.id])
        for statistic in _statistics(question, item):
            target = item.targets.get(question.id) if statistic.is_share else None
            document["measures"] += _measures(question, statistic, cells, target)
        document["distributions"].append(_distribution(question, cells.company, item.minimum_detail))
        if question.scale.kind is ScaleKind.BRACKET:
            document["lost_time"] = _lost_time(question, cells, item)
    document["headline"] = _headline(document["measures"], tally)
    document["digest"] = digest(document)
    return document


def digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a document without its digest and its wave's state, as JSON in UTF-8, sorted keys, no spaces."""
    wave = {key: value for key, value in document["wave"].items() if key != "state"}
    plain = {key: value for key, value in document.items() if key != "digest"} | {"wave": wave}
    return "sha256:" + hashlib.sha256(canonical(plain).encode()).hexdigest()


def canonical(document: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces; refuses what JSON does not know (NaN)."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _headline(measures: Sequence[Json], tally: Tally) -> str:
    verdicts = [measure["verdict"] for measure in measures if measure["group"] is None and measure.get("verdict")]
    return wording.headline(verdicts, tally.answered, tally.invited)


class _Cells:
    """One question's cells, and what may be shown of them."""

    def __init__(self, groups: Sequence[PublishedGroup], cells: Mapping[str, Cell]) -> None:
        self.invited = {group.name: group.invited for group in groups}
        self.cells = cells

    @property
    def company(self) -> Cell:
        first, *rest = self.cells.values()
        return sum(rest, first)

    @property
    def population(self) -> int:
        return sum(self.invited.values()) - self.company.opted_out

    def hidden(self, minimum: int) -> frozenset[str]:
        return hidden_cells([(name, cell.answers) for name, cell in self.cells.items()], minimum)

    def stratum(self, names: Sequence[str], statistic: Statistic) -> st.Stratum:
        population = sum(self.invited[name] - self.cells[name].opted_out for name in names)
        first, *rest = (self.cells[name] for name in names)
        return st.Stratum(population, _valued(sum(rest, first).counts, statistic))

    def strata(self, statistic: Statistic) -> list[st.Stratum]:
        """The shown groups, and all hidden ones together as one."""
        hidden = self.hidden(statistic.minimum)
        shown = [[name] for name in self.cells if name not in hidden]
        together = [self.stratum(names, statistic) for names in [*shown, sorted(hidden)] if names]
        return [stratum for stratum in together if sum(stratum.counts)]


def _valued(counts: Sequence[int], statistic: Statistic) -> tuple[int, ...]:
    """Counts per value: (others, top) for a share, (detractors, passives, promoters) for NPS, unchanged for a mean."""
    if statistic.name == "mean":
        return tuple(counts)
    distinct = sorted(set(statistic.values))
    return tuple(sum(c for c, v in zip(counts, statistic.values, strict=True) if v == value) for value in distinct)


def _scale_values(statistic: Statistic) -> tuple[float, ...]:
    return tuple(sorted(set(statistic.values)))


def _statistics(question: Question, item: Wave) -> list[Statistic]:
    scale, share, detail = question.scale, item.minimum_group, item.minimum_detail
    top = tuple(float(code in scale.top) for code in scale.codes)
    match scale.kind:
        case ScaleKind.ORDINAL:
            return [Statistic("top2", top, share), Statistic("mean", tuple(map(float, scale.codes)), detail)]
        case ScaleKind.NPS:
            return [Statistic("nps", tuple(100.0 * ((c in scale.promoters) - (c in scale.detractors)) for c in scale.codes), detail)]
        case ScaleKind.CHOICE if scale.top:
            return [Statistic("share", top, share)]
    return []


def _measures(question: Question, statistic: Statistic, cells: _Cells, target: Target | None) -> list[Json]:
    head: Json = {"question": question.id, "statistic": statistic.name}
    found = [head | {"group": None} | _company(question, statistic, cells, target)]
    if len(cells.cells) > 1:
        hidden = cells.hidden(statistic.minimum)
        for name, cell in cells.cells.items():
            found.append(head | {"group": name} | _group(question, statistic, cells, name, hidden=name in hidden or not cell.answers))
    return found


def _company(question: Question, statistic: Statistic, cells: _Cells, target: Target | None) -> Json:
    company = cells.company
    words = _withheld(question, statistic, company, hidden=company.answers < statistic.minimum)
    if words:
        return _not_shown(words)
    strata = cells.strata(statistic)
    values = _scale_values(statistic)
    if len(strata) > 1:
        interval = st.stratified_interval(strata, values, CONFIDENCE)
    else:
        interval = _level(statistic, _valued(company.counts, statistic), values, cells.population)
    if too_wide(interval, values[-1] - values[0]):
        return _not_shown(TOO_WIDE)
    shown = _shown(interval, company.answers, cells.population)
    plain = _valued(company.counts, statistic)
    shown["process"] = _process(statistic, plain, values)
    if statistic.is_share:
        feasible = st.feasible_range(plain[1], company.answers, cells.population)
        shown["feasible"] = [feasible.low, feasible.high]
        if target:
            shown |= {"target": target.target, "minimum": target.minimum, "stretch": target.stretch}
            shown["verdict"] = verdict(interval, target.target).value
            shown["break_even"] = st.break_even(plain[1], company.answers, cells.population, target.target)
    return shown


def _group(question: Question, statistic: Statistic, cells: _Cells, name: str, *, hidden: bool) -> Json:
    cell = cells.cells[name]
    words = _withheld(question, statistic, cell, hidden=hidden)
    if words:
        return _not_shown(words)
    stratum = cells.stratum([name], statistic)
    values = _scale_values(statistic)
    interval = _level(statistic, stratum.counts, values, stratum.population)
    if too_wide(interval, values[-1] - values[0]):
        return _not_shown(TOO_WIDE)
    return _shown(interval, cell.answers, stratum.population)


def _withheld(question: Question, statistic: Statistic, cell: Cell, *, hidden: bool) -> str | None:
    """The words that stand instead of a number, or None where the number may be shown."""
    if hidden:
        return HIDDEN if statistic.is_share else FROM_TEN
    if statistic.name == "mean":
        return neighbouring_band(cell.counts, question.scale.codes[0])
    if statistic.name == "share" and cell.answers < 10:
        yes = _valued(cell.counts, statistic)[1]
        return ONE_OR_NONE if yes <= 1 else MOST_OR_ALL if yes >= cell.answers - 1 else None
    return None


def _level(statistic: Statistic, counts: Sequence[int], values: Sequence[float], population: int) -> st.Interval:
    if statistic.is_share:
        return st.proportion_interval(counts[1], sum(counts), population, CONFIDENCE)
    return st.mean_interval(counts, values, population, CONFIDENCE)


def _process(statistic: Statistic, counts: Sequence[int], values: Sequence[float]) -> Json:
    answers = sum(counts)
    interval = (
        st.proportion_interval(counts[1], answers, None, CONFIDENCE)
        if statistic.is_share
        else st.mean_interval(counts, values, None, CONFIDENCE)
    )
    return {"estimate": interval.estimate, "low": interval.low, "high": interval.high, "method": interval.method}


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
    shown = [{"name": g.name, "invited": g.invited, "answered": g.answered, "shown": True, "members": list(g.members)} for g in groups]
    merged = sorted(name for group in groups if len(group.members) > 1 for name in group.members)
    return [*shown, *({"name": name, "answered": None, "shown": False, "words": HIDDEN} for name in merged)]


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


def _distribution(question: Question, company: Cell, minimum: int) -> Json:
    head = {"question": question.id, "group": None}
    if company.answers < minimum:
        return head | _not_shown(FROM_TEN)
    band = neighbouring_band(company.counts, question.scale.codes[0]) if question.scale.kind is ScaleKind.ORDINAL else None
    return head | (_not_shown(band) if band else {"shown": True, "counts": list(company.counts)})


def _lost_time(question: Question, cells: _Cells, item: Wave) -> Json:
    """The share who lost over two hours, and the lowest and highest mean that the brackets allow, in hours a week."""
    top = tuple(float(code in question.scale.top) for code in question.scale.codes)
    statistic = Statistic("share_over_two_hours", top, item.minimum_group)
    share = _company(question, statistic, cells, None)
    counts, answers = cells.company.counts, cells.company.answers
    found: Json = {"question": question.id, "share_over_2h": share}
    if answers < item.minimum_detail:
        return found | {"hours_per_week": _not_shown(FROM_TEN)}
    low, high = (sum(c * bounds[end] for c, bounds in zip(counts, question.scale.hours, strict=True)) / answers for end in (0, 1))
    return found | {"hours_per_week": {"shown": True, "low": low, "high": high}}
