"""The plain sum of three thirds: of what each of them published, and of nothing else."""

from collections.abc import Iterable, Sequence

from survey.findings.document.rules.cells import GroupCells, statistics_of
from survey.questionnaires.rules import Question, Questionnaire
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.waves.rules.waves import Wave


def pool_thirds_cells(
    pool: Wave, questionnaire: Questionnaire, thirds: Sequence[Tally], comments: int = 0
) -> Tally:
    """A quarter's counts: per question the sum over those thirds that published its number.

    The people invited are those of all thirds. What a third hid, or said in a band of words, stays
    out: subtracting the other thirds would tell it.
    """
    (group,) = pool.groups
    answered = sum(tally.answered for tally in thirds)
    published = PublishedGroup(group.name, (group.name,), group.invited, answered, group.members)
    cells = {}
    for question in questionnaire.questions:
        if question.scale.codes:
            of_thirds = (
                GroupCells(tally.groups, tally.cells[question.id]).company for tally in thirds
            )
            cells[question.id] = {group.name: _together(pool, question, of_thirds)}
    unreadable = sum(tally.unreadable for tally in thirds)
    return Tally((published,), cells, comments, unreadable)


def _together(pool: Wave, question: Question, cells: Iterable[CellCounts]) -> CellCounts:
    """The sum of a question's counts over those thirds that published its share."""
    statistics = statistics_of(question, pool.minimum_group, pool.minimum_detail)
    shares = [statistic for statistic in statistics if statistic.is_share]
    total = CellCounts((0,) * len(question.scale.codes), 0)
    for cell in cells:
        is_banded = any(share.band(cell.counts) for share in shares)
        if cell.answers >= pool.minimum_group and not is_banded:
            total += cell
    return total
