"""Invitations: who is asked, under which group, with which code. Never what they answered."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from survey.database import connection, db, transaction
from survey.invitations.letters import PersonalSecrets
from survey.invitations.rules import codes as rules
from survey.invitations.rules.codes import Invitation
from survey.invitations.tables import InvitationRow, TokenRow
from survey.kernel.ids import random_id
from survey.mail import service as mail
from survey.mail.service import NotNow, erase_delivery_traces
from survey.people.rules.staff_list import Person
from survey.people.service.directory import find_person, list_people
from survey.people.service.stopping import (
    give_everybody_stop_secrets,
    reachable_at,
    store_stop_secrets,
)
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

INVITATION = "invitation"
FRESH = "fresh invitation"  # after an address was corrected
REMINDER = "reminder"
TO_STAFF = (INVITATION, FRESH, REMINDER)


def invite(wave: Wave, group_of: Mapping[str, str]) -> None:
    """Inside the opening transaction: one invitation for each of these people (by id), in their groups, and its letter."""
    rows = [
        {
            "id": random_id(),
            "wave_id": wave.id,
            "person_id": person_id,
            "group_name": group,
            "answered": 0,
        }
        for person_id, group in group_of.items()
    ]
    connection().execute(insert(InvitationRow), rows)
    mail.queue_letters(INVITATION, wave.slug, [str(row["id"]) for row in rows])


def find_invitation(invitation_id: str) -> Invitation | None:
    """The invitation with this id, if it is still there."""
    row = db.session.get(InvitationRow, invitation_id, populate_existing=True)
    return _invitation(row) if row else None


def invitations_by_id(invitation_ids: Sequence[str]) -> dict[str, Invitation]:
    """Those of these invitations that are still there."""
    columns = (
        InvitationRow.id,
        InvitationRow.wave_id,
        InvitationRow.person_id,
        InvitationRow.group_name,
        InvitationRow.answered,
    )
    found = db.session.execute(select(*columns).where(InvitationRow.id.in_(invitation_ids)))
    return {
        row.id: Invitation(row.id, row.wave_id, row.person_id, row.group_name, bool(row.answered))
        for row in found
    }


def invitations_of(wave_id: str) -> tuple[tuple[Invitation, Person], ...]:
    """Everybody invited to a wave who is still in the directory, by address."""
    rows = db.session.scalars(select(InvitationRow).where(InvitationRow.wave_id == wave_id)).all()
    pairs = [(_invitation(row), find_person(row.person_id)) for row in rows if row.person_id]
    return tuple(sorted(((i, p) for i, p in pairs if p), key=lambda pair: pair[1].email))


def invitation_for(code: str, wave_id: str) -> Invitation | None:
    """The invitation that this code belongs to in this wave; None for an unknown, spent or foreign one, and once the person has left.

    Writes nothing.
    """
    query = (
        select(InvitationRow)
        .join(TokenRow, TokenRow.invitation_id == InvitationRow.id)
        .where(
            TokenRow.hash == rules.code_hash(code),
            InvitationRow.wave_id == wave_id,
            InvitationRow.answered == 0,
        )
    )
    row = db.session.scalar(query)
    return _invitation(row) if row and row.person_id and find_person(row.person_id) else None


def store_code(invitation_id: str, code: str) -> None:
    """Keeps the hash of a code that is about to be handed over."""
    with transaction() as session:
        session.add(TokenRow(hash=rules.code_hash(code), invitation_id=invitation_id))
        session.flush()


def store_personal_secrets(
    wave_id: str, means: Mapping[str, PersonalSecrets]
) -> dict[str, PersonalSecrets]:
    """Before letters leave, in one commit: keeps the hashes of their codes and of their secrets for stopping.

    By invitation; gives those that are still due: none once the wave takes no answers, nor of whom has answered or left meanwhile.
    """
    with transaction():
        if waves.hold_for_letter(wave_id) is None:
            return {}
        wanted = {"invitations": sorted(means)}
        held = {
            row.id: row.person_id
            for row in connection().execute(_HOLD_ALL, wanted)
            if row.person_id and not row.answered
        }
        if held:
            codes = [
                {"hash": rules.code_hash(means[found].code), "invitation_id": found}
                for found in held
            ]
            connection().execute(insert(TokenRow), codes)
            store_stop_secrets(
                (person, secret)
                for found, person in held.items()
                for secret in means[found].ways_out
            )
    return {found: means[found] for found in held}


def is_letter_due(invitation_id: str, to: str, wave: Wave) -> bool:
    """Inside the commit before a letter leaves: whether it is still due.

    It is not when the person has answered, left, stopped survey mails, or got another address than `to` meanwhile. When the
    wave closes at another time than that of `wave`, which the letter prints, it is to be written anew: not now.
    """
    closes = waves.hold_for_letter(wave.id)
    if closes is None:
        return False
    if closes != wave.closes:
        raise NotNow
    held = (
        connection().execute(_HOLD, {"invitation": invitation_id}).first()
    )  # no correction meanwhile
    return bool(
        held and held.person_id and not held.answered and reachable_at(held.person_id) == to
    )


def use_up_invitation(invitation_id: str) -> bool:
    """Uses up an invitation, inside the transaction that stores its ballot; False when that was done already."""
    query = (
        update(InvitationRow)
        .where(InvitationRow.id == invitation_id, InvitationRow.answered == 0)
        .values(answered=1)
    )
    return connection().execute(query).rowcount == 1


def unanswered(wave_id: str) -> list[str]:
    """The invitations of a wave that have not been used, of people who are still in the directory. For reminding only."""
    query = (
        select(InvitationRow)
        .where(InvitationRow.wave_id == wave_id, InvitationRow.answered == 0)
        .order_by(InvitationRow.id)
    )
    known = {one.id for one in list_people()}
    return [row.id for row in db.session.scalars(query) if row.person_id in known]


def number_answered(wave_id: str) -> int:
    """How many invitations of a wave have been used. For counting only: pages print it in steps of the minimum group."""
    query = select(InvitationRow.id).where(
        InvitationRow.wave_id == wave_id, InvitationRow.answered == 1
    )
    return len(db.session.scalars(query).all())


def forget_answering(item: Wave, *, sum_up: bool = False) -> None:
    """Inside the counting transaction: no code, no mark of who answered or was reminded, and no row order that tells it.

    The rows are deleted and inserted again in the order of their ids, because an UPDATE leaves them lying in the
    order of answering on PostgreSQL. Totals of the reminders stay if `sum_up` says so: of a counted wave, never of a void one.
    """
    with transaction() as session:
        ours = select(InvitationRow.id).where(InvitationRow.wave_id == item.id)
        session.execute(
            delete(TokenRow)
            .where(TokenRow.invitation_id.in_(ours))
            .execution_options(synchronize_session=False)
        )
        columns = (
            InvitationRow.id,
            InvitationRow.wave_id,
            InvitationRow.person_id,
            InvitationRow.group_name,
        )
        found = session.execute(
            select(*columns).where(InvitationRow.wave_id == item.id).order_by(InvitationRow.id)
        ).all()
        session.execute(
            delete(InvitationRow)
            .where(InvitationRow.wave_id == item.id)
            .execution_options(synchronize_session=False)
        )
        if found:
            session.execute(
                insert(InvitationRow), [{**row._asdict(), "answered": 0} for row in found]
            )
        give_everybody_stop_secrets([row.person_id for row in found if row.person_id])
        mail.cancel_letters(item.slug)
        mail.forget_confidential_letters(item.slug, sum_up=sum_up)
        erase_delivery_traces(item.slug)
        # What comes later, findings say, is not what was meant to wait. Last, for it may lock the audit log.
        mail.resume_wave(item.slug, actor=mail.OF_ITSELF)


_HOLD = (
    select(InvitationRow.person_id, InvitationRow.answered)
    .where(InvitationRow.id == bindparam("invitation"))
    .with_for_update()
)
_HOLD_ALL = (
    select(InvitationRow.id, InvitationRow.person_id, InvitationRow.answered)
    .where(InvitationRow.id.in_(bindparam("invitations", expanding=True)))
    .order_by(InvitationRow.id)  # so that no two senders wait for each other
    .with_for_update()
)


def _invitation(row: InvitationRow) -> Invitation:
    return Invitation(row.id, row.wave_id, row.person_id, row.group_name, bool(row.answered))
