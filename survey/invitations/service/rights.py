"""One right to answer per person and wave, whatever happens to their row in the directory.

The invitation of somebody who has left an open wave waits for them: their codes are refused, their
letters do not leave, and the numbers of the wave stay. Whoever gets an address in the directory
that such an invitation goes to, or that its person had when they left, takes it up again: codes
mailed before work, and letters that did not leave are queued. It is recognised by a keyed hash of
the address, which is kept while its person is away, and erased by the count.

Nothing here depends on who has answered.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, delete, or_, select, update

from survey.access.service.keyed import keyed_digest
from survey.database import connection, db, transaction
from survey.invitations.rules.codes import InvitationId
from survey.invitations.service.recipients import open_wave_slugs
from survey.invitations.service.thirds import forget_thirds, hand_over_thirds
from survey.invitations.tables import AddressProposalRow, InvitationRow
from survey.kernel.addresses import tidy_address
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.people.rules.staff_list import Person, PersonId
from survey.people.service.directory import people_at
from survey.people.service.stopping import forget_stops_of_the_gone, hand_over_stops
from survey.people.service.watching import DirectoryWatch
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An invitation whose person has left, and the keyed hashes that it is recognised by."""

    id: InvitationId
    person_id: PersonId | None
    sent_to: str | None
    sent_to_hash: bytes | None
    left_as_hash: bytes | None


def rights_watch() -> DirectoryWatch:
    """What this room does when people join or leave the directory."""
    return DirectoryWatch(
        joined=take_up_rights,
        left=lay_down_rights,
        awaited=awaited_people,
        open_waves=open_wave_slugs,
    )


def keyed_hash(address: str) -> bytes:
    """The hash of an address under this installation's secret key, to recognise it again."""
    return keyed_digest("address of an invitation", address)


def awaited_people() -> frozenset[PersonId]:
    """The ids of people who left while a wave was open that invites them, and may come back."""
    query = select(InvitationRow.person_id).where(
        InvitationRow.left_as_hash.is_not(None), InvitationRow.person_id.is_not(None)
    )
    return frozenset(person_id for person_id in db.session.scalars(query) if person_id)


def lay_down_rights(people: Sequence[Person]) -> None:
    """Lets the invitations to open waves of people wait, who have just left the directory.

    Their letters that wait are cancelled. Where somebody else in the directory has the address that
    an invitation goes to, they take it up. `people` are as they stood in the directory. Inside the
    transaction that takes them out of it.
    """
    person_ids = [person.id for person in people]
    with transaction() as session:
        for some in _in_chunks(person_ids):
            session.execute(
                delete(AddressProposalRow)
                .where(AddressProposalRow.person_id.in_(some))
                .execution_options(synchronize_session=False)
            )
        left_as = {person.id: keyed_hash(person.email) for person in people}
        for wave in _held_open_waves():
            left = _mark_as_waiting(wave, left_as)
            mail.cancel_letters_to(wave.slug, [Recipient(invitation) for invitation in left])
            addresses = [address for address in left.values() if address]
            _take_up(wave, people_at(addresses))


def take_up_rights(people: Sequence[Person]) -> None:
    """Gives waiting invitations to open waves to people who now have their addresses.

    `people` are as they stand in the directory now. One invitation to each person and wave; an
    invitation that goes to somebody's address comes before one whose person left with it. Letters
    that were cancelled meanwhile are queued again. Inside the transaction that changes the
    directory.
    """
    with transaction():
        for wave in _held_open_waves():
            _take_up(wave, people)


def forget_who_left(email: str) -> tuple[PersonId, ...]:
    """Erases the address of somebody who left while a wave was open; gives what their id was.

    Their invitations stay, without an address or a person, with the keyed hashes by which they
    would be recognised. Empty where nobody left with this address. Inside the transaction that
    erases all of their data.
    """
    digest = keyed_hash(tidy_address(email))
    is_theirs = or_(
        InvitationRow.sent_to_hash == digest, InvitationRow.left_as_hash == digest
    ) & InvitationRow.left_as_hash.is_not(None)
    with transaction() as session:
        rows = session.execute(
            select(InvitationRow.id, InvitationRow.person_id).where(is_theirs).with_for_update()
        ).all()
        gone = sorted({row.person_id for row in rows if row.person_id})
        forget_thirds(gone)
        session.execute(
            update(InvitationRow)
            .where(InvitationRow.id.in_([row.id for row in rows]))
            .values(person_id=None, sent_to=None)
            .execution_options(synchronize_session=False)
        )
        forget_stops_of_the_gone()
    return tuple(gone)


def _held_open_waves() -> Iterator[Wave]:
    """The open waves, in one order for everybody; each stays open until the transaction ends."""
    for wave in sorted(waves.open_waves(), key=lambda wave: wave.id):
        if waves.hold_for_letter(wave.id) is not None:
            yield wave


