"""Changes since earlier waves, groups against the rest, a year against the one before.

All comparisons of a document are one family and are judged together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Any, cast

from survey import statistics as st
from survey.findings.document.rules.cells import GroupCells, Statistic, statistics_of
from survey.findings.document.rules.document import (
    ChangeBlock,
    DifferenceBlock,
    HiddenChange,
    ShownChange,
    YearBlock,
    YearMeasure,
)
from survey.findings.document.rules.evidence import EarlierWave
from survey.findings.words.rules import wording
from survey.questionnaires.rules import Question, QuestionId, Questionnaire
from survey.responses.rules import CellCounts, PublishedGroup
from survey.statistics.planning import FOUND_FACTOR
from survey.statistics.pooled import pooled_difference, pooled_interval
from survey.statistics.suppression import may_compare
from survey.statistics.verdicts import Direction, direction
from survey.waves.rules.waves import CONFIDENCE

# Four quarterly openings, moved by weekends, lie within it; a fifth does not.
YEAR = timedelta(days=350)
FEWEST_IN_A_YEAR = 3
# Of the invited: enough to move a value by 3 points where departments differ by 30.
MIX_SHIFT = 0.10


@dataclass(frozen=True, slots=True)
class PendingComparison:
    """One comparison without a verdict yet, and the block to write the verdict into.

    `block` is its place in the document, `words` those for a clear difference and for none. Where
    the mix of departments changed, nothing is called clear.
    """

    block: DifferenceBlock
    difference: st.Difference
    words: tuple[str, str]
    is_mix_changed: bool = False

    @property
    def answers(self) -> tuple[int, int]:
        """How many answered on each side of the comparison."""
        first, second = self.block["answers"]
        return first, second


@dataclass(frozen=True, slots=True)
class ComparisonFamily:
    """All comparisons of one document: collected while it is made, then judged together."""

    pending: list[PendingComparison] = field(default_factory=list)

    def add(
        self,
        block: DifferenceBlock,
        difference: st.Difference,
        words: tuple[str, str],
        *,
        is_mix_changed: bool = False,
    ) -> None:
        """Adds a comparison; `judge` later puts its verdict, one of `words`, into `block`.

        With `is_mix_changed` it will not be called clear.
        """
        self.pending.append(PendingComparison(block, difference, words, is_mix_changed))

    def judge(self) -> None:
        """Writes q-value, size of the family, direction and verdict into every block.

        The p-values of all comparisons are adjusted together.
        """
        p_values = [comparison.difference.p_value for comparison in self.pending]
        q_values = st.adjust_p_values(p_values)
        for comparison, q_value in zip(self.pending, q_values, strict=True):
            judged_direction = Direction.UNCLEAR
            if not comparison.is_mix_changed:
                judged_direction = direction(comparison.difference, q_value, comparison.answers)
            clear, unclear = comparison.words
            comparison.block["q_value"] = q_value
            comparison.block["family"] = len(self.pending)
            comparison.block["direction"] = judged_direction.value
            comparison.block["verdict"] = (
                unclear if judged_direction is Direction.UNCLEAR else clear
            )


def unjudged_difference(difference: st.Difference, answers: tuple[int, int]) -> DifferenceBlock:
    """The block of a difference, its direction unclear and its verdict empty until `judge`."""
    return {
        "shown": True,
        "estimate": difference.estimate,
        "low": difference.low,
        "high": difference.high,
        "p_value": difference.p_value,
        "q_value": difference.p_value,
        "family": 1,
        "answers": list(answers),
        "direction": Direction.UNCLEAR.value,
        "verdict": "",
        "detectable": FOUND_FACTOR * (difference.high - difference.low) / 2,
    }


def compare_with_earlier(
    question: Question,
    statistic: Statistic,
    cells: GroupCells,
    groups: Sequence[PublishedGroup],
    earlier: Sequence[EarlierWave],
    family: ComparisonFamily,
) -> ChangeBlock | None:
    """Gives the change since the last comparable wave and adds it to `family`; None without one.

    Where either wave has too few answers, the change holds words only and is not judged.
    """
    base = last_comparable(question, earlier)
    if base is None:
        return None
    earlier_cells = cells_of_wave(base, question)
    earlier_statistic = primary_statistic(question, base)
    answers = cells.company.answers, earlier_cells.company.answers
    is_published = earlier_cells.company.answers >= earlier_statistic.minimum
    if not (may_compare(*answers) and is_published):
        return _hidden_change(base)
    difference = st.stratified_difference(
        cells.strata(statistic),
        earlier_cells.strata(earlier_statistic),
        statistic.values,
        CONFIDENCE,
    )
    earlier_facts = {
        "since": base.slug,
        "opened": base.opened.isoformat(),
        "imported": base.imported,
    }
    change = cast("ShownChange", earlier_facts | unjudged_difference(difference, answers))
    if base.quarter:
        change["quarter"] = base.quarter
    is_mix_changed = mix_changed(groups, base.tally.groups)
    if is_mix_changed:
        change["mix_changed"] = True
    family.add(change, difference, wording.CHANGES, is_mix_changed=is_mix_changed)
    return change


def compare_with_rest(
    statistic: Statistic, cells: GroupCells, names: Sequence[str], family: ComparisonFamily
) -> dict[str, DifferenceBlock]:
    """Adds to `family`, and gives by name, each named group's comparison with all others together.

    Groups with too few answers on either side are left out; with a single group there are none.
    """
    if len(cells.cells) < 2:
        return {}
    pairs = {
        name: (cells.cells[name], cells.rest(name))
        for name in names
        if may_compare(cells.cells[name].answers, cells.rest(name).answers)
    }
    if not pairs:
        return {}
    differences = st.difference_intervals(
        [statistic.valued(group.counts) for group, _ in pairs.values()],
        [statistic.valued(rest.counts) for _, rest in pairs.values()],
        statistic.values,
        CONFIDENCE,
    )
    blocks = {}
    for at, (name, (group, rest)) in enumerate(pairs.items()):
        blocks[name] = unjudged_difference(differences[at], (group.answers, rest.answers))
        family.add(blocks[name], differences[at], wording.DIFFERENCES)
    return blocks


def compare_years(
    opened: date,
    asked: Sequence[tuple[Question, Statistic, GroupCells]],
    slug: str,
    earlier: Sequence[EarlierWave],
    family: ComparisonFamily,
) -> YearBlock | None:
    """The past year's waves pooled, and compared in `family` with the year before; may be None.

    The year ends with this wave, whose `opened` and `slug` are given. The year before counts for
    questions that it asked too. None where this year has too few waves, or no question has.
    """
    this_year = [wave for wave in earlier if wave.opened > opened - YEAR]
    year_before = [wave for wave in earlier if opened - 2 * YEAR < wave.opened <= opened - YEAR]
    if len(this_year) + 1 < FEWEST_IN_A_YEAR:
        return None
    measures = []
    for question, statistic, cells in asked:
        pool = [*_published_company(statistic, cells), *_published_in(question, this_year)]
        past = _published_in(question, year_before)
        measures += _year_measure(question, statistic, pool, past, family)
    if not measures:
        return None
    return {"waves": [*(wave.slug for wave in reversed(this_year)), slug], "measures": measures}


def last_comparable(question: Question, earlier: Sequence[EarlierWave]) -> EarlierWave | None:
    """The newest earlier wave with the same question (id, wording and scale), or None."""
    return next((wave for wave in earlier if _is_asked_in(question, wave.questionnaire)), None)


def cells_of_wave(wave: EarlierWave, question: Question) -> GroupCells:
    """A question's counts by group in an earlier wave, with as many groups hidden as then."""
    further = wave.further.get(question.id, 0)
    return GroupCells(wave.tally.groups, wave.tally.cells[question.id], further)


