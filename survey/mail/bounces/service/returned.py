"""What becomes of a letter that comes back.

Of letters with confidential counts nothing is said: neither that one came back nor how many.
"""

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
from survey.mail.rules.letter import LetterId
from survey.mail.rules.states import LetterState
from survey.mail.smtp.rules.grants import NoToken
from survey.mail.smtp.service.tokens import token_source

STAYS = (
    "The bounce mailbox lets nothing be deleted, so what was read stays in it. Give its user the"
    " right to delete."
)
BETWEEN_READINGS = timedelta(minutes=10)


class NoticeOutcome(StrEnum):
    """What became of one message in the bounce mailbox."""

    NOTED = "noted"  # a letter came back
    UNCHANGED = "unchanged"  # about a letter of ours, but not final, or known already
    CONFIDENTIAL = "confidential"  # about a letter with confidential counts
    EARLY = "early"  # its letter is still being handed over: to be read again
    FOREIGN = "foreign"  # no notice, or about no letter of ours


@dataclass(slots=True)
class MailboxReading:
    """The counts of one reading of the bounce mailbox, and what went wrong.

    No number of letters with confidential counts, and no sum from which one could be worked out.
    """

    came_back: int = 0
    unchanged: int = 0
    foreign: int = 0
    problem: str = ""

    def add(self, outcome: NoticeOutcome) -> None:
        """Counts one message by its outcome; confidential and early ones are not counted."""
        self.came_back += outcome is NoticeOutcome.NOTED
        self.unchanged += outcome is NoticeOutcome.UNCHANGED
        self.foreign += outcome is NoticeOutcome.FOREIGN

    def lines(self) -> tuple[str, ...]:
        """The lines to print: the counts unless all are zero, then the problem if any."""
        numbers = {
            "came back": self.came_back,
            "changed nothing": self.unchanged,
            "not ours": self.foreign,
        }
        parts = [f"{number} {words}" for words, number in numbers.items() if number]
        bounces = f"bounces: {', '.join(parts)}" if parts else ""
        return tuple(filter(None, (bounces, self.problem)))


@dataclass(frozen=True, slots=True)
class MailboxState:
    """When the bounce mailbox was last looked at, and what kept it from being read, if so."""

    looked_at: datetime | None
    problem: str | None


def record_bounce(raw: bytes, config: Config) -> NoticeOutcome:
    """Reads one message; if it reports a final failure, marks its letter as `bounced`.

    Every other message changes nothing. `EARLY`: its letter is still being handed over, so the
    message is to be read again. For any other letter with confidential counts the outcome is
    `CONFIDENTIAL`, whether or not it came back.
    """
    notice = read_bounce_notice(raw, config.mail_from, config.bounce_address)
    if notice is None or not notice.marks:
        return NoticeOutcome.FOREIGN
    with transaction() as session:
        is_named = [OutboxRow.message_id.like(f"<{mark}@%") for mark in sorted(notice.marks)]
        query = select(OutboxRow.id, OutboxRow.kind, OutboxRow.state).where(or_(*is_named))
        rows = session.execute(query.with_for_update().limit(2)).all()
        if len(rows) > 1:  # nobody's: a notice is about one letter
            return NoticeOutcome.FOREIGN
        if not rows:  # of ours, it may be forgotten since its wave was counted
            return NoticeOutcome.UNCHANGED if notice.is_ours else NoticeOutcome.FOREIGN
        letter_id, letter_type, state = rows[0]
        if state == LetterState.SENDING.value:
            return NoticeOutcome.EARLY
        is_noted = bool(notice.code) and _store_bounce(letter_id, notice)
    if not has_public_counts(letter_type):
        return NoticeOutcome.CONFIDENTIAL
    return NoticeOutcome.NOTED if is_noted else NoticeOutcome.UNCHANGED


def read_bounces(config: Config, tokens: MailboxTokens | None = None) -> MailboxReading:
    """Reads the new mail in the bounce mailbox now and marks letters that came back.

    Failing to reach it gives a `problem`, no exception. Notices about letters of ours are deleted
    there, all other mail stays as it is.
    """
    _claim_reading(timedelta(0))
    return _read_mailbox(config, tokens)


