"""Invitations: who is asked, under which group, with which code. Never what they answered."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from survey.database import connection, db, transaction
from survey.invitations.letters import PersonalSecrets
from survey.invitations.rules import codes as rules
from survey.invitations.rules.codes import Invitation, InvitationId
from survey.invitations.tables import InvitationRow, TokenRow
from survey.kernel.ids import random_id
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.mail.service import NotNow, erase_delivery_traces
from survey.people.rules.staff_list import Person, PersonId
from survey.people.service.directory import find_person, list_people
from survey.people.service.stopping import (
    forget_stops_of_the_gone,
    give_everybody_stop_secrets,
    store_stop_secrets,
    wants_survey_mails,
)
from survey.waves import service as waves
from survey.waves.rules.ids import WaveId
from survey.waves.rules.waves import Wave

INVITATION = "invitation"
REMINDER = "reminder"
TO_STAFF = (INVITATION, REMINDER)


def invite(wave: Wave, group_of: Mapping[PersonId, str]) -> None:
    """Stores an invitation for each person, under their group, and queues the invitation letters.

    `group_of` gives the group's name by person. Inside the opening transaction. Letters of this
    wave go to the address that the person has now, whatever the directory says later.
    """
    address_of = {person.id: person.email for person in list_people()}
    rows = []
    for person_id, group in group_of.items():
        rows.append(
            {
                "id": random_id(),
                "wave_id": wave.id,
                "person_id": person_id,
                "group_name": group,
                "answered": 0,
                "sent_to": address_of.get(person_id),
            }
        )
    connection().execute(insert(InvitationRow), rows)
    mail.queue_letters(INVITATION, wave.slug, [Recipient(str(row["id"])) for row in rows])


def find_invitation(invitation_id: InvitationId) -> Invitation | None:
    """The invitation with this id, read anew; None where there is none."""
    row = db.session.get(InvitationRow, invitation_id, populate_existing=True)
    return _invitation(row) if row else None


def invitations_by_id(
    invitation_ids: Sequence[InvitationId],
) -> dict[InvitationId, Invitation]:
    """The invitations with these ids, by id; those that are not there any more are left out."""
    query = select(*_COLUMNS).where(InvitationRow.id.in_(invitation_ids))
    return {row.id: _invitation(row) for row in db.session.execute(query)}


def invitations_of(wave_id: WaveId) -> tuple[tuple[Invitation, Person], ...]:
    """All invitations to a wave with their people, in order of address; none of people who left."""
    rows = db.session.scalars(select(InvitationRow).where(InvitationRow.wave_id == wave_id)).all()
    pairs = []
    for row in rows:
        person = find_person(row.person_id) if row.person_id else None
        if person:
            pairs.append((_invitation(row), person))
    return tuple(sorted(pairs, key=lambda pair: pair[1].email))


def invitation_for(code: str, wave_id: WaveId) -> Invitation | None:
    """The unused invitation to this wave that a code belongs to; None where it gives no right.

    None for an unknown code, a spent one, one of another wave, and once the person has left the
    directory. Writes nothing.
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
    if row is None or row.person_id is None or find_person(row.person_id) is None:
        return None
    return _invitation(row)


def store_code(invitation_id: InvitationId, code: str) -> None:
    """Stores the hash of a code for an invitation, just before somebody is given the code."""
    with transaction() as session:
        session.add(TokenRow(hash=rules.code_hash(code), invitation_id=invitation_id))
        session.flush()


def store_personal_secrets(
    wave_id: WaveId, secrets: Mapping[InvitationId, PersonalSecrets], *, reminding: bool
) -> dict[InvitationId, PersonalSecrets]:
    """Stores hashes of codes and stop secrets, for letters still due; gives the secrets of these.

    In one commit before the letters leave; by invitation. None are due once the wave takes no
    answers, nor of people who have left meanwhile or need no reminder (`reminding`) any more; of
    those nothing is stored.
    """
    with transaction():
        if waves.hold_for_letter(wave_id) is None:
            return {}
        rows = connection().execute(_HOLD_ALL, {"invitations": sorted(secrets)})
        person_of = {
            row.id: row.person_id
            for row in rows
            if row.person_id and (_invitation(row).is_reminded or not reminding)
        }
        due = {invitation_id: secrets[invitation_id] for invitation_id in person_of}
        if due:
            codes = [
                {"hash": rules.code_hash(carried.code), "invitation_id": invitation_id}
                for invitation_id, carried in due.items()
            ]
            connection().execute(insert(TokenRow), codes)
            store_stop_secrets(
                (person_of[invitation_id], stop_secret)
                for invitation_id, carried in due.items()
                for stop_secret in carried.stop_secrets
            )
    return due


