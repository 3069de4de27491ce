"""Ballots in, counted responses out. Nothing here knows who anybody is."""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import delete, func, insert, select

from survey.database import db, transaction
from survey.kernel.ids import random_bytes
from survey.questionnaires.rules import QuestionId, Questionnaire
from survey.responses import rules
from survey.responses.rules import Answers, CellCounts, PublishedGroup, Tally
from survey.responses.tables import BallotRow, CommentRow, ResponseRow
from survey.statistics.suppression import joined_group_name, merge_small
from survey.vault.rules import sealing
from survey.waves import service as waves
from survey.waves.rules.ids import WaveId
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


def store_ballot(wave_id: WaveId, sealed: bytes, spare: bytes | None = None) -> None:
    """Keeps one sealed ballot under random bytes; with a spare if there are two co-keys.

    Inside the transaction that uses up its invitation.
    """
    row = {"id": random_bytes(), "wave_id": wave_id, "sealed": sealed, "spare": spare}
    db.session.execute(insert(BallotRow), [row])


def number_of_ballots(wave_id: WaveId) -> int:
    """How many ballots wait to be counted."""
    query = select(func.count()).select_from(BallotRow).where(BallotRow.wave_id == wave_id)
    return db.session.scalar(query) or 0


def open_ballots(
    wave_id: WaveId, private_key: bytes, progress: Callable[[int, int], None] | None = None
) -> OpenedBallots:
    """Opens every ballot of a wave; one that does not open is counted as unreadable.

    `progress` hears how many of how many are opened.
    """
    sealed = db.session.scalars(select(BallotRow.sealed).where(BallotRow.wave_id == wave_id)).all()
    return open_given_ballots(wave_id, private_key, sealed, progress)


def list_sealed_ballots(wave_id: WaveId) -> tuple[tuple[bytes, ...], ...]:
    """What the representatives open: every ballot as sealed to the first of them.

    If there is a second, also every ballot as sealed to the second; each list is shuffled by
    itself.
    """
    rows = db.session.execute(
        select(BallotRow.sealed, BallotRow.spare).where(BallotRow.wave_id == wave_id)
    ).all()
    to_first = [row.sealed for row in rows]
    to_second = [row.spare for row in rows if row.spare is not None]
    return tuple(tuple(_shuffled(layers)) for layers in (to_first, to_second) if layers)


def open_given_ballots(
    wave_id: WaveId,
    private_key: bytes,
    sealed: Sequence[bytes],
    progress: Callable[[int, int], None] | None = None,
) -> OpenedBallots:
    """Opens these ballots of a wave; what does not open is counted as unreadable."""
    opened = []
    for number, ballot in enumerate(sealed, start=1):
        if progress:
            progress(number, len(sealed))
        try:
            content = sealing.open_ballot(private_key, wave_id, ballot)
            opened.append(rules.unpack_ballot(content))
        except (sealing.Unreadable, ValueError):
            continue
    _SOURCE.shuffle(opened)
    return OpenedBallots(len(sealed), tuple(opened))


def store_counted(wave: Wave, questionnaire: Questionnaire, opened: OpenedBallots) -> Tally:
    """Stores what was opened, and gives the tally.

    Merges groups to the minimum, shuffles, stores responses and comments apart, and deletes the
    ballots.
    """
    groups = _merge(wave, opened.answers)
    with transaction():
        _store_responses(wave, questionnaire, groups, opened)
        _store_comments(wave, questionnaire, groups, opened)
        forget_ballots(wave.id)
    return tally_responses(wave, questionnaire, groups, opened.unreadable)


def _store_responses(
    wave: Wave,
    questionnaire: Questionnaire,
    groups: Sequence[PublishedGroup],
    opened: OpenedBallots,
) -> None:
    """Stores the scores of every response under its published group, in random order."""
    name_of = {member: group.name for group in groups for member in group.members}
    rows = [
        {
            "id": random_bytes(),
            "wave_id": wave.id,
            "group_name": name_of[group],
            "scores": rules.score_string(questionnaire.questions, answers),
        }
        for group, answers in _shuffled(opened.answers)
    ]
    if rows:
        db.session.execute(insert(ResponseRow), rows)


def _store_comments(
    wave: Wave,
    questionnaire: Questionnaire,
    groups: Sequence[PublishedGroup],
    opened: OpenedBallots,
) -> None:
    """Stores the comments of each question by themselves, in random order.

    The group is kept only where it has enough answers for comments.
    """
    kept_group = {
        member: group.name if group.answered >= wave.minimum_detail else None
        for group in groups
        for member in group.members
    }
    for question in questionnaire.questions:
        rows = [
            _comment_row(wave, question.id, answers.texts[question.id], kept_group[group])
            for group, answers in _shuffled(opened.answers)
            if question.id in answers.texts
        ]
        if rows:
            db.session.execute(insert(CommentRow), rows)


