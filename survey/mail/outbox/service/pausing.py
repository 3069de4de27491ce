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
    """Pauses all mail until somebody resumes it, and audits the first pause.

    A letter being handed over runs its course; claimed ones wait again. A pause by hand overwrites
    no other reason, for that says what to mend.
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
    """Ends the pause and the absence of the server; audits it only if there was a pause.

    Harmless when nothing is paused.
    """
    with transaction():
        channel = channel_row()
        earlier_reason = channel.paused_because
        channel.paused_because = channel.paused_at = channel.away_until = None
        channel.away_times = 0
        if earlier_reason is not None:
            record("mail resumed", {"was paused because": earlier_reason}, actor)


def pause_wave(wave: str, reason: str = BY_HAND, *, actor: str | None = None) -> None:
    """Pauses the mail of one wave until somebody resumes it; audits only the first pause.

    Harmless when repeated. Claimed letters wait again. The dates of the wave do not move.
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
    """Ends the pause of one wave's mail; audits it if there was one, else does nothing."""
    with transaction():
        resumed = connection().execute(delete(MailPauseRow).where(MailPauseRow.wave == wave))
        if resumed.rowcount:
            record("mail of a wave resumed", {"wave": wave}, actor)


def paused_waves() -> dict[str, tuple[str, datetime]]:
    """The waves whose mail is paused, each with the reason and the time."""
    rows = db.session.scalars(select(MailPauseRow).order_by(MailPauseRow.wave))
    return {row.wave: (row.reason, row.at) for row in rows}


def channel_pause() -> tuple[str, datetime] | None:
    """Why all sending is paused, and since when; None when it is not."""
    row = db.session.get(MailChannelRow, 1, populate_existing=True)
    if row and row.paused_because and row.paused_at:
        return row.paused_because, row.paused_at
    return None


def slow_down() -> None:
    """Halves the pace of sending, inside a transaction: the server asked for fewer letters."""
    channel, now = channel_row(), clock.now()
    share = pace.recovered_share(channel.share, channel.slowed_at, now)
    channel.share = pace.slowed_share(share)
    channel.slowed_at = now


def note_server_away(*, reached_before: bool) -> None:
    """Stores, inside a transaction, until when the server is away: longer each time in a row.

    The next try follows after 30 s, then after twice as long each time, at most 15 minutes.
    """
    row = channel_row()
    row.away_times = 1 if reached_before else min(row.away_times + 1, _MOST_AWAY_TIMES)
    absence = min(FIRST_ABSENCE * 2 ** (row.away_times - 1), LONGEST_ABSENCE)
    row.away_until = clock.now() + timedelta(seconds=absence)


def channel_row() -> MailChannelRow:
    """The row that all senders share, in a transaction: locked until its end, made if missing."""
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
    """An INSERT into this table, in the database's dialect, which offers `on_conflict_...`."""
    if db.session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _release_all(wave: str | None) -> None:
    """Makes leased letters `ready` again, of one wave or all: their holder loses the lease.

    Letters that are being sent are left alone.
    """
    query = update(OutboxRow).where(OutboxRow.state == LetterState.LEASED.value)
    if wave is not None:
        query = query.where(OutboxRow.wave == wave)
    connection().execute(
        query.values(state=LetterState.READY.value, lease_token=None, lease_until=None)
    )


def _locked_channel() -> MailChannelRow | None:
    """The shared row, locked until the commit; None when there is none yet."""
    return db.session.get(MailChannelRow, 1, with_for_update=True, populate_existing=True)