def read_bounces_if_due(config: Config, tokens: MailboxTokens | None = None) -> MailboxReading:
    """Reads the bounce mailbox if nobody has for ten minutes; else gives an empty reading.

    Measured by the real clock, in all processes together. Does nothing when no mailbox is set.
    """
    if config.bounce_url and _claim_reading(BETWEEN_READINGS):
        return _read_mailbox(config, tokens)
    return MailboxReading()


def mailbox_state() -> MailboxState:
    """When the bounce mailbox was last looked at, and what kept it from being read, if so."""
    row = db.session.get(BounceBoxRow, 1, populate_existing=True)
    return MailboxState(row.looked_at, row.problem) if row else MailboxState(None, None)


def _read_mailbox(config: Config, tokens: MailboxTokens | None) -> MailboxReading:
    """Reads and records the new messages; stores why the mailbox cannot be read, if so.

    Stores None once it can be read again.
    """
    reading, problem = MailboxReading(), None
    try:
        tokens = tokens or _tokens(config)
        with Mailbox(config.bounce_url, config.mail_ca_file, tokens) as mailbox:
            _read_new(mailbox, config, reading)
    except (MailboxAway, NoToken) as error:
        problem = error.reason if isinstance(error, NoToken) else str(error)
        reading.problem = (
            f"The bounce mailbox was not read: {problem}. Letters go out all the same; it is tried"
            " again in ten minutes."
        )
    with transaction():
        _locked_row().problem = problem
    return reading


def _tokens(config: Config) -> MailboxTokens | None:
    """The tokens to sign in to the bounce mailbox; None where its address has a password.

    The same settings as for sending, in the name of the bounce mailbox. None also where none are
    set.
    """
    parts = urlsplit(config.bounce_url)
    return None if parts.password else token_source(config, unquote(parts.username or ""))


def _read_new(mailbox: Mailbox, config: Config, reading: MailboxReading) -> None:
    """Records the messages new since the last reading, deletes those about our letters.

    Adds the counts to `reading`, and stores how far the mailbox has been read: not beyond a message
    whose letter is still being handed over.
    """
    row = db.session.get(BounceBoxRow, 1, populate_existing=True)
    first = row.next_uid if row and row.mark == mailbox.mark else 1
    early: list[int] = []
    for messages in mailbox.new_from(first):
        done = []
        for message, outcome in _record_all(messages, config):
            reading.add(outcome)
            if outcome is NoticeOutcome.EARLY:
                early.append(message.uid)
            elif outcome is not NoticeOutcome.FOREIGN:
                done.append(message.uid)
        if not mailbox.delete(done):
            reading.problem = STAYS
        with transaction():
            row = _locked_row()
            row.mark = mailbox.mark
            row.next_uid = min([messages[-1].uid + 1, *early])


def _record_all(
    messages: Iterable[ArrivedMessage], config: Config
) -> list[tuple[ArrivedMessage, NoticeOutcome]]:
    """Records each message that may be a bounce; gives all of them with their outcomes."""
    outcomes = []
    for message in messages:
        if message.raw is None:
            outcomes.append((message, NoticeOutcome.FOREIGN))
        else:
            outcomes.append((message, record_bounce(message.raw, config)))
    return outcomes


def _store_bounce(letter_id: LetterId, notice: BounceNotice) -> bool:
    """Marks a sent letter as bounced, with code and reason; False when it is not `sent`."""
    query = update(OutboxRow).where(
        OutboxRow.id == letter_id, OutboxRow.state == LetterState.SENT.value
    )
    bounced = {
        "state": LetterState.BOUNCED.value,
        "bounced_at": now(),
        "last_code": notice.code,
        "last_reason": notice.reason,
    }
    return bool(connection().execute(query.values(**bounced)).rowcount == 1)


def _claim_reading(pause: timedelta) -> bool:
    """Whether this process is to read now; if so, stores that it looks at the mailbox.

    It is unless the mailbox was looked at within `pause`. The difference counts in both directions,
    because clocks differ a little or may be put back.
    """
    with transaction():
        # In this order: whoever waited for the row must not be earlier than who held it.
        row = _locked_row()
        claimed_at = now()
        is_due = row.looked_at is None or abs(claimed_at - row.looked_at) >= pause
        if is_due:
            row.looked_at = claimed_at
    return is_due


def _locked_row() -> BounceBoxRow:
    """The one row about the bounce mailbox, locked until the commit; created when missing."""
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