def _comment_row(
    wave: Wave, question: QuestionId, text: str, group_name: str | None
) -> dict[str, object]:
    """An unread comment under a new random id."""
    return {
        "id": random_bytes(),
        "wave_id": wave.id,
        "question": question,
        "group_name": group_name,
        "text": text,
        "state": "unread",
    }


def forget_ballots(wave_id: WaveId) -> None:
    """Deletes a wave's ballots, counted or void."""
    with transaction() as session:
        session.execute(
            delete(BallotRow)
            .where(BallotRow.wave_id == wave_id)
            .execution_options(synchronize_session=False)
        )


def tally_responses(
    wave: Wave, questionnaire: Questionnaire, groups: Sequence[PublishedGroup], unreadable: int
) -> Tally:
    """The table of counts of a counted wave, from its stored responses."""
    rows = db.session.execute(
        select(ResponseRow.group_name, ResponseRow.scores).where(ResponseRow.wave_id == wave.id)
    ).all()
    strings_of: dict[str, list[str]] = {group.name: [] for group in groups}
    for group_name, scores in rows:
        if group_name in strings_of:
            strings_of[group_name].append(scores)
    scored = [question for question in questionnaire.questions if question.scale.codes]
    cells: dict[QuestionId, dict[str, CellCounts]] = {}
    for place, question in enumerate(scored):
        cells[question.id] = {
            group_name: rules.count_cell(strings, place, question.scale.codes)
            for group_name, strings in strings_of.items()
        }
    query = select(func.count()).select_from(CommentRow).where(CommentRow.wave_id == wave.id)
    comments = db.session.scalar(query) or 0
    return Tally(tuple(groups), cells, comments, unreadable)


def move_comments(thirds: Sequence[Wave], pool: Wave) -> int:
    """Gives the comments of the thirds of a quarter to the quarter; gives how many there are.

    Shuffled and under new ids, so that no month shows.
    """
    is_of_thirds = CommentRow.wave_id.in_([third.id for third in thirds])
    with transaction() as session:
        comments = session.execute(
            select(CommentRow.question, CommentRow.text).where(is_of_thirds)
        ).all()
        session.execute(
            delete(CommentRow).where(is_of_thirds).execution_options(synchronize_session=False)
        )
        rows = [
            _comment_row(pool, comment.question, comment.text, None)
            for comment in _shuffled(comments)
        ]
        if rows:
            session.execute(insert(CommentRow), rows)
    return len(rows)


def number_of_responses(wave: Wave) -> int:
    """How many answered a counted wave, or the thirds of a quarter together."""
    query = (
        select(func.count())
        .select_from(ResponseRow)
        .where(ResponseRow.wave_id.in_(_waves_of_responses(wave)))
    )
    return db.session.scalar(query) or 0


def comment_texts(wave: Wave, question: QuestionId) -> tuple[str, ...]:
    """The comments on one question in random order.

    None where fewer than the minimum answered, and none of a third.
    """
    if wave.is_third or number_of_responses(wave) < wave.minimum_detail:
        return ()
    query = select(CommentRow.text).where(
        CommentRow.wave_id == wave.id, CommentRow.question == question
    )
    return tuple(_shuffled(db.session.scalars(query).all()))


def score_strings(wave: Wave) -> list[str]:
    """All responses of a counted wave as score strings.

    In random order and without their groups; for the key drivers alone.
    """
    query = select(ResponseRow.scores).where(ResponseRow.wave_id.in_(_waves_of_responses(wave)))
    return _shuffled(db.session.scalars(query).all())


def _waves_of_responses(wave: Wave) -> list[WaveId]:
    """The waves whose responses are a wave's own: itself, or the thirds of a quarter."""
    return [third.id for third in waves.thirds_of(wave)] if wave.is_pool else [wave.id]


def _merge(wave: Wave, answers: Sequence[tuple[str, Answers]]) -> tuple[PublishedGroup, ...]:
    """The frozen groups of a wave, those with few answers merged.

    Merged groups are named after all their departments.
    """
    answered = Counter(group for group, _ in answers)
    departments_of = {group.name: group.members for group in wave.groups}
    sizes = [(group.name, group.invited, answered[group.name]) for group in wave.groups]
    published = []
    for merged in merge_small(sizes, wave.minimum_group):
        departments = sorted(name for member in merged.members for name in departments_of[member])
        name = merged.name if len(merged.members) == 1 else joined_group_name(departments)
        published.append(
            PublishedGroup(name, merged.members, merged.invited, merged.answers, tuple(departments))
        )
    return tuple(published)


def _shuffled(values: Sequence[T]) -> list[T]:
    return _SOURCE.sample(list(values), len(values))
