"""The change since an earlier wave, the trend over several, and groups against the rest.

Each is added to the comparisons of its report, which are judged together (`judging.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any, cast

from survey import statistics as st
from survey.findings.document.rules.cells import GroupCells, Statistic
from survey.findings.document.rules.document import (
    ChangeBlock,
    DifferenceBlock,
    HiddenChange,
    ShownChange,
    TrendBlock,
)
from survey.findings.document.rules.earlier_waves import (
    cells_of_wave,
    comparable_run,
    last_comparable,
    mix_of,
    primary_statistic,
    strata_of_wave,
)
from survey.findings.document.rules.evidence import EarlierWave
from survey.findings.document.rules.judging import (
    DetectableIn,
    PendingComparison,
    ReportComparisons,
    half_width_detectable,
    share_detectable,
    unjudged,
)
from survey.findings.words.rules import wording
from survey.questionnaires.rules import Question, QuestionId
from survey.responses.rules import PublishedGroup
from survey.statistics.suppression import may_compare
from survey.statistics.verdicts import Direction
from survey.waves.rules.waves import CONFIDENCE


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A question's first figure in this wave, as it is compared with earlier ones.

    `opened` is the wave's day, `slug` its name; `is_overall` and `has_target` decide on the family.
    Its strata in earlier waves are looked up once, by the slug of the wave.
    """

    question: Question
    statistic: Statistic
    cells: GroupCells
    groups: Sequence[PublishedGroup]
    slug: str
    opened: date
    is_overall: bool
    has_target: bool
    _earlier_strata: dict[str, list[st.Stratum]] = field(default_factory=dict)

    @property
    def strata(self) -> list[st.Stratum]:
        """The strata of the company's value: one per shown group, one for all others."""
        return self.cells.strata(self.statistic)

    def strata_in(self, wave: EarlierWave) -> list[st.Stratum]:
        """The strata of an earlier wave's company value, as `strata_of_wave` gives them."""
        if wave.slug not in self._earlier_strata:
            self._earlier_strata[wave.slug] = strata_of_wave(wave, self.question)
        return self._earlier_strata[wave.slug]

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value that the figure can have."""
        return self.statistic.values[0], self.statistic.values[-1]

    def compared(self, what: st.Comparing) -> st.Compared:
        """Its place among the comparisons of its report."""
        return st.Compared(what, is_overall=self.is_overall, has_target=self.has_target)


def compare_with_earlier(
    figure: ComparedFigure, earlier: Sequence[EarlierWave], comparisons: ReportComparisons
) -> ChangeBlock | None:
    """The change since the last comparable wave, to be judged; None without one.

    Where either wave has too few answers, the change holds words only and is not judged.
    """
    base = last_comparable(figure.question, earlier)
    if base is None:
        return None
    earlier_cells = cells_of_wave(base, figure.question)
    minimum = primary_statistic(figure.question, base).minimum
    answers = figure.cells.company.answers, earlier_cells.company.answers
    if not may_compare(*answers) or answers[1] < minimum:
        return _hidden_change(base)
    waves = _judging_waves(figure, base, earlier)
    judged = st.change_within_trend(waves, figure.statistic.values, confidence=CONFIDENCE)
    difference = _guard_by_mix(judged, base, figure)
    facts = {"since": base.slug, "opened": base.opened.isoformat(), "imported": base.imported}
    printed = unjudged(difference.within_scale(figure.statistic.width))
    block = cast("ShownChange", {**printed, "answers": list(answers), **facts})
    if base.quarter:
        block["quarter"] = base.quarter
    compared = figure.compared(st.Comparing.CHANGE)
    detectable = _detectable_change(figure, base, waves)
    comparisons.pending.append(PendingComparison(block, compared, difference, answers, detectable))
    return block


def find_trend(
    figure: ComparedFigure, earlier: Sequence[EarlierWave], comparisons: ReportComparisons
) -> TrendBlock | None:
    """The trend of the last five to eight waves up to this one, to be judged; None with fewer.

    A wave is in from 10 answers to the question; without them in this wave there is no trend.
    """
    run = comparable_run(figure.question, _before(figure, earlier))
    found = st.trend(_dated_waves(figure, run), figure.statistic.values, CONFIDENCE)
    if found is None or found.counted[-1] != len(run):
        return None
    waves = [run[at] for at in found.counted[:-1]]
    difference = _guard_by_mix(found.difference, waves[0], figure)
    block = _trend_block(figure, waves, difference)

    def detectable(members: int) -> st.Detectable:
        return st.possible_moves(block["first"], st.detectable_rise(found, members), *figure.ends)

    answers = found.fewest_answers, found.fewest_answers
    compared = figure.compared(st.Comparing.TREND)
    comparisons.pending.append(PendingComparison(block, compared, difference, answers, detectable))
    return block


def compare_with_rest(
    statistic: Statistic,
    cells: GroupCells,
    names: Sequence[str],
    comparisons: ReportComparisons,
) -> dict[str, DifferenceBlock]:
    """Each named group's share minus that of all others, by name, to be judged.

    The others are weighted by their people; those that are hidden count as one. Groups with too few
    answers on either side are left out. Shares alone are compared.
    """
    own = {name: cells.cells[name].answers for name in names}
    both = {name: (mine, cells.company.answers - mine) for name, mine in own.items()}
    enough = {name: answers for name, answers in both.items() if may_compare(*answers)}
    if len(cells.cells) < 2 or not statistic.is_share or not enough:
        return {}
    strata = cells.strata(statistic)
    people, counts = [[each.population for each in strata]], [[each.counts for each in strata]]
    differences = st.groups_against_rest(people, counts, CONFIDENCE)
    rests = st.values_of_rests(people, counts)
    places = {name: at for at, name in enumerate(cells.shown(statistic))}
    blocks: dict[str, DifferenceBlock] = {}
    for name, answers in enough.items():
        difference = differences[places[name]]
        block = cast("DifferenceBlock", {**unjudged(difference), "answers": list(answers)})
        before = float(rests[places[name]])
        detectable = half_width_detectable(difference, before, (0.0, 1.0))
        compared = st.Compared(st.Comparing.GROUP)
        comparisons.pending.append(
            PendingComparison(block, compared, difference, answers, detectable)
        )
        blocks[name] = block
    return blocks


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


def _judging_waves(
    figure: ComparedFigure, base: EarlierWave, earlier: Sequence[EarlierWave]
) -> list[st.DatedWave]:
    """The waves by which a change since `base` is judged, oldest first; the last two are compared.

    These are all comparable ones, whose swings count, or the two alone where another wording or
    scale lies between them.
    """
    run = comparable_run(figure.question, _before(figure, earlier))
    if run and run[-1] is base:
        return _dated_waves(figure, run)
    return [st.DatedWave(0, figure.strata_in(base)), st.DatedWave(1, figure.strata)]


def _detectable_change(
    figure: ComparedFigure, base: EarlierWave, waves: Sequence[st.DatedWave]
) -> DetectableIn:
    """The rise and the fall that would probably have shown, as a function of the family's size.

    Shares are solved exactly; of other figures the width of the two waves' own range decides.
    """
    before = _value_of(figure.strata_in(base), figure)
    degrees = st.degrees_of_change(waves)
    if not figure.statistic.is_share:
        alone = st.change_within_trend(waves[-2:], figure.statistic.values, confidence=CONFIDENCE)
        return half_width_detectable(alone, before, figure.ends, degrees)
    answers = st.effective_answers(figure.strata), st.effective_answers(waves[-2].groups)
    return share_detectable(before, answers, degrees)


def _guard_by_mix(
    difference: st.Difference, before: EarlierWave, figure: ComparedFigure
) -> st.Difference:
    """A difference that knows how far the mix of departments moved since an earlier wave.

    History from another tool often has other names of departments, or none: where it shares no name
    with this wave, the mixes cannot be compared.
    """
    mix, mix_now = mix_of(before.tally.groups), mix_of(figure.groups)
    names, names_now = ({name for group, _ in each for name in group} for each in (mix, mix_now))
    if before.imported and not names & names_now:
        return difference
    return difference.with_mix_shift(st.mix_shift(mix_now, mix))


def _trend_block(
    figure: ComparedFigure, waves: Sequence[EarlierWave], difference: st.Difference
) -> TrendBlock:
    """The block of a trend through these waves and this one; its sentence follows when judged."""
    start = waves[0]
    facts = {
        "since": start.slug,
        "opened": start.opened.isoformat(),
        "waves": len(waves) + 1,
        "slugs": [*(wave.slug for wave in waves), figure.slug],
        "imported": sum(wave.imported for wave in waves),
        "first": _value_of(figure.strata_in(start), figure),
        "latest": _value_of(figure.strata, figure),
        "words": "",
    }
    block = cast("TrendBlock", {**unjudged(difference), **facts})
    if start.quarter:
        block["quarter"] = start.quarter
    return block


def _value_of(strata: Sequence[st.Stratum], figure: ComparedFigure) -> float:
    """The company's value, groups weighted by their people."""
    return st.stratified_process_interval(strata, figure.statistic.values, CONFIDENCE).estimate


def _before(figure: ComparedFigure, earlier: Sequence[EarlierWave]) -> list[EarlierWave]:
    """The earlier waves that opened before this one, newest first."""
    return [wave for wave in earlier if wave.opened < figure.opened]


def _dated_waves(figure: ComparedFigure, run: Sequence[EarlierWave]) -> list[st.DatedWave]:
    """The waves of a run and this one, dated by the days they opened.

    The slope is per day; the rise over the span is the same in every unit.
    """
    dated = [st.DatedWave(wave.opened.toordinal(), figure.strata_in(wave)) for wave in run]
    return [*dated, st.DatedWave(figure.opened.toordinal(), figure.strata)]


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
