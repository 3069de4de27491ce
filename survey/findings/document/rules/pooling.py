"""The plain sum of three thirds: other people each time, so their answers add up."""

from collections.abc import Sequence

from survey.findings.document.rules.cells import GroupCells
from survey.questionnaires.rules import Question, Questionnaire
from survey.responses.rules import CellCounts, PublishedGroup, Tally
from survey.statistics.suppression import COMPARED_FROM
from survey.waves.rules.waves import Wave

THIRDS = 3


def pool_thirds_cells(
    pool: Wave, questionnaire: Questionnaire, thirds: Sequence[Tally], comments: int = 0
) -> Tally:
    """A quarter's counts: per question the sum over its thirds; none where a third is left out.

    `thirds` are those that were counted: a void one is left out of every question. The people
    invited are those of all thirds.
    """
    (group,) = pool.groups
    answered = sum(tally.answered for tally in thirds)
    published = PublishedGroup(group.name, (group.name,), group.invited, answered, group.members)
    cells = {}
    for question in questionnaire.questions:
        if question.scale.codes:
            of_thirds = [
                GroupCells(tally.groups, tally.cells[question.id]).company for tally in thirds
            ]
            cells[question.id] = {group.name: _together(question, of_thirds)}
    unreadable = sum(tally.unreadable for tally in thirds)
    return Tally((published,), cells, comments, unreadable)


def _together(question: Question, cells: Sequence[CellCounts]) -> CellCounts:
    """The sum of a question's counts over three thirds; nothing unless each has 10 answers.

    That number alone decides: leaving out thirds for what was answered would select among them, and
    with a third left out the sum would not be about everybody.
    """
    nothing = CellCounts((0,) * len(question.scale.codes), 0)
    is_complete = len(cells) == THIRDS and all(cell.answers >= COMPARED_FROM for cell in cells)
    return sum(cells, nothing) if is_complete else nothing
