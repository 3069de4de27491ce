"""Changes since earlier waves, groups against the rest, a year against the one before: one family, judged together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from survey import statistics as st
from survey.findings.document.rules.cells import GroupCells, Statistic, statistics_of
from survey.findings.rules import EarlierWave
from survey.findings.words.rules import wording
from survey.questionnaires.rules import Question, Questionnaire
from survey.responses.rules import CellCounts, PublishedGroup
from survey.statistics.planning import FOUND_FACTOR
from survey.statistics.pooled import pooled_difference, pooled_interval
from survey.statistics.suppression import may_compare
from survey.statistics.verdicts import Direction, direction
from survey.waves.rules.waves import CONFIDENCE

YEAR = timedelta(
    days=350
)  # four quarterly openings, moved by weekends, lie within it; a fifth does not
FEWEST_IN_A_YEAR = 3
MIX_SHIFT = (
    0.10  # of the invited: enough to move a value by 3 points where departments differ by 30
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PendingComparison:
    """One difference that waits for its verdict: how many answered on each side, and the words for clear and not."""

    found: st.Difference
    answers: tuple[int, int]
    words: tuple[str, str]


def compare_with_earlier(
    question: Question,
    statistic: Statistic,
    cells: GroupCells,
    mine: Sequence[PublishedGroup],
    earlier: Sequence[EarlierWave],
) -> Json:
    """The change since the last comparable wave, without its verdict; empty where there is none."""
    base = last_comparable(question, earlier)
    if base is None:
        return {}
    then = cells_of_wave(base, question)
    facts: Json = {"since": base.slug, "opened": base.opened.isoformat(), "imported": base.imported}
    facts |= {"quarter": base.quarter} if base.quarter else {}
    answers = cells.company.answers, then.company.answers
    figure = primary_statistic(question, base)
    if not (may_compare(*answers) and then.company.answers >= figure.minimum):
        return {"change": facts | {"shown": False, "words": wording.NOT_COMPARED}}
    if mix_changed(mine, base.tally.groups):
        facts["mix_changed"] = True
    found = st.stratified_difference(
        cells.strata(statistic), then.strata(figure), statistic.values, CONFIDENCE
    )
    return {"change": facts | {"pending": PendingComparison(found, answers, wording.CHANGES)}}


def compare_with_rest(
    statistic: Statistic, cells: GroupCells, names: Sequence[str]
) -> dict[str, Json]:
    """Each of these groups against all others together, without its verdict; those with too few answers on a side are left out."""
    pairs = {name: (cells.cells[name], cells.rest(name)) for name in names if len(cells.cells) > 1}
    pairs = {
        name: (one, rest)
        for name, (one, rest) in pairs.items()
        if may_compare(one.answers, rest.answers)
    }
    if not pairs:
        return {}
    first, second = (
        [statistic.valued(pair[side].counts) for pair in pairs.values()] for side in (0, 1)
    )
    found = st.difference_intervals(first, second, statistic.values, CONFIDENCE)
    return {
        name: {
            "pending": PendingComparison(
                found[at], (one.answers, rest.answers), wording.DIFFERENCES
            )
        }
        for at, (name, (one, rest)) in enumerate(pairs.items())
    }


def compare_years(
    opened: date,
    asked: Sequence[tuple[Question, Statistic, GroupCells]],
    now: str,
    earlier: Sequence[EarlierWave],
) -> Json | None:
    """The waves of the year up to this one as one wave, and against the year before where it was asked too; None with too few waves."""
    mine = [wave for wave in earlier if wave.opened > opened - YEAR]
    before = [wave for wave in earlier if opened - 2 * YEAR < wave.opened <= opened - YEAR]
    if len(mine) + 1 < FEWEST_IN_A_YEAR:
        return None
    measures = []
    for question, statistic, cells in asked:
        pool = [*_said(statistic, cells), *_asked_in(question, mine)]
        measures += _year_measure(question, statistic, pool, _asked_in(question, before))
    return (
        {"waves": [*(wave.slug for wave in reversed(mine)), now], "measures": measures}
        if measures
        else None
    )


def judge_comparisons(document: Json) -> None:
    """Judges all pending comparisons of a document as one family and writes each result in its place."""
    places = list(_pending(document))
    adjusted = st.adjust_p_values([place["pending"].found.p_value for place in places])
    for place, q_value in zip(places, adjusted, strict=True):
        pending: PendingComparison = place.pop("pending")
        found, (clear, unclear) = pending.found, pending.words
        way = (
            Direction.UNCLEAR
            if place.get("mix_changed")
            else direction(found, q_value, pending.answers)
        )
        place |= {
            "shown": True,
            "estimate": found.estimate,
            "low": found.low,
            "high": found.high,
            "p_value": found.p_value,
            "q_value": q_value,
            "family": len(places),
            "answers": list(pending.answers),
            "direction": way.value,
            "verdict": unclear if way is Direction.UNCLEAR else clear,
            "detectable": FOUND_FACTOR * (found.high - found.low) / 2,
        }


def last_comparable(question: Question, earlier: Sequence[EarlierWave]) -> EarlierWave | None:
    """The newest earlier wave that asked the same question: same id, same wording, same scale."""
    return next((wave for wave in earlier if _asked(question, wave.questionnaire)), None)


def cells_of_wave(wave: EarlierWave, question: Question) -> GroupCells:
    """A question's cells in an earlier wave."""
    return GroupCells(
        wave.tally.groups, wave.tally.cells[question.id], wave.further.get(question.id, 0)
    )


