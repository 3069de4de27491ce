"""A year of waves taken together, and compared with the year before."""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from survey import statistics as st
from survey.findings.document.rules.comparisons import ComparedFigure
from survey.findings.document.rules.document import DifferenceBlock, YearBlock, YearMeasure
from survey.findings.document.rules.earlier_waves import (
    is_asked_in,
    mix_of,
)
from survey.findings.document.rules.evidence import EarlierWave
from survey.findings.document.rules.judging import (
    PendingComparison,
    ReportComparisons,
    half_width_detectable,
    share_detectable,
    unjudged,
)
from survey.responses.rules import PublishedGroup
from survey.statistics.waves import Wave, answers_in, is_counted
from survey.waves.rules.waves import CONFIDENCE

# Four quarterly openings, moved by weekends, lie within it; a fifth does not.
YEAR = timedelta(days=350)
FEWEST_IN_A_YEAR = 3

# A wave of a year: its strata, and its published groups.
_WaveInYear = tuple[Wave, Sequence[PublishedGroup]]


def compare_years(
    figures: Sequence[ComparedFigure],
    earlier: Sequence[EarlierWave],
    comparisons: ReportComparisons,
) -> YearBlock | None:
    """The past year's waves together, and compared with the year before; may be None.

    The year ends with this wave. The year before counts for questions that it asked too. None where
    this year has too few waves, or no question has. `earlier` is newest first.
    """
    if not figures:
        return None
    opened, slug = figures[0].opened, figures[0].slug
    this_year = [wave for wave in earlier if wave.opened > opened - YEAR]
    year_before = [wave for wave in earlier if opened - 2 * YEAR < wave.opened <= opened - YEAR]
    if len(this_year) + 1 < FEWEST_IN_A_YEAR:
        return None
    measures: list[YearMeasure] = []
    for figure in figures:
        this_wave = figure.strata, figure.groups
        waves = [wave for wave in (this_wave, *_counted(figure, this_year)) if is_counted(wave[0])]
        if len(waves) >= FEWEST_IN_A_YEAR:
            before = _counted(figure, year_before)
            measures.append(_year_measure(figure, waves, before, comparisons))
    if not measures:
        return None
    return {"waves": [*(wave.slug for wave in reversed(this_year)), slug], "measures": measures}


def _counted(figure: ComparedFigure, earlier: Sequence[EarlierWave]) -> list[_WaveInYear]:
    """Those earlier waves that asked the question and have enough answers to it."""
    asked = [wave for wave in earlier if is_asked_in(figure.question, wave.questionnaire)]
    waves = [(figure.strata_in(wave), wave.tally.groups) for wave in asked]
    return [wave for wave in waves if is_counted(wave[0])]


def _year_measure(
    figure: ComparedFigure,
    waves: Sequence[_WaveInYear],
    before: Sequence[_WaveInYear],
    comparisons: ReportComparisons,
) -> YearMeasure:
    """A question's figure over the year.

    Where the year before has three waves as well, the change since then is added, to be judged.
    """
    strata = [groups for groups, _ in waves]
    interval = st.year_interval(strata, figure.statistic.values, CONFIDENCE).interval
    if interval is None:  # no wave counts: the caller asks for three
        raise AssertionError(f"{figure.question.id}: a year without a wave")
    measure: YearMeasure = {
        "question": figure.question.id,
        "statistic": figure.statistic.name,
        "waves": len(waves),
        "shown": True,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "confidence": interval.confidence,
        "method": interval.method,
        "answers": _mean_answers(strata),
    }
    if len(before) >= FEWEST_IN_A_YEAR:
        measure["change"] = _change_of_year(figure, waves, before, comparisons)
    return measure


def _change_of_year(
    figure: ComparedFigure,
    waves: Sequence[_WaveInYear],
    before: Sequence[_WaveInYear],
    comparisons: ReportComparisons,
) -> DifferenceBlock:
    """The year less the year before, to be judged."""
    later, past_waves = ([groups for groups, _ in side] for side in (waves, before))
    mixes = [[part for _, groups in side for part in mix_of(groups)] for side in (waves, before)]
    values = figure.statistic.values
    mix = mixes[0], mixes[1]
    difference = st.year_difference(later, past_waves, values, CONFIDENCE, mix)
    past = st.year_interval(past_waves, values, CONFIDENCE).interval
    if difference is None or past is None:  # no wave counts: the caller asks for three
        raise AssertionError(f"{figure.question.id}: a year without a wave")
    answers = _mean_answers(later), _mean_answers(past_waves)
    block = cast("DifferenceBlock", {**unjudged(difference), "answers": list(answers)})
    compared = figure.compared(st.Comparing.YEAR)
    detectable = half_width_detectable(difference, past.estimate, figure.ends)
    if figure.statistic.is_share:
        detectable = share_detectable(
            past.estimate, (_mean_effective(later), _mean_effective(past_waves))
        )
    comparisons.pending.append(PendingComparison(block, compared, difference, answers, detectable))
    return block


def _mean_effective(waves: Sequence[Wave]) -> float:
    """The mean of the waves' effective numbers of answers."""
    return sum(map(st.effective_answers, waves)) / len(waves)


def _mean_answers(waves: Sequence[Wave]) -> int:
    """The mean number of answers of a wave, rounded down."""
    return sum(map(answers_in, waves)) // len(waves)
