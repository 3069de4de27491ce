"""Stores and opens ballots, stores and counts responses. Nothing here knows who anybody is."""

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
    """The answers in a wave's opened ballots, each with its group; in memory only, shuffled.

    `ballots` is how many there were, with those that could not be opened.
    """

    ballots: int
    answers: tuple[tuple[str, Answers], ...]

    @property
    def unreadable(self) -> int:
        """How many ballots could not be opened with the key, or held no answers."""
        return self.ballots - len(self.answers)


def store_ballot(wave_id: WaveId, sealed: bytes, spare: bytes | None = None) -> None:
    """Stores one sealed ballot under a random id; `spare` is its copy for a second co-key.

    Inside the transaction that uses up its invitation.
    """
    row = {"id": random_bytes(), "wave_id": wave_id, "sealed": sealed, "spare": spare}
    db.session.execute(insert(BallotRow), [row])


def number_of_ballots(wave_id: WaveId) -> int:
    """How many ballots of a wave are stored, not counted yet."""
    query = select(func.count()).select_from(BallotRow).where(BallotRow.wave_id == wave_id)
    return db.session.scalar(query) or 0


def open_ballots(
    wave_id: WaveId, private_key: bytes, progress: Callable[[int, int], None] | None = None
) -> OpenedBallots:
    """Opens every stored ballot of a wave, in memory; one that fails is counted as unreadable.

    Stores and deletes nothing. `progress` hears how many of how many are opened.
    """
    sealed = db.session.scalars(select(BallotRow.sealed).where(BallotRow.wave_id == wave_id)).all()
    return open_given_ballots(wave_id, private_key, sealed, progress)


def list_sealed_ballots(wave_id: WaveId) -> tuple[tuple[bytes, ...], ...]:
    """The stored ballots for the representatives to open: one shuffled list for each of them.

    Every ballot as sealed to the first of them. If there is a second, also every ballot as sealed
    to the second; each list is shuffled by itself. Without ballots there is no list.
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
    """Opens these ballots of a wave, in memory; one that fails is counted as unreadable.

    Gives the answers shuffled. `progress` hears how many of how many are opened.
    """
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
    """Stores opened answers as responses and comments, deletes all ballots, and gives the tally.

    Merges groups to the minimum, shuffles, and stores responses and comments apart, so that nothing
    links them.
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
    """Stores the texts, question by question, in random order and apart from the scores.

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
    """The values of a new, unread comment with a random id; stores nothing."""
    return {
        "id": random_bytes(),
        "wave_id": wave.id,
        "question": question,
        "group_name": group_name,
        "text": text,
        "state": "unread",
    }


def forget_ballots(wave_id: WaveId) -> None:
    """Deletes all stored ballots of a wave that was counted or is void."""
    with transaction() as session:
        session.execute(
            delete(BallotRow)
            .where(BallotRow.wave_id == wave_id)
            .execution_options(synchronize_session=False)
        )


def tally_responses(
    wave: Wave, questionnaire: Questionnaire, groups: Sequence[PublishedGroup], unreadable: int
) -> Tally:
    """Counts a wave's stored responses: a cell per question and group; and how many comments.

    Responses of other groups than `groups` are left out; `unreadable` is passed on as given.
    """
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
    """Moves the comments of a quarter's thirds to the quarter; gives how many there are.

    Shuffled, without groups and under new ids, so that no month shows. Those of the thirds are
    deleted.
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
    """How many responses a counted wave has; for a quarter, its three thirds together."""
    query = (
        select(func.count())
        .select_from(ResponseRow)
        .where(ResponseRow.wave_id.in_(_waves_of_responses(wave)))
    )
    return db.session.scalar(query) or 0


def comment_texts(wave: Wave, question: QuestionId) -> tuple[str, ...]:
    """The comments on one question as written, in random order; empty if too few answered.

    Reviewed or not. Too few are fewer than the wave's minimum for details; empty for a third, too.
    """
    if wave.is_third or number_of_responses(wave) < wave.minimum_detail:
        return ()
    query = select(CommentRow.text).where(
        CommentRow.wave_id == wave.id, CommentRow.question == question
    )
    return tuple(_shuffled(db.session.scalars(query).all()))


def score_strings(wave: Wave) -> list[str]:
    """The score strings of all responses of a counted wave, in random order, without groups.

    For the key drivers alone. For a quarter, the responses of its thirds.
    """
    query = select(ResponseRow.scores).where(ResponseRow.wave_id.in_(_waves_of_responses(wave)))
    return _shuffled(db.session.scalars(query).all())


def _waves_of_responses(wave: Wave) -> list[WaveId]:
    """Ids of the waves that hold a wave's responses: its own, or of the thirds of a quarter."""
    return [third.id for third in waves.thirds_of(wave)] if wave.is_pool else [wave.id]


def _merge(wave: Wave, answers: Sequence[tuple[str, Answers]]) -> tuple[PublishedGroup, ...]:
    """The groups to publish: a wave's frozen groups, merged until each has enough answers.

    Enough is the wave's `minimum_group`. Merged groups are named after all their departments.
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
    """The values as a list in random order; the given sequence stays as it is."""
    return _SOURCE.sample(list(values), len(values))