def primary_statistic(question: Question, wave: EarlierWave) -> Statistic:
    """A question's first figure, with the minimum of answers that an earlier wave froze.

    What that wave hid stays hidden in every later one.
    """
    return statistics_of(question, wave.minimum_group, wave.minimum_detail)[0]


def mix_changed(first: Sequence[PublishedGroup], second: Sequence[PublishedGroup]) -> bool:
    """Whether the departments' shares of the invited shifted by more than a tenth in all.

    Half the sum of all differences counts. Shares are compared over the finest partition into which
    the groups of both waves fit whole.
    """
    blocks: list[set[str]] = []
    for departments in (_departments(group) for group in (*first, *second)):
        touched = [block for block in blocks if block & departments]
        untouched = [block for block in blocks if block not in touched]
        blocks = [*untouched, departments.union(*touched)]
    first_mix, second_mix = _mix(first, blocks), _mix(second, blocks)
    distance: float = sum(abs(a - b) for a, b in zip(first_mix, second_mix, strict=True)) / 2
    return distance > MIX_SHIFT


def changes_in_words(measures: Sequence[Mapping[str, Any]], names: Mapping[QuestionId, str]) -> str:
    """The headline's second sentence: what clearly rose or fell since which wave; may be empty.

    `measures` are those of the company, `names` the questions' by id.
    """
    clear = [measure for measure in measures if _is_clearly_changed(measure)]
    clear.sort(key=lambda measure: measure["change"]["opened"], reverse=True)
    sentences = []
    for (opened, quarter), changed in groupby(clear, key=_compared_wave):
        names_by_direction: dict[str, list[str]] = {"up": [], "down": []}
        for measure in changed:
            up_or_down = measure["change"]["direction"]
            names_by_direction[up_or_down].append(names[measure["question"]])
        sentences.append(
            wording.clear_changes(
                names_by_direction["up"],
                names_by_direction["down"],
                wording.named_wave(opened, quarter),
            )
        )
    return " ".join(sentences)