def _mark_as_waiting(
    wave: Wave, left_as: Mapping[PersonId, bytes]
) -> dict[InvitationId, str | None]:
    """Marks a wave's invitations of these people as waiting; gives the address each goes to.

    `left_as`: by person, the keyed hash of the address that they left with.
    """
    columns = (InvitationRow.id, InvitationRow.person_id, InvitationRow.sent_to)
    sent_to: dict[InvitationId, str | None] = {}
    for some in _in_chunks(list(left_as)):
        is_theirs = (InvitationRow.wave_id == wave.id) & InvitationRow.person_id.in_(some)
        query = select(*columns).where(is_theirs).order_by(InvitationRow.id).with_for_update()
        rows = connection().execute(query).all()
        if not rows:
            continue
        values = [
            {
                "its_id": row.id,
                "left_as": left_as[row.person_id],
                "digest": keyed_hash(row.sent_to) if row.sent_to else None,
            }
            for row in rows
        ]
        connection().execute(_MARK, values)
        sent_to |= {row.id: row.sent_to for row in rows}
    return sent_to


def _take_up(wave: Wave, people: Sequence[Person]) -> None:
    """Gives a wave's waiting invitations to those of `people` who have their addresses."""
    if not people:
        return
    waiting = _waiting_invitations(wave)
    if not waiting:
        return
    matches = _matches(wave, waiting, people)
    if not matches:
        return
    values = [
        {
            "its_id": invitation.id,
            "person": person.id,
            "sent_to": invitation.sent_to or _address_if_known(invitation, person),
        }
        for invitation, person in matches
    ]
    connection().execute(_TAKE_UP, values)
    known_as = {
        invitation.person_id: person.id for invitation, person in matches if invitation.person_id
    }
    hand_over_thirds(known_as)
    hand_over_stops(known_as)
    recipients = [Recipient(invitation.id) for invitation, _ in matches]
    mail.queue_cancelled_again(wave.slug, recipients)


def _waiting_invitations(wave: Wave) -> list[_Waiting]:
    """The invitations to a wave whose people have left, locked until the transaction ends."""
    columns = (
        InvitationRow.id,
        InvitationRow.person_id,
        InvitationRow.sent_to,
        InvitationRow.sent_to_hash,
        InvitationRow.left_as_hash,
    )
    is_waiting = (InvitationRow.wave_id == wave.id) & InvitationRow.left_as_hash.is_not(None)
    query = select(*columns).where(is_waiting).order_by(InvitationRow.id).with_for_update()
    return [_Waiting(*row) for row in connection().execute(query)]


def _matches(
    wave: Wave, waiting: Sequence[_Waiting], people: Sequence[Person]
) -> list[tuple[_Waiting, Person]]:
    """Which waiting invitation goes to whom: each to one person, and to nobody who has one."""
    by_sent_to = {each.sent_to_hash: each for each in waiting if each.sent_to_hash}
    by_left_as = {each.left_as_hash: each for each in waiting if each.left_as_hash}
    digests = {person.id: keyed_hash(person.email) for person in people}
    known = by_sent_to.keys() | by_left_as.keys()
    candidates = [person for person in people if digests[person.id] in known]
    invited = _invited_among(wave, [person.id for person in candidates])
    matches: dict[InvitationId, tuple[_Waiting, Person]] = {}
    for index in (by_sent_to, by_left_as):
        for person in candidates:
            invitation = index.get(digests[person.id])
            if person.id in invited or invitation is None or invitation.id in matches:
                continue
            matches[invitation.id] = (invitation, person)
            invited.add(person.id)
    return list(matches.values())


def _invited_among(wave: Wave, person_ids: Sequence[PersonId]) -> set[PersonId]:
    """Those of these people who have an invitation to the wave."""
    invited: set[PersonId] = set()
    for some in _in_chunks(person_ids):
        is_theirs: ColumnElement[bool] = InvitationRow.person_id.in_(some)
        query = select(InvitationRow.person_id).where(InvitationRow.wave_id == wave.id, is_theirs)
        invited |= {person_id for person_id in db.session.scalars(query) if person_id}
    return invited


def _address_if_known(invitation: _Waiting, person: Person) -> str | None:
    """The person's address if it is the one that letters went to; None if it is not.

    For the invitation of somebody who was erased: then only the hash of that address is left.
    """
    return person.email if keyed_hash(person.email) == invitation.sent_to_hash else None


def _in_chunks(person_ids: Iterable[PersonId]) -> Iterator[list[PersonId]]:
    """The ids, some hundred at a time."""
    ids = list(person_ids)
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


_MARK = (
    update(InvitationRow.__table__)  # type: ignore[arg-type]
    .where(InvitationRow.id == bindparam("its_id"))
    .values(sent_to_hash=bindparam("digest"), left_as_hash=bindparam("left_as"))
)
_TAKE_UP = (
    update(InvitationRow.__table__)  # type: ignore[arg-type]
    .where(InvitationRow.id == bindparam("its_id"))
    .values(
        person_id=bindparam("person"),
        sent_to=bindparam("sent_to"),
        sent_to_hash=None,
        left_as_hash=None,
    )
)
