"""What becomes of a letter that comes back. Of kinds that are not told, nothing is said: neither that one came back nor how many."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from sqlalchemy import or_, select, text, update

from survey.config import Config
from survey.database import connection, db, transaction
from survey.kernel.clock import now
from survey.mail.bounces.rules import BounceNotice, read_bounce_notice
from survey.mail.bounces.service.mailbox import ArrivedMessage, Mailbox, MailboxAway, MailboxTokens
from survey.mail.bounces.tables import BounceBoxRow
from survey.mail.outbox.service.letter_types import has_public_counts
from survey.mail.outbox.tables import OutboxRow
from survey.mail.rules.states import LetterState
from survey.mail.smtp.rules.grants import NoToken
from survey.mail.smtp.service.tokens import token_source

STAYS = (
    "The bounce mailbox lets nothing be deleted, so what was read stays in it. Give its user the"
    " right to delete."
)
BETWEEN_READINGS = timedelta(minutes=10)


class NoticeOutcome(StrEnum):
    """What became of one message."""

    NOTED = "noted"  # a letter came back
    UNCHANGED = "unchanged"  # about a letter of ours, but final it is not, or known already
    QUIET = "quiet"  # about a letter of a kind that is not told
    EARLY = "early"  # its letter is still being handed over: to be read again
    FOREIGN = "foreign"  # no notice, or about no letter of ours


@dataclass(slots=True)
class MailboxReading:
    """What one reading came to; no number of a kind that is not told, and no sum from which one could be worked out."""

    came_back: int = 0
    unchanged: int = 0
    foreign: int = 0
    problem: str = ""

    def add(self, taken: NoticeOutcome) -> None:
        """Counts one message."""
        self.came_back += taken is NoticeOutcome.NOTED
        self.unchanged += taken is NoticeOutcome.UNCHANGED
        self.foreign += taken is NoticeOutcome.FOREIGN

    def lines(self) -> tuple[str, ...]:
        """One line if there is anything worth saying, one for what went wrong."""
        named = {
            "came back": self.came_back,
            "changed nothing": self.unchanged,
            "not ours": self.foreign,
        }
        parts = [f"{number} {words}" for words, number in named.items() if number]
        return tuple(
            line for line in (f"bounces: {', '.join(parts)}" if parts else "", self.problem) if line
        )


@dataclass(frozen=True, slots=True)
class MailboxState:
    """When the bounce mailbox was last looked at, and what kept it from being read, if so."""

    looked_at: datetime | None
    problem: str | None


def record_bounce(raw: bytes, config: Config) -> NoticeOutcome:
    """Takes one message: a letter whose final failure it tells becomes `bounced`; everything else changes nothing."""
    notice = read_bounce_notice(raw, config.mail_from, config.bounce_address)
    if notice is None or not notice.marks:
        return NoticeOutcome.FOREIGN
    with transaction() as session:
        wanted = or_(*(OutboxRow.message_id.like(f"<{mark}@%") for mark in sorted(notice.marks)))
        rows = session.execute(
            select(OutboxRow.id, OutboxRow.kind, OutboxRow.state)
            .where(wanted)
            .with_for_update()
            .limit(2)
        ).all()
        if (
            len(rows) != 1
        ):  # two: nobody's, for a notice is about one letter; none: it may be forgotten since its wave was counted
            return NoticeOutcome.FOREIGN if rows or not notice.is_ours else NoticeOutcome.UNCHANGED
        letter_id, kind, state = rows[0]
        if state == LetterState.SENDING.value:
            return NoticeOutcome.EARLY
        noted = bool(notice.code) and _note(letter_id, notice)
    if not has_public_counts(kind):
        return NoticeOutcome.QUIET
    return NoticeOutcome.NOTED if noted else NoticeOutcome.UNCHANGED


def read_bounces(config: Config, tokens: MailboxTokens | None = None) -> MailboxReading:
    """Reads what is new in the bounce mailbox; notices about letters of ours are deleted there, all other mail stays as it is."""
    _claim(timedelta(0))
    return _reading(config, tokens)


def read_bounces_if_due(config: Config, tokens: MailboxTokens | None = None) -> MailboxReading:
    """The same every ten minutes by the real clock, whoever asks first; nothing when no mailbox is set."""
    return (
        _reading(config, tokens)
        if config.bounce_url and _claim(BETWEEN_READINGS)
        else MailboxReading()
    )


def mailbox_state() -> MailboxState:
    """How the last reading went."""
    row = db.session.get(BounceBoxRow, 1, populate_existing=True)
    return MailboxState(row.looked_at, row.problem) if row else MailboxState(None, None)


def _reading(config: Config, tokens: MailboxTokens | None) -> MailboxReading:
    reading, problem = MailboxReading(), None
    try:
        with Mailbox(config.bounce_url, config.mail_ca_file, tokens or _tokens(config)) as box:
            _read(box, config, reading)
    except (MailboxAway, NoToken) as error:
        problem = error.reason if isinstance(error, NoToken) else str(error)
        reading.problem = (
            f"The bounce mailbox was not read: {problem}. Letters go out all the same; it is tried"
            " again in ten minutes."
        )
    with transaction():
        _box().problem = problem
    return reading


def _tokens(config: Config) -> MailboxTokens | None:
    """The same tokens as for sending, in the name of the bounce mailbox; none where its address holds a password."""
    parts = urlsplit(config.bounce_url)
    return None if parts.password else token_source(config, unquote(parts.username or ""))


def _read(box: Mailbox, config: Config, reading: MailboxReading) -> None:
    row = db.session.get(BounceBoxRow, 1, populate_existing=True)
    first = row.next_uid if row and row.mark == box.mark else 1
    early: list[int] = []
    for some in box.new_from(first):
        done = []
        for arrived, taken in _taken(some, config):
            reading.add(taken)
            if taken is NoticeOutcome.EARLY:
                early.append(arrived.uid)
            elif taken is not NoticeOutcome.FOREIGN:
                done.append(arrived.uid)
        if not box.delete(done):
            reading.problem = STAYS
        with transaction():
            kept = _box()
            kept.mark, kept.next_uid = box.mark, min([some[-1].uid + 1, *early])


def _taken(
    some: Iterable[ArrivedMessage], config: Config
) -> list[tuple[ArrivedMessage, NoticeOutcome]]:
    return [
        (one, NoticeOutcome.FOREIGN if one.raw is None else record_bounce(one.raw, config))
        for one in some
    ]


def _note(letter_id: str, notice: BounceNotice) -> bool:
    query = update(OutboxRow).where(
        OutboxRow.id == letter_id, OutboxRow.state == LetterState.SENT.value
    )
    facts = {
        "state": LetterState.BOUNCED.value,
        "bounced_at": now(),
        "last_code": notice.code,
        "last_reason": notice.reason,
    }
    return bool(connection().execute(query.values(**facts)).rowcount == 1)


def _claim(pause: timedelta) -> bool:
    """Whether this process is to read now: nobody has within this time, by clocks that differ a little or were put back."""
    with transaction():
        row, moment = (
            _box(),
            now(),
        )  # in this order: whoever waited for the row must not be earlier than who held it
        due = row.looked_at is None or abs(moment - row.looked_at) >= pause
        if due:
            row.looked_at = moment
    return due


def _box() -> BounceBoxRow:
    """Our one row, locked."""
    row = db.session.get(BounceBoxRow, 1, with_for_update=True, populate_existing=True)
    if row is None:
        db.session.execute(
            text(
                "INSERT INTO bounce_box (number, mark, next_uid) VALUES (1, '', 1) ON CONFLICT DO"
                " NOTHING"
            )
        )
        row = db.session.get(BounceBoxRow, 1, with_for_update=True, populate_existing=True)
    assert row
    return row