def is_letter_due(invitation_id: InvitationId, to: str, wave: Wave, *, reminding: bool) -> bool:
    """Whether a letter to the address `to` may still leave; NotNow if the closing time has changed.

    Asked inside the commit before it leaves; holds the wave and the invitation until then. It may
    not when the wave is not open, or when the person has left, stopped survey mails, needs no
    reminder (`reminding`) any more, or is written to at another address than `to` meanwhile. When
    the wave closes at another time than that of `wave`, which the letter prints, it has to be
    written anew: NotNow.
    """
    closes = waves.hold_for_letter(wave.id)
    if closes is None:
        return False
    if closes != wave.closes:
        raise NotNow
    # Held, so that the address is not corrected meanwhile.
    row = connection().execute(_HOLD, {"invitation": invitation_id}).first()
    if row is None or row.person_id is None or row.sent_to != to:
        return False
    if reminding and not _invitation(row).is_reminded:
        return False
    return wants_survey_mails(row.person_id)


def use_up_invitation(invitation_id: InvitationId) -> bool:
    """Marks an invitation as answered; False when it was answered already, or is not there.

    Inside the transaction that stores its ballot.
    """
    query = (
        update(InvitationRow)
        .where(InvitationRow.id == invitation_id, InvitationRow.answered == 0)
        .values(answered=1)
    )
    return connection().execute(query).rowcount == 1


def invitations_to_remind(wave_id: WaveId) -> list[InvitationId]:
    """Ids of a wave's invitations of people in the directory who are still to be reminded."""
    query = (
        select(InvitationRow)
        .where(
            InvitationRow.wave_id == wave_id,
            (InvitationRow.answered == 0) | (InvitationRow.readdressed == 1),
        )
        .order_by(InvitationRow.id)
    )
    in_directory = {person.id for person in list_people()}
    return [row.id for row in db.session.scalars(query) if row.person_id in in_directory]


def number_answered(wave_id: WaveId) -> int:
    """How many invitations to a wave are marked as answered; the marks are erased by the count.

    For counting only: pages print it in steps of the minimum group.
    """
    query = select(InvitationRow.id).where(
        InvitationRow.wave_id == wave_id, InvitationRow.answered == 1
    )
    return len(db.session.scalars(query).all())


def forget_answering(wave: Wave, *, sum_up: bool = False) -> None:
    """Erases who answered and who was reminded, and cancels the wave's letters that still wait.

    Codes, marks, the addresses that letters went to, and any row order that shows it. Stop secrets
    are filled up, so that their number shows nothing. A pause of the wave's mail ends. Inside the
    counting transaction. The rows are deleted and inserted again in the order of their ids, because
    an UPDATE leaves them lying in the order of answering on PostgreSQL. Totals of the reminders
    stay if `sum_up` says so: of a counted wave, never of a void one.
    """
    with transaction() as session:
        is_ours = InvitationRow.wave_id == wave.id
        our_ids = select(InvitationRow.id).where(is_ours)
        session.execute(
            delete(TokenRow)
            .where(TokenRow.invitation_id.in_(our_ids))
            .execution_options(synchronize_session=False)
        )
        columns = (
            InvitationRow.id,
            InvitationRow.wave_id,
            InvitationRow.person_id,
            InvitationRow.group_name,
        )
        query = select(*columns).where(is_ours).order_by(InvitationRow.id)
        rows = session.execute(query).all()
        session.execute(
            delete(InvitationRow).where(is_ours).execution_options(synchronize_session=False)
        )
        if rows:
            unmarked = [{**row._asdict(), "answered": 0} for row in rows]
            session.execute(insert(InvitationRow), unmarked)
        give_everybody_stop_secrets([row.person_id for row in rows if row.person_id])
        forget_stops_of_the_gone()
        mail.cancel_letters(wave.slug)
        mail.erase_recipients([Recipient(row.id) for row in rows if row.person_id is None])
        mail.forget_confidential_letters(wave.slug, sum_up=sum_up)
        erase_delivery_traces(wave.slug)
        # A pause was meant for the letters of this wave, not for later ones with findings.
        # Last, for it may lock the audit log.
        mail.resume_wave(wave.slug, actor=mail.OF_ITSELF)


_COLUMNS = (
    InvitationRow.id,
    InvitationRow.wave_id,
    InvitationRow.person_id,
    InvitationRow.group_name,
    InvitationRow.answered,
    InvitationRow.sent_to,
    InvitationRow.readdressed,
)
_HOLD = select(*_COLUMNS).where(InvitationRow.id == bindparam("invitation")).with_for_update()
_HOLD_ALL = (
    select(*_COLUMNS)
    .where(InvitationRow.id.in_(bindparam("invitations", expanding=True)))
    .order_by(InvitationRow.id)  # so that no two senders wait for each other
    .with_for_update()
)


def _invitation(row: Any) -> Invitation:  # noqa: ANN401 - a row of the table, or of its columns
    """An invitation as a value, made from its row."""
    return Invitation(
        row.id,
        row.wave_id,
        row.person_id,
        row.group_name,
        bool(row.answered),
        row.sent_to,
        bool(row.readdressed),
    )
