"""The plain sum of three thirds: of what each of them published, and of nothing else."""

from collections.abc import Iterable, Sequence

from survey.findings.document.rules.cells import GroupCells, statistics_of
from survey.questionnaires.rules import Question, Questionnaire
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.waves.rules.waves import Wave


def pool_thirds_cells(
    pool: Wave, asked: Questionnaire, thirds: Sequence[Tally], comments: int = 0
) -> Tally:
    """A quarter's cells: of each question the answers of those thirds that said their number; people invited are those of all thirds.

    What a third hid, or said in a band of words, stays out: subtracting the other thirds would tell it.
    """
    (group,) = pool.groups
    answered = sum(tally.answered for tally in thirds)
    published = PublishedGroup(group.name, (group.name,), group.invited, answered, group.members)
    cells = {
        question.id: {
            group.name: _together(
                pool,
                question,
                (GroupCells(tally.groups, tally.cells[question.id]).company for tally in thirds),
            )
        }
        for question in asked.questions
        if question.scale.codes
    }
    return Tally((published,), cells, comments, sum(tally.unreadable for tally in thirds))


def _together(pool: Wave, question: Question, cells: Iterable[CellCounts]) -> CellCounts:
    banded = [
        statistic.band
        for statistic in statistics_of(question, pool.minimum_group, pool.minimum_detail)
        if statistic.is_share
    ]
    said = (
        cell
        for cell in cells
        if cell.answers >= pool.minimum_group and not any(band(cell.counts) for band in banded)
    )
    return sum(said, CellCounts((0,) * len(question.scale.codes), 0))
