"""Key drivers of a wave: which questions go together with the overall one, as an order without figures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from survey.findings.document.rules.document import DriversBlock
from survey.findings.words.rules import wording
from survey.questionnaires.rules import Question, Questionnaire, ScaleKind
from survey.responses.rules import score_table
from survey.statistics.drivers import key_drivers
from survey.statistics.suppression import DRIVERS_FROM

OVERALL = "overall"

Table = NDArray[np.int64]


def drivers_block(questionnaire: Questionnaire, scores: Sequence[str]) -> DriversBlock | None:
    """The block of a findings document; None where the questionnaire asks nothing overall or nothing beside it.

    Whole answers are needed: while fewer than 100 people have answered all questions, the one that most left out is left out too.
    """
    asked = [question for question in questionnaire.questions if question.scale.codes]
    outcome = next(
        (q for q in asked if q.dimension == OVERALL and q.scale.kind is ScaleKind.ORDINAL), None
    )
    predictors = [q for q in asked if q.dimension != OVERALL and q.scale.kind is ScaleKind.ORDINAL]
    if outcome is None or len(predictors) < 2:
        return None
    whole, kept = (
        _whole(score_table(scores), asked, outcome, predictors)
        if len(scores) >= DRIVERS_FROM
        else (None, [])
    )
    found = (
        key_drivers(whole[:, :-1], whole[:, -1]) if whole is not None and len(kept) > 1 else None
    )
    if found is None:
        return {"shown": False, "words": wording.FROM_A_HUNDRED}
    return {
        "shown": True,
        "ranked": found.ranked,
        "questions": [kept[place].id for place in found.places],
    }


def _whole(
    table: Table, asked: Sequence[Question], outcome: Question, predictors: Sequence[Question]
) -> tuple[Table, list[Question]]:
    """The rows in which all of these are answered, the outcome last, and the predictors that were kept."""
    column = {question.id: at for at, question in enumerate(asked)}
    kept = list(predictors)
    table = table[table[:, column[outcome.id]] >= 0]
    while True:
        part = table[:, [column[q.id] for q in [*kept, outcome]]]
        whole = part[(part >= 0).all(axis=1)]
        if len(whole) >= DRIVERS_FROM or len(kept) < 2:
            return whole, kept
        kept.pop(int((part[:, :-1] >= 0).sum(axis=0).argmin()))
