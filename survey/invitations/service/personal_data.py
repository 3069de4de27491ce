"""One person's data: exports everything, erases it.

Never what they answered.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select, update

from survey.access.service.audit import record
from survey.database import db, overwrite_deleted_rows, transaction
from survey.invitations.rules.codes import InvitationId
from survey.invitations.service.invitations import INVITATION
from survey.invitations.service.notices import forget_notices_about
from survey.invitations.service.rights import forget_who_left, lay_down_rights
from survey.invitations.service.thirds import assigned_thirds, forget_thirds
from survey.invitations.tables import (
    AddressProposalRow,
    InvitationRow,
    TokenRow,
)
from survey.kernel.addresses import tidy_address
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.mail.service import public_staff_types, public_states
from survey.people.rules.staff_list import Person, trace_of_person
from survey.people.service import directory as people
from survey.people.service.stopping import has_stopped
from survey.waves import service as waves

COMMAND_LINE = "command line"
_SCRUBBED = (
    "person",
    "stop",
    "stop_code",
    "invitation",
    "token",
    "assigned_third",
    "address_notice",
    "address_proposal",
    "outbox",
)


def export_personal_data(email: str, *, actor: str = COMMAND_LINE) -> dict[str, object]:
    """Everything that is stored about one person, ready for JSON; refuses an unknown address.

    Audited without a name. Not whether they have answered, for nobody may read that.
    """
    person = people.person_at(email)
    rows = db.session.scalars(
        select(InvitationRow).where(InvitationRow.person_id == person.id)
    ).all()
    recipients = [Recipient(row.id) for row in rows]
    states = {kind: public_states(recipients, kind) for kind in public_staff_types()}
    invitations: list[dict[str, str | None]] = []
    for row in rows:
        letters = {
            kind: state
            for kind, state_of in states.items()
            if (state := state_of.get(Recipient(row.id))) is not None
        }
        invitations.append(
            {
                "wave": waves.find_wave_by_id(row.wave_id).slug,
                "group": row.group_name,
                "sent_to": row.sent_to,
                INVITATION: None,
                **letters,
            }
        )
    invitations.sort(key=lambda invitation: str(invitation["wave"]))
    thirds = assigned_thirds(person.id)
    record("person exported", {}, actor)
    return {
        "person": {
            "email": person.email,
            "name": person.name,
            "department": person.department,
            "site": person.site,
            "language": person.language,
            "leader": person.leader,
        },
        "invitations": invitations,
        "thirds": {
            survey.slug: thirds[survey.id] for survey in waves.list_surveys() if survey.id in thirds
        },
        "survey_mails_stopped": has_stopped(person.id),
        "proposed_address": _proposed_address(person),
    }


def _proposed_address(person: Person) -> str | None:
    """The new address that waits for a second manager; None where none does."""
    query = select(AddressProposalRow.address).where(AddressProposalRow.person_id == person.id)
    proposed: str | None = db.session.scalar(query)
    return proposed


def erase_personal_data(email: str, *, actor: str = COMMAND_LINE) -> None:
    """Erases somebody's directory row, third and mail wish; unlinks invitations and letters.

    Also of somebody who has left while a wave was open. Refuses an address that nobody has or had,
    and while a long import of a staff list is under way. Audited without a name; the deleted rows
    are overwritten on the disk. Of an invitation the bare row with its group stays, so that counts
    still add up; of one to an open wave also the hashes of its codes and a keyed hash of the
    address, until the count, so that somebody who comes back has the one right to answer that they
    had. What was answered is not touched, for nothing links to it.
    """
    with transaction():
        is_here = people.people_at([tidy_address(email)])
        gone = () if is_here else forget_who_left(email)
        if gone:
            for person_id in gone:
                forget_notices_about(person_id)
                record("person erased", {"trace": trace_of_person(person_id)}, actor)
        else:
            _erase_person_at(email, actor)
    overwrite_deleted_rows(*_SCRUBBED)


def _erase_person_at(email: str, actor: str) -> None:
    """Erases somebody who is in the directory; refuses (not found) who is not."""
    with transaction() as session:
        person = people.hold_person_at(email)
        lay_down_rights([person])
        rows = session.scalars(
            select(InvitationRow)
            .where(InvitationRow.person_id == person.id)
            .order_by(InvitationRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        ended = [row.id for row in rows if row.left_as_hash is None]
        _end_codes(ended)
        mail.erase_recipients([Recipient(invitation_id) for invitation_id in ended])
        session.execute(
            update(InvitationRow)
            .where(InvitationRow.person_id == person.id)
            .values(person_id=None, sent_to=None)
            .execution_options(synchronize_session=False)
        )
        forget_thirds([person.id])
        forget_notices_about(person.id)
        people.erase_person(person, actor=actor)


def _end_codes(invitation_ids: Sequence[InvitationId]) -> None:
    """Deletes all codes of these invitations, so that none of their letters opens anything."""
    db.session.execute(
        delete(TokenRow)
        .where(TokenRow.invitation_id.in_(invitation_ids))
        .execution_options(synchronize_session=False)
    )
