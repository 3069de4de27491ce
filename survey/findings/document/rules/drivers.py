"""Key drivers of a wave: which questions go together with the overall one, without figures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from survey.findings.document.rules.document import DriversBlock, HiddenBlock
from survey.findings.words.rules import wording
from survey.questionnaires.rules import OVERALL_DIMENSION, Question, Questionnaire, ScaleKind
from survey.responses.rules import score_table
from survey.statistics.drivers import key_drivers
from survey.statistics.suppression import DRIVERS_FROM

Table = NDArray[np.int64]


def drivers_block(questionnaire: Questionnaire, scores: Sequence[str]) -> DriversBlock | None:
    """The questions that go with the overall one most, or words if few answered; may be None.

    None where nothing is asked overall, or fewer than two ordinal questions beside it. `scores`
    holds one string per response, one character a question. Whole answers are needed: while fewer
    than 100 people have answered all questions, the one that most left out is left out too.
    """
    asked = [question for question in questionnaire.questions if question.scale.codes]
    ordinal = [question for question in asked if question.scale.kind is ScaleKind.ORDINAL]
    overall = [question for question in ordinal if question.dimension == OVERALL_DIMENSION]
    predictors = [question for question in ordinal if question.dimension != OVERALL_DIMENSION]
    outcome = overall[0] if overall else None
    if outcome is None or len(predictors) < 2:
        return None
    hidden: HiddenBlock = {"shown": False, "words": wording.FROM_A_HUNDRED}
    if len(scores) < DRIVERS_FROM:
        return hidden
    answers, kept = _whole_answers(score_table(scores), asked, outcome, predictors)
    if len(kept) < 2:
        return hidden
    drivers = key_drivers(answers[:, :-1], answers[:, -1])
    if drivers is None:
        return hidden
    first = () if drivers.first is None else (drivers.first,)
    return {
        "shown": True,
        "ranked": drivers.ranked,
        "questions": [kept[place].id for place in (*first, *drivers.behind)],
    }


def _whole_answers(
    table: Table, asked: Sequence[Question], outcome: Question, predictors: Sequence[Question]
) -> tuple[Table, list[Question]]:
    """The complete rows, their outcome in the last column, and the predictors that were kept.

    `table` has a row per response and a column per question of `asked`; below 0 is no answer. While
    fewer than 100 rows are complete, the predictor that most left out is dropped.
    """
    column = {question.id: at for at, question in enumerate(asked)}
    kept = list(predictors)
    table = table[table[:, column[outcome.id]] >= 0]
    while True:
        answers = table[:, [column[question.id] for question in [*kept, outcome]]]
        whole = answers[(answers >= 0).all(axis=1)]
        if len(whole) >= DRIVERS_FROM or len(kept) < 2:
            return whole, kept
        answered = (answers[:, :-1] >= 0).sum(axis=0)
        kept.pop(int(answered.argmin()))
