"""The notice to an address that was replaced in the staff directory.

It goes to the old address, whoever made the change and whether or not a wave is open, and no page
takes it back. The old address is kept until its letter has left, and no longer than 30 days.
"""

from datetime import timedelta

from sqlalchemy import delete, select

from survey.config import Config
from survey.database import db, transaction
from survey.invitations.letters import address_notice
from survey.invitations.tables import AddressNoticeRow
from survey.kernel.clock import now
from survey.kernel.ids import random_id
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.mail.service import LetterType, PreparedLetter, QueuedLetter
from survey.people.rules.staff_list import Person, PersonId
from survey.people.service.directory import find_person

NOTICE = "address notice"
STAFF_LIST = "staff list"  # in place of a wave, whose mail somebody could pause or take back
PRIORITY = 20  # before every letter to the new address
_KEPT = timedelta(days=30)


def queue_address_notice(person: Person, old: str) -> None:
    """Queues the notice to `old`, which the directory does not have for this person any more.

    Inside the transaction that changes the address.
    """
    notice = AddressNoticeRow(
        id=random_id(),
        person_id=person.id,
        address=old,
        language=person.language,
        queued_at=now(),
    )
    with transaction() as session:
        session.add(notice)
        session.flush()
        mail.queue_letters(NOTICE, STAFF_LIST, [Recipient(notice.id)])


def address_notice_letter_type(_config: Config) -> LetterType:
    """The letter type of the notice to an old address: retried when its outcome is unknown."""

    def write(letter: QueuedLetter) -> PreparedLetter | None:
        """Writes one notice; None when its address is not kept any more."""
        row = db.session.get(AddressNoticeRow, letter.recipient, populate_existing=True)
        if row is None or row.queued_at < now() - _KEPT:
            return None
        person = find_person(row.person_id)
        to_name = person.name if person else ""
        return PreparedLetter(address_notice(to_name, row.address, row.language), lambda: True)

    return LetterType(NOTICE, PRIORITY, is_sent_again=True, write=write)


def forget_sent_notices() -> None:
    """Deletes the old addresses of notices that do not wait any more, or wait for over 30 days."""
    rows = db.session.execute(select(AddressNoticeRow.id, AddressNoticeRow.queued_at)).all()
    if not rows:
        return
    waiting, oldest = mail.recipients_waited_for(NOTICE), now() - _KEPT
    done = [row.id for row in rows if row.id not in waiting or row.queued_at < oldest]
    with transaction() as session:
        for notice_id in done:
            session.execute(delete(AddressNoticeRow).where(AddressNoticeRow.id == notice_id))


def forget_notices_about(person_id: PersonId) -> None:
    """Deletes the old addresses of somebody who is erased; what waits for them does not leave."""
    with transaction() as session:
        session.execute(
            delete(AddressNoticeRow)
            .where(AddressNoticeRow.person_id == person_id)
            .execution_options(synchronize_session=False)
        )