def _hidden_change(base: EarlierWave) -> HiddenChange:
    """The block of a change that may not be shown: the earlier wave, and words for numbers."""
    change: HiddenChange = {
        "shown": False,
        "words": wording.NOT_COMPARED,
        "since": base.slug,
        "opened": base.opened.isoformat(),
        "imported": base.imported,
    }
    if base.quarter:
        change["quarter"] = base.quarter
    return change


def _is_clearly_changed(measure: Mapping[str, Any]) -> bool:
    """Whether a measure holds a change that was judged clear, up or down."""
    change = measure.get("change", {})
    return bool(change.get("direction", Direction.UNCLEAR.value) != Direction.UNCLEAR.value)


def _compared_wave(measure: Mapping[str, Any]) -> tuple[str, str | None]:
    """The opening day of the wave that a measure is compared with, and its quarter or None."""
    change = measure["change"]
    return str(change["opened"]), change.get("quarter")


def _departments(group: PublishedGroup) -> set[str]:
    """The departments in a group, or its members where departments are not known."""
    return set(group.departments or group.members)


def _mix(groups: Sequence[PublishedGroup], blocks: Sequence[set[str]]) -> list[float]:
    """Each block's share (0 to 1) of the people invited; a block holds whole groups."""
    invited = [
        sum(group.invited for group in groups if block >= _departments(group)) for block in blocks
    ]
    return [number / sum(invited) for number in invited]


def _is_asked_in(question: Question, questionnaire: Questionnaire) -> bool:
    """Whether a questionnaire asks the same question: same id, same wording, same scale."""
    same_id = (other for other in questionnaire.questions if other.id == question.id)
    other = next(same_id, None)
    if other is None or other.revision != question.revision:
        return False
    mine, theirs = question.scale, other.scale
    return (mine.kind, mine.codes, mine.top) == (theirs.kind, theirs.codes, theirs.top)


def _published_in(question: Question, earlier: Sequence[EarlierWave]) -> list[CellCounts]:
    """The company's counts in those waves that asked the question and published its number."""
    published = []
    for wave in earlier:
        if _is_asked_in(question, wave.questionnaire):
            cells = cells_of_wave(wave, question)
            published += _published_company(primary_statistic(question, wave), cells)
    return published


def _published_company(statistic: Statistic, cells: GroupCells) -> list[CellCounts]:
    """The company's counts as a list of one; empty if the wave did not publish the number.

    What a wave hid, or said in a band of words, stays out of every pool.
    """
    company = cells.company
    if company.answers < statistic.minimum or statistic.band(company.counts):
        return []
    return [company]


def _year_measure(
    question: Question,
    statistic: Statistic,
    waves: Sequence[CellCounts],
    past: Sequence[CellCounts],
    family: ComparisonFamily,
) -> list[YearMeasure]:
    """A question's figure over the year, as a list of one; empty with fewer than three waves.

    Where the year before has three waves as well, and enough answers, the change since then is
    added to the measure and to `family`.
    """
    if len(waves) < FEWEST_IN_A_YEAR:
        return []
    counts = [statistic.valued(cell.counts) for cell in waves]
    past_counts = [statistic.valued(cell.counts) for cell in past]
    answers = _mean_answers(waves), _mean_answers(past)
    interval = pooled_interval(counts, statistic.values, CONFIDENCE)
    measure: YearMeasure = {
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
        difference = pooled_difference(counts, past_counts, statistic.values, CONFIDENCE)
        measure["change"] = unjudged_difference(difference, answers)
        family.add(measure["change"], difference, wording.CHANGES)
    return [measure]


def _mean_answers(waves: Sequence[CellCounts]) -> int:
    """The mean number of answers of a wave, rounded down; 0 for no waves."""
    return sum(cell.answers for cell in waves) // max(len(waves), 1)
