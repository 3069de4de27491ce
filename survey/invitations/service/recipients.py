"""Writing to everybody who was invited to a wave, whether they answered or not."""

from collections.abc import Sequence

from sqlalchemy import select

from survey.database import db, transaction
from survey.invitations.service.invitations import find_invitation
from survey.invitations.tables import InvitationRow
from survey.kernel.errors import Refused
from survey.people.rules.staff_list import Person
from survey.people.service.directory import find_person, list_people, people_in
from survey.people.service.stopping import has_stopped, store_stop_secrets
from survey.waves import service as waves
from survey.waves.rules.waves import Wave


def invitations_to_waves(*wave_ids: str) -> tuple[str, ...]:
    """The invitations to these waves, used or not, of people who are still in the directory: one for each person."""
    known = {one.id for one in list_people()}
    query = (
        select(InvitationRow.person_id, InvitationRow.id)
        .where(InvitationRow.wave_id.in_(wave_ids))
        .order_by(InvitationRow.id)
    )
    found = {
        person_id: invitation_id
        for person_id, invitation_id in db.session.execute(query)
        if person_id in known
    }
    return tuple(sorted(found.values()))


def warn_of_people_asked_twice(item: Wave) -> tuple[str, ...]:
    """A warning for each wave about another provider that asks some of the same people within 30 days of this one."""
    return waves.warn_of_overlapping_waves(item, _meant_by)


def reader_of(invitation_id: str) -> Person | None:
    """Whom a letter to this invitation reaches; None once they have left the directory or stopped survey mails."""
    found = find_invitation(invitation_id)
    reader = find_person(found.person_id) if found and found.person_id else None
    return None if reader is None or has_stopped(reader.id) else reader


def store_stop_secrets_if_due(invitation_id: str, to: str, stop_secrets: Sequence[str]) -> bool:
    """Inside the commit before a letter leaves: keeps the hashes of its secrets for stopping, if it is still due.

    It is not when the person has left, stopped survey mails, or got another address than `to` meanwhile.
    """
    with transaction() as session:
        session.get(
            InvitationRow, invitation_id, populate_existing=True, with_for_update=True
        )  # no correction meanwhile
        reader = reader_of(invitation_id)
        if reader is None or reader.email != to:
            return False
        store_stop_secrets([(reader.id, secret) for secret in stop_secrets])
    return True


def _meant_by(audience: str) -> frozenset[str]:
    try:
        return frozenset(one.id for one in people_in(audience))
    except Refused:  # a department that is gone, or is yet to come
        return frozenset()
