"""Ballots in, counted responses out. Nothing here knows who anybody is."""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import delete, func, insert, select

from survey.database import db, transaction
from survey.kernel.ids import random_bytes
from survey.questionnaires.rules import Questionnaire
from survey.responses import rules
from survey.responses.rules import Answers, CellCounts, PublishedGroup, Tally
from survey.responses.tables import BallotRow, CommentRow, ResponseRow
from survey.statistics.suppression import joined_group_name, merge_small
from survey.vault.rules import sealing
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

T = TypeVar("T")
_SOURCE = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class OpenedBallots:
    """The content of a wave's ballots, in memory only, in no order."""

    ballots: int
    answers: tuple[tuple[str, Answers], ...]

    @property
    def unreadable(self) -> int:
        """Ballots that the key did not open."""
        return self.ballots - len(self.answers)


def store_ballot(wave_id: str, sealed: bytes, spare: bytes | None = None) -> None:
    """Keeps one sealed ballot under random bytes, inside the transaction that burns its invitation; a spare if there are two co-keys."""
    db.session.execute(
        insert(BallotRow),
        [{"id": random_bytes(), "wave_id": wave_id, "sealed": sealed, "spare": spare}],
    )


def number_of_ballots(wave_id: str) -> int:
    """How many ballots wait to be counted."""
    return (
        db.session.scalar(
            select(func.count()).select_from(BallotRow).where(BallotRow.wave_id == wave_id)
        )
        or 0
    )


def open_ballots(
    wave_id: str, private_key: bytes, progress: Callable[[int, int], None] | None = None
) -> OpenedBallots:
    """Opens every ballot of a wave; one that does not open is counted as unreadable and stops nothing.

    `progress` hears how many of how many are opened.
    """
    sealed = db.session.scalars(select(BallotRow.sealed).where(BallotRow.wave_id == wave_id)).all()
    return open_given_ballots(wave_id, private_key, sealed, progress)


def list_sealed_ballots(wave_id: str) -> tuple[tuple[bytes, ...], ...]:
    """What the representatives open: every ballot as sealed to the first and, if there is one, to the second; each shuffled by itself."""
    rows = db.session.execute(
        select(BallotRow.sealed, BallotRow.spare).where(BallotRow.wave_id == wave_id)
    ).all()
    layers = [[row.sealed for row in rows], [row.spare for row in rows if row.spare is not None]]
    return tuple(tuple(_shuffled(layer)) for layer in layers if layer)


def open_given_ballots(
    wave_id: str,
    private_key: bytes,
    sealed: Sequence[bytes],
    progress: Callable[[int, int], None] | None = None,
) -> OpenedBallots:
    """Opens these ballots of a wave; what does not open is counted as unreadable."""
    found = []
    for number, ballot in enumerate(sealed, start=1):
        if progress:
            progress(number, len(sealed))
        try:
            found.append(rules.unpack_ballot(sealing.open_ballot(private_key, wave_id, ballot)))
        except (sealing.Unreadable, ValueError):
            continue
    _SOURCE.shuffle(found)
    return OpenedBallots(len(sealed), tuple(found))


def store_counted(item: Wave, questionnaire: Questionnaire, opened: OpenedBallots) -> Tally:
    """Merges groups to the minimum, shuffles, stores responses and comments apart, deletes the ballots; returns the tally."""
    groups = _merge(item, opened.answers)
    name_of = {member: group.name for group in groups for member in group.members}
    with transaction() as session:
        responses = [
            {
                "id": random_bytes(),
                "wave_id": item.id,
                "group_name": name_of[group],
                "scores": rules.score_string(questionnaire.questions, answers),
            }
            for group, answers in _shuffled(opened.answers)
        ]
        if responses:
            session.execute(insert(ResponseRow), responses)
        sizes = {group.name: group.answered for group in groups}
        for question in questionnaire.questions:
            comments = [
                {
                    "id": random_bytes(),
                    "wave_id": item.id,
                    "question": question.id,
                    "group_name": (
                        name_of[group] if sizes[name_of[group]] >= item.minimum_detail else None
                    ),
                    "text": answers.texts[question.id],
                    "state": "unread",
                }
                for group, answers in _shuffled(opened.answers)
                if question.id in answers.texts
            ]
            if comments:
                session.execute(insert(CommentRow), comments)
        forget_ballots(item.id)
    return tally_responses(item, questionnaire, groups, opened.unreadable)


