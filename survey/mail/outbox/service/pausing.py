"""Whether mail goes out, all of it or that of one wave: paused, away for a while, slowed down.

Every pause and every resumption goes through this file, so that the audit log has it.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from survey.access.service.audit import record
from survey.database import connection, db, transaction
from survey.kernel import clock
from survey.mail.outbox.rules import pace
from survey.mail.outbox.tables import MailBudgetRow, MailChannelRow, MailPauseRow, OutboxRow
from survey.mail.rules.states import LetterState
from survey.mail.rules.wording import BY_HAND

FIRST_ABSENCE, LONGEST_ABSENCE = 30, 900  # seconds until a server that is away is tried again
_MOST_AWAY_TIMES = 10
OF_ITSELF = "mail"  # who pauses or resumes where nobody does it by hand


def pause_sending(reason: str = BY_HAND, *, actor: str | None = None) -> None:
    """Pauses all mail until somebody resumes it; a letter being handed over runs its course.

    A pause by hand overwrites no other reason, for that says what to mend. Only the first pause is
    audited.
    """
    with transaction():
        channel = channel_row()
        earlier_reason = channel.paused_because
        if earlier_reason is not None and reason == BY_HAND:
            return
        channel.paused_because, channel.paused_at = reason, clock.now()
        _release_all(None)
        if earlier_reason is None:
            record("mail paused", {"reason": reason}, actor)


def resume_sending(*, actor: str | None = None) -> None:
    """Lets letters go out again; harmless when nothing is paused."""
    with transaction():
        channel = channel_row()
        earlier_reason = channel.paused_because
        channel.paused_because = channel.paused_at = channel.away_until = None
        channel.away_times = 0
        if earlier_reason is not None:
            record("mail resumed", {"was paused because": earlier_reason}, actor)


def pause_wave(wave: str, reason: str = BY_HAND, *, actor: str | None = None) -> None:
    """Pauses the mail of one wave until somebody resumes it; harmless when repeated.

    The dates of the wave do not move.
    """
    with transaction():
        channel_row()  # locks it: nothing is claimed meanwhile
        row = {"wave": wave, "reason": reason, "at": clock.now()}
        insert = upsert(MailPauseRow).values(**row).on_conflict_do_nothing()
        is_first = connection().scalar(insert.returning(MailPauseRow.wave)) is not None
        _release_all(wave)
        if is_first:
            record("mail of a wave paused", {"wave": wave, "reason": reason}, actor)


def resume_wave(wave: str, *, actor: str | None = None) -> None:
    """Lets the letters of this wave go out again; harmless when they were not paused."""
    with transaction():
        resumed = connection().execute(delete(MailPauseRow).where(MailPauseRow.wave == wave))
        if resumed.rowcount:
            record("mail of a wave resumed", {"wave": wave}, actor)


def paused_waves() -> dict[str, tuple[str, datetime]]:
    """The waves whose mail is paused: why, and since when."""
    rows = db.session.scalars(select(MailPauseRow).order_by(MailPauseRow.wave))
    return {row.wave: (row.reason, row.at) for row in rows}


def channel_pause() -> tuple[str, datetime] | None:
    """Why nothing goes out at all, and since when; None while it does."""
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    if row and row.paused_because and row.paused_at:
        return row.paused_because, row.paused_at
    return None


def slow_down() -> None:
    """Halves the pace, inside a transaction: the server asked for fewer letters."""
    channel, now = channel_row(), clock.now()
    share = pace.recovered_share(channel.share, channel.slowed_at, now)
    channel.share = pace.slowed_share(share)
    channel.slowed_at = now


def note_server_away(*, reached_before: bool) -> None:
    """Notes, inside a transaction, that the server is not there, and when to try it again.

    The next try follows after 30 s, then after twice as long each time, at most 15 minutes.
    """
    row = channel_row()
    row.away_times = 1 if reached_before else min(row.away_times + 1, _MOST_AWAY_TIMES)
    absence = min(FIRST_ABSENCE * 2 ** (row.away_times - 1), LONGEST_ABSENCE)
    row.away_until = clock.now() + timedelta(seconds=absence)


def channel_row() -> MailChannelRow:
    """The one row that all senders share, inside a transaction: locked until the commit."""
    row = _locked_channel()
    if row is None:
        first = upsert(MailChannelRow).values(number=1, away_times=0, share=1.0)
        connection().execute(first.on_conflict_do_nothing())  # another process may be as fast
        row = _locked_channel()
    assert row
    return row


def upsert(
    table: type[MailChannelRow | OutboxRow | MailPauseRow | MailBudgetRow],
) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the dialect in use, for `on_conflict_...`."""
    if db.session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _release_all(wave: str | None) -> None:
    """Lets what was claimed but not begun wait again: its holder finds the lease gone."""
    query = update(OutboxRow).where(OutboxRow.state == LetterState.LEASED.value)
    if wave is not None:
        query = query.where(OutboxRow.wave == wave)
    connection().execute(
        query.values(state=LetterState.READY.value, lease_token=None, lease_until=None)
    )


def _locked_channel() -> MailChannelRow | None:
    return db.session.get(MailChannelRow, 1, with_for_update=True, populate_existing=True)