def primary_statistic(question: Question, wave: EarlierWave) -> Statistic:
    """A question's own figure under the minimum that the wave froze: what that wave hid stays hidden in every later one."""
    return statistics_of(question, wave.minimum_group, wave.minimum_detail)[0]


def mix_changed(first: Sequence[PublishedGroup], second: Sequence[PublishedGroup]) -> bool:
    """Whether the departments' shares of the invited differ by more than a tenth in all, over the coarsest partition that both share."""
    blocks: list[set[str]] = []
    for members in (_departments(group) for group in (*first, *second)):
        touched = [block for block in blocks if block & members]
        blocks = [block for block in blocks if block not in touched] + [members.union(*touched)]
    mixes = []
    for groups in (first, second):
        invited = [
            sum(group.invited for group in groups if block >= _departments(group))
            for block in blocks
        ]
        mixes.append([number / sum(invited) for number in invited])
    distance: float = sum(abs(a - b) for a, b in zip(*mixes, strict=True)) / 2
    return distance > MIX_SHIFT


def _departments(group: PublishedGroup) -> set[str]:
    return set(group.departments or group.members)


def _asked(question: Question, questionnaire: Questionnaire) -> bool:
    known = next((other for other in questionnaire.questions if other.id == question.id), None)
    if known is None or known.revision != question.revision:
        return False
    return (known.scale.kind, known.scale.codes, known.scale.top) == (
        question.scale.kind,
        question.scale.codes,
        question.scale.top,
    )


def _asked_in(question: Question, earlier: Sequence[EarlierWave]) -> list[CellCounts]:
    waves = [wave for wave in earlier if _asked(question, wave.questionnaire)]
    return [
        cell
        for wave in waves
        for cell in _said(primary_statistic(question, wave), cells_of_wave(wave, question))
    ]


def _said(statistic: Statistic, cells: GroupCells) -> list[CellCounts]:
    """A wave's company cell where the wave itself said its number: what it hid, or said in a band of words, stays out of every pool."""
    said = cells.company.answers >= statistic.minimum and not statistic.band(cells.company.counts)
    return [cells.company] if said else []


def _year_measure(
    question: Question,
    statistic: Statistic,
    waves: Sequence[CellCounts],
    past: Sequence[CellCounts],
) -> list[Json]:
    if len(waves) < FEWEST_IN_A_YEAR:
        return []
    counts, then = ([statistic.valued(cell.counts) for cell in found] for found in (waves, past))
    interval = pooled_interval(counts, statistic.values, CONFIDENCE)
    answers = [sum(cell.answers for cell in found) // max(len(found), 1) for found in (waves, past)]
    measure: Json = {
        "question": question.id,
        "statistic": statistic.name,
        "waves": len(waves),
        "shown": True,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "confidence": interval.confidence,
        "method": interval.method,
        "answers": answers[0],
    }
    if len(past) >= FEWEST_IN_A_YEAR and may_compare(*answers):
        found = pooled_difference(counts, then, statistic.values, CONFIDENCE)
        measure["change"] = {
            "pending": PendingComparison(found, (answers[0], answers[1]), wording.CHANGES)
        }
    return [measure]


def _pending(part: object) -> Iterator[Json]:
    if isinstance(part, Mapping):
        if "pending" in part:
            yield part  # type: ignore[misc]
        else:
            for inner in part.values():
                yield from _pending(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _pending(inner)


def changes_in_words(measures: Sequence[Json], names: Mapping[str, str]) -> str:
    """The headline's second sentence: what clearly changed since which wave; empty where nothing did."""
    clear = [
        m
        for m in measures
        if m.get("change", {}).get("direction", Direction.UNCLEAR.value) != Direction.UNCLEAR.value
    ]
    clear.sort(key=lambda m: m["change"]["opened"], reverse=True)
    said = []
    for (opened, quarter), found in groupby(
        clear, key=lambda m: (str(m["change"]["opened"]), m["change"].get("quarter"))
    ):
        ways: dict[str, list[str]] = {"up": [], "down": []}
        for measure in found:
            ways[measure["change"]["direction"]].append(names[measure["question"]])
        said.append(
            wording.clear_changes(ways["up"], ways["down"], wording.named_wave(opened, quarter))
        )
    return " ".join(said)
