"""Which earlier waves a question may be compared with, and its counts in them."""

from collections.abc import Sequence

from survey import statistics as st
from survey.findings.document.rules.cells import GroupCells, Statistic, statistics_of
from survey.findings.document.rules.evidence import EarlierWave
from survey.questionnaires.rules import Question, Questionnaire
from survey.responses.rules import PublishedGroup

Mix = Sequence[tuple[set[str], int]]


def last_comparable(question: Question, earlier: Sequence[EarlierWave]) -> EarlierWave | None:
    """The newest earlier wave with the same question (id, wording and scale), or None.

    `earlier` is newest first.
    """
    return next((wave for wave in earlier if is_asked_in(question, wave.questionnaire)), None)


def comparable_run(question: Question, earlier: Sequence[EarlierWave]) -> list[EarlierWave]:
    """The earlier waves that stand in one line with this one, oldest first.

    The line goes back to where the question had another wording or scale. A wave that did not ask
    it leaves a gap. Of two waves that opened on one day the newer stands. `earlier` is newest
    first.
    """
    run: list[EarlierWave] = []
    for wave in earlier:
        if is_asked_in(question, wave.questionnaire):
            if not run or wave.opened < run[-1].opened:
                run.append(wave)
        elif any(other.id == question.id for other in wave.questionnaire.questions):
            break
    return run[::-1]


def is_asked_in(question: Question, questionnaire: Questionnaire) -> bool:
    """Whether a questionnaire asks the same question: same id, same wording, same scale."""
    same_id = (other for other in questionnaire.questions if other.id == question.id)
    other = next(same_id, None)
    if other is None or other.revision != question.revision:
        return False
    mine, theirs = question.scale, other.scale
    return (mine.kind, mine.codes, mine.top) == (theirs.kind, theirs.codes, theirs.top)


def cells_of_wave(wave: EarlierWave, question: Question) -> GroupCells:
    """A question's counts by group in an earlier wave, with as many groups hidden as then."""
    further = wave.further.get(question.id, 0)
    return GroupCells(wave.tally.groups, wave.tally.cells[question.id], further)


def primary_statistic(question: Question, wave: EarlierWave) -> Statistic:
    """A question's first figure, with the minimum of answers that an earlier wave froze.

    What that wave hid stays hidden in every later one.
    """
    return statistics_of(question, wave.minimum_group, wave.minimum_detail)[0]


def strata_of_wave(wave: EarlierWave, question: Question) -> list[st.Stratum]:
    """The strata of an earlier wave's company value: one per group shown then, one for others."""
    return cells_of_wave(wave, question).strata(primary_statistic(question, wave))


def mix_of(groups: Sequence[PublishedGroup]) -> Mix:
    """The groups of a wave as `st.mix_shift` takes them: their departments, and people invited.

    Its members where departments are not known.
    """
    return [(set(group.departments or group.members), group.invited) for group in groups]