def forget_ballots(wave_id: str) -> None:
    """Deletes a wave's ballots, counted or void."""
    with transaction() as session:
        session.execute(
            delete(BallotRow)
            .where(BallotRow.wave_id == wave_id)
            .execution_options(synchronize_session=False)
        )


def tally_responses(
    item: Wave, questionnaire: Questionnaire, groups: Sequence[PublishedGroup], unreadable: int
) -> Tally:
    """The table of counts of a counted wave, from its stored responses."""
    rows = db.session.execute(
        select(ResponseRow.group_name, ResponseRow.scores).where(ResponseRow.wave_id == item.id)
    ).all()
    strings = {
        group.name: [scores for name, scores in rows if name == group.name] for group in groups
    }
    scored = [question for question in questionnaire.questions if question.scale.codes]
    cells: dict[str, dict[str, CellCounts]] = {
        question.id: {
            name: rules.count_cell(found, place, question.scale.codes)
            for name, found in strings.items()
        }
        for place, question in enumerate(scored)
    }
    comments = (
        db.session.scalar(
            select(func.count()).select_from(CommentRow).where(CommentRow.wave_id == item.id)
        )
        or 0
    )
    return Tally(tuple(groups), cells, comments, unreadable)


def move_comments(thirds: Sequence[Wave], pool: Wave) -> int:
    """Gives what people wrote in the thirds of a quarter to the quarter, shuffled and under new ids, so that no month shows; how many."""
    ours = [item.id for item in thirds]
    with transaction() as session:
        found = session.execute(
            select(CommentRow.question, CommentRow.text).where(CommentRow.wave_id.in_(ours))
        ).all()
        session.execute(
            delete(CommentRow)
            .where(CommentRow.wave_id.in_(ours))
            .execution_options(synchronize_session=False)
        )
        rows = [
            {
                "id": random_bytes(),
                "wave_id": pool.id,
                "question": row.question,
                "group_name": None,
                "text": row.text,
                "state": "unread",
            }
            for row in _shuffled(found)
        ]
        if rows:
            session.execute(insert(CommentRow), rows)
    return len(rows)


def number_of_responses(item: Wave) -> int:
    """How many answered a counted wave, or the thirds of a quarter together."""
    return (
        db.session.scalar(
            select(func.count())
            .select_from(ResponseRow)
            .where(ResponseRow.wave_id.in_(_held_by(item)))
        )
        or 0
    )


def comment_texts(item: Wave, question: str) -> tuple[str, ...]:
    """The comments on one question in random order; none where fewer than the minimum answered, and none of a third."""
    if item.is_third or number_of_responses(item) < item.minimum_detail:
        return ()
    query = select(CommentRow.text).where(
        CommentRow.wave_id == item.id, CommentRow.question == question
    )
    return tuple(_shuffled(db.session.scalars(query).all()))


def score_strings(item: Wave) -> list[str]:
    """All responses of a counted wave as score strings, in random order and without their groups; for the key drivers alone."""
    return _shuffled(
        db.session.scalars(
            select(ResponseRow.scores).where(ResponseRow.wave_id.in_(_held_by(item)))
        ).all()
    )


def _held_by(item: Wave) -> list[str]:
    """The waves whose responses are a wave's own: itself, or the thirds of a quarter."""
    return [third.id for third in waves.thirds_of(item)] if item.is_pool else [item.id]


def _merge(item: Wave, answers: Sequence[tuple[str, Answers]]) -> tuple[PublishedGroup, ...]:
    """The frozen groups, those with few answers counted together under the names of all their departments."""
    answered = Counter(group for group, _ in answers)
    departments = {group.name: group.members for group in item.groups}
    found = []
    for group in merge_small(
        [(group.name, group.invited, answered[group.name]) for group in item.groups],
        item.minimum_group,
    ):
        within = tuple(sorted(name for member in group.members for name in departments[member]))
        name = group.name if len(group.members) == 1 else joined_group_name(within)
        found.append(PublishedGroup(name, group.members, group.invited, group.answers, within))
    return tuple(found)


def _shuffled(items: Sequence[T]) -> list[T]:
    return _SOURCE.sample(list(items), len(items))
