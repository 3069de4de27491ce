"""What may be done about one person's data: correct the address, print everything, erase it. Never what they answered."""

from sqlalchemy import delete, select, update

from survey.access.service.audit import record
from survey.database import db, overwrite_deleted_rows, transaction
from survey.invitations.service.invitations import FRESH, INVITATION, REMINDER
from survey.invitations.service.thirds import assigned_thirds
from survey.invitations.tables import AssignedThirdRow, InvitationRow, TokenRow
from survey.mail import service as mail
from survey.mail.rules.states import LetterState
from survey.mail.service import public_staff_types, public_states, supersede_letter
from survey.people.rules.staff_list import Person
from survey.people.service import directory as people
from survey.people.service.stopping import has_stopped
from survey.waves import service as waves
from survey.waves.rules.waves import WaveState

COMMAND_LINE = "command line"
_SCRUBBED = ("person", "stop", "stop_code", "invitation", "token", "assigned_third", "outbox")


def correct_invited_address(old: str, new: str, *, actor: str = COMMAND_LINE) -> Person:
    """Gives somebody another address: the codes sent so far end, and a fresh invitation is queued in each open wave.

    It leaves only if the person has not answered, and nothing shows the difference: the same rows are written for
    everybody, and the numbers of fresh invitations are told nowhere.
    """
    with transaction() as session:
        before = people.person_at(old)
        held = session.scalars(
            select(InvitationRow).where(InvitationRow.person_id == before.id).with_for_update()
        ).all()
        after = people.correct_address(old, new, actor=actor)
        if after.email == before.email:
            return after
        _end_codes(before)
        for row in held:
            item = waves.find_wave_by_id(row.wave_id)
            if item.state is WaveState.OPEN:
                supersede_letter(INVITATION, row.id)
                mail.cancel_letters(
                    item.slug, REMINDER, row.id
                )  # the fresh invitation takes its place
                if (
                    public_states([row.id], INVITATION).get(row.id) != LetterState.CANCELLED
                ):  # what was cancelled by hand stays so
                    mail.queue_another_letter(
                        FRESH, item.slug, row.id, unless_waiting=(INVITATION, FRESH)
                    )
    return after


def export_personal_data(email: str, *, actor: str = COMMAND_LINE) -> dict[str, object]:
    """Everything that is stored about one person; not whether they have answered, for that is nobody's to read."""
    person = people.person_at(email)
    rows = db.session.scalars(
        select(InvitationRow).where(InvitationRow.person_id == person.id)
    ).all()
    ids, thirds = [row.id for row in rows], assigned_thirds(person.id)
    letters = {kind: public_states(ids, kind) for kind in public_staff_types()}
    invitations: list[dict[str, str | None]] = [
        {
            "wave": waves.find_wave_by_id(row.wave_id).slug,
            "group": row.group_name,
            INVITATION: None,
            **{kind: states[row.id] for kind, states in letters.items() if row.id in states},
        }
        for row in rows
    ]
    record("person exported", {}, actor)
    directory = {
        name: getattr(person, name)
        for name in ("email", "name", "department", "site", "language", "leader")
    }
    return {
        "person": directory,
        "invitations": sorted(invitations, key=lambda one: str(one["wave"])),
        "thirds": {
            survey.slug: thirds[survey.id] for survey in waves.list_surveys() if survey.id in thirds
        },
        "survey_mails_stopped": has_stopped(person.id),
    }


def erase_personal_data(email: str, *, actor: str = COMMAND_LINE) -> None:
    """Erases everything that leads to a person; of an invitation the bare row with its group stays, so that counts still add up.

    What was answered is not touched, for nothing links to it.
    """
    with transaction() as session:
        gone = people.person_at(email)
        held = session.scalars(
            select(InvitationRow.id).where(InvitationRow.person_id == gone.id).with_for_update()
        ).all()
        _end_codes(gone)
        mail.erase_recipients(held)
        theirs = (
            update(InvitationRow)
            .where(InvitationRow.person_id == gone.id)
            .execution_options(synchronize_session=False)
        )
        session.execute(theirs.values(person_id=None))
        session.execute(
            delete(AssignedThirdRow)
            .where(AssignedThirdRow.person_id == gone.id)
            .execution_options(synchronize_session=False)
        )
        people.erase_person(gone, actor=actor)
    overwrite_deleted_rows(*_SCRUBBED)


def _end_codes(person: Person) -> None:
    theirs = select(InvitationRow.id).where(InvitationRow.person_id == person.id)
    db.session.execute(
        delete(TokenRow)
        .where(TokenRow.invitation_id.in_(theirs))
        .execution_options(synchronize_session=False)
    )
