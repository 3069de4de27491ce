"""One person's data: corrects the address, exports everything, erases it.

Never what they answered.
"""

from sqlalchemy import delete, select, update

from survey.access.service.audit import record
from survey.database import db, overwrite_deleted_rows, transaction
from survey.invitations.service.invitations import FRESH, INVITATION, REMINDER
from survey.invitations.service.thirds import assigned_thirds
from survey.invitations.tables import AssignedThirdRow, InvitationRow, TokenRow
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.mail.rules.states import LetterState
from survey.mail.service import public_staff_types, public_states, supersede_letter
from survey.people.rules.staff_list import Person
from survey.people.service import directory as people
from survey.people.service.stopping import has_stopped
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

COMMAND_LINE = "command line"
_SCRUBBED = ("person", "stop", "stop_code", "invitation", "token", "assigned_third", "outbox")


def correct_invited_address(old: str, new: str, *, actor: str = COMMAND_LINE) -> Person:
    """Changes somebody's address, ends their codes and queues new invitations to their open waves.

    Refuses an unknown old address, and a new one that is malformed or somebody else's; the same one
    changes nothing. Audited. The fresh invitation leaves only if the person has not answered, and
    nothing shows the difference: the same rows are written for everybody, and the numbers of fresh
    invitations are confidential.
    """
    with transaction() as session:
        before = people.person_at(old)
        invitations = session.scalars(
            select(InvitationRow).where(InvitationRow.person_id == before.id).with_for_update()
        ).all()
        after = people.correct_address(old, new, actor=actor)
        if after.email == before.email:
            return after
        _end_codes(before)
        for invitation in invitations:
            wave = waves.find_wave_by_id(invitation.wave_id)
            if wave.state is WaveState.OPEN:
                _invite_afresh(wave, Recipient(invitation.id))
    return after


def _invite_afresh(wave: Wave, recipient: Recipient) -> None:
    """Queues a fresh invitation; cancels a failed first one and reminders that still wait.

    None is queued where an invitation still waits, or where it was cancelled by hand.
    """
    supersede_letter(INVITATION, recipient)
    mail.cancel_letters(wave.slug, REMINDER, recipient)
    state = public_states([recipient], INVITATION).get(recipient)
    if state != LetterState.CANCELLED:  # what was cancelled by hand stays so
        mail.queue_another_letter(FRESH, wave.slug, recipient, unless_waiting=(INVITATION, FRESH))


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
    }


def erase_personal_data(email: str, *, actor: str = COMMAND_LINE) -> None:
    """Erases somebody's directory row, codes, third and mail wish; unlinks invitations and letters.

    Refuses an unknown address, and while a long import of a staff list is under way. Audited
    without a name; the deleted rows are overwritten on the disk. Of an invitation the bare row with
    its group stays, so that counts still add up. What was answered is not touched, for nothing
    links to it.
    """
    with transaction() as session:
        person = people.person_at(email)
        invitation_ids = session.scalars(
            select(InvitationRow.id).where(InvitationRow.person_id == person.id).with_for_update()
        ).all()
        _end_codes(person)
        mail.erase_recipients([Recipient(invitation_id) for invitation_id in invitation_ids])
        session.execute(
            update(InvitationRow)
            .where(InvitationRow.person_id == person.id)
            .values(person_id=None)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            delete(AssignedThirdRow)
            .where(AssignedThirdRow.person_id == person.id)
            .execution_options(synchronize_session=False)
        )
        people.erase_person(person, actor=actor)
    overwrite_deleted_rows(*_SCRUBBED)


def _end_codes(person: Person) -> None:
    """Deletes all codes of a person, so that none of their letters opens the questions any more."""
    their_ids = select(InvitationRow.id).where(InvitationRow.person_id == person.id)
    db.session.execute(
        delete(TokenRow)
        .where(TokenRow.invitation_id.in_(their_ids))
        .execution_options(synchronize_session=False)
    )
