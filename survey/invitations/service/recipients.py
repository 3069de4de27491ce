"""Writing to everybody who was invited to a wave, whether they answered or not."""

from collections.abc import Sequence

from sqlalchemy import select

from survey.database import db, transaction
from survey.invitations.rules.codes import InvitationId
from survey.invitations.service.invitations import find_invitation
from survey.invitations.tables import InvitationRow
from survey.kernel.errors import Refused
from survey.people.rules.staff_list import Person, PersonId
from survey.people.service.directory import find_person, list_people, people_in
from survey.people.service.stopping import has_stopped, store_stop_secrets
from survey.waves import service as waves
from survey.waves.rules.ids import WaveId, WaveSlug
from survey.waves.rules.waves import Wave


def invitations_to_waves(*wave_ids: WaveId) -> tuple[InvitationId, ...]:
    """Ids of invitations to these waves, used or not: one for each person in the directory."""
    in_directory = {person.id for person in list_people()}
    query = (
        select(InvitationRow.person_id, InvitationRow.id)
        .where(InvitationRow.wave_id.in_(wave_ids))
        .order_by(InvitationRow.id)
    )
    invitation_of = {
        person_id: invitation_id
        for person_id, invitation_id in db.session.execute(query)
        if person_id in in_directory
    }
    return tuple(sorted(invitation_of.values()))


def open_wave_slugs() -> tuple[WaveSlug, ...]:
    """The slugs of the open waves, oldest first."""
    return tuple(wave.slug for wave in waves.open_waves())


def warn_of_people_asked_twice(wave: Wave) -> tuple[str, ...]:
    """Warnings on waves about other providers, within 30 days, that ask some of the same people.

    A sentence for each such wave; empty when there is none. Refuses nothing.
    """
    return waves.warn_of_overlapping_waves(wave, _people_meant_by)


def reader_of(invitation_id: InvitationId) -> Person | None:
    """Whom a letter to this invitation goes to; None once they left or stopped survey mails."""
    invitation = find_invitation(invitation_id)
    if invitation is None or invitation.person_id is None:
        return None
    reader = find_person(invitation.person_id)
    return None if reader is None or has_stopped(reader.id) else reader


def store_stop_secrets_if_due(
    invitation_id: InvitationId, to: str, stop_secrets: Sequence[str]
) -> bool:
    """Stores the hashes of a letter's stop secrets if the letter is still due; gives whether it is.

    Inside the commit before the letter leaves. It is not due when the person has left, stopped
    survey mails, or got another address than `to` meanwhile.
    """
    with transaction() as session:
        # Held, so that the address is not corrected meanwhile.
        session.get(InvitationRow, invitation_id, populate_existing=True, with_for_update=True)
        reader = reader_of(invitation_id)
        if reader is None or reader.email != to:
            return False
        store_stop_secrets([(reader.id, secret) for secret in stop_secrets])
    return True


def _people_meant_by(audience: str) -> frozenset[PersonId]:
    """Ids of the people that an audience label means; empty if it names an unknown department."""
    try:
        return frozenset(person.id for person in people_in(audience))
    except Refused:  # a department that is gone, or is yet to come
        return frozenset()
