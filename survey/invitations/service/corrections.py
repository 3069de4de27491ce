"""Correcting addresses, so that nobody can take somebody else's place in an open wave by it.

While a wave is open, its letters go to the address that it was launched with. Only where the
invitation failed or came back, so that nobody holds its code, does a corrected address count for
the wave too: then the invitation goes there. The address that was replaced always gets a notice.
After a few corrections in one wave, further ones wait for a second manager. Nothing here depends on
who has answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import delete, exists, func, or_, select, update

from survey.access.service.audit import record
from survey.access.service.keyed import keyed_digest
from survey.database import db, transaction
from survey.invitations.rules.corrections import (
    AddressCorrection,
    AddressProposal,
    most_corrected_alone,
)
from survey.invitations.service.invitations import INVITATION, REMINDER
from survey.invitations.service.notices import queue_address_notice
from survey.invitations.service.rights import keyed_hash, take_up_rights
from survey.invitations.tables import AddressProposalRow, InvitationRow
from survey.kernel.clock import now
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.mail.rules.states import LetterState
from survey.mail.service import public_states
from survey.people.rules.staff_list import Person, PersonId
from survey.people.service import directory as people
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

COMMAND_LINE = "command line"  # counts as an administrator, for it needs the server
_NOT_ARRIVED = {LetterState.FAILED.value, LetterState.BOUNCED.value}


@dataclass(frozen=True, slots=True)
class InvitedTo:
    """An open wave that somebody is invited to, and what a corrected address means for it.

    `sent_to` is where its letters go; `has_arrived` says that its invitation neither failed nor
    came back, so that somebody may hold its code, and a new address changes nothing.
    `needs_second`: a further correction in this wave needs a second manager.
    """

    wave: Wave
    invitation_id: Recipient
    sent_to: str | None
    has_arrived: bool
    needs_second: bool


def open_invitations(person_id: PersonId) -> tuple[InvitedTo, ...]:
    """The open waves that somebody is invited to, for the page that corrects their address."""
    return tuple(
        _invited_to(wave, row)
        for wave in waves.open_waves()
        if (row := _invitation_row(wave, person_id)) is not None
    )


def correct_invited_address(
    old: str, new: str, *, actor: str = COMMAND_LINE, is_administrator: bool = False
) -> AddressCorrection:
    """Changes somebody's address; in open waves only where nobody can hold the invitation's code.

    Refuses an unknown old address, and a new one that is malformed or somebody else's. The address
    that was replaced gets a notice. Audited with the waves and a keyed hash of the person. Beyond
    the larger of two people and 2 % of those invited to an open wave, a manager who is no
    administrator only proposes: then nothing changes and nothing is sent before a second manager
    confirms. The command line counts as an administrator.
    """
    with transaction():
        person, address = people.check_new_address(old, new)
        invited_to = _held_invitations(person)
        if not _changes(person, address, invited_to):
            return AddressCorrection(person)
        needs_second = any(each.needs_second for each in invited_to)
        if needs_second and not (is_administrator or actor == COMMAND_LINE):
            return _propose(person, address, invited_to, actor)
        facts = {"beyond what one manager may": True} if needs_second else {}
        return _correct(person, address, invited_to, facts, actor)


def list_proposals() -> tuple[AddressProposal, ...]:
    """The proposed addresses that wait for a second manager, oldest first."""
    rows = db.session.scalars(
        select(AddressProposalRow).order_by(AddressProposalRow.proposed_at, AddressProposalRow.id)
    ).all()
    by_id = people.people_by_id([row.person_id for row in rows])
    return tuple(
        AddressProposal(row.id, by_id[row.person_id], row.address, row.proposed_by, row.proposed_at)
        for row in rows
        if row.person_id in by_id
    )


def proposal_for(email: str) -> AddressProposal:
    """The proposed address of the person at this one; refuses (not found) where none waits."""
    person = people.person_at(email)
    for proposal in list_proposals():
        if proposal.person.id == person.id:
            return proposal
    raise NotFound("proposal", f"No new address waits for {person.email}.")


def confirm_proposal(
    proposal_id: str, *, actor: str = COMMAND_LINE, is_administrator: bool = False
) -> AddressCorrection:
    """Carries out a proposed correction; refuses the account that proposed it.

    Not so an administrator's, who needs no second. Refuses also what `correct_invited_address`
    refuses now, and a proposal that is not there any more; audited with both accounts.
    """
    with transaction():
        proposal = _held_proposal(proposal_id)
        may_decide = is_administrator or actor == COMMAND_LINE
        if proposal.proposed_by == actor and not may_decide:
            raise Refused(
                "second-manager-needed",
                "You proposed this address yourself. Another manager has to confirm it.",
            )
        person, address = people.check_new_address(proposal.person.email, proposal.address)
        facts = {"proposed by": proposal.proposed_by}
        return _correct(person, address, _held_invitations(person), facts, actor)


def refuse_proposal(proposal_id: str, *, actor: str = COMMAND_LINE) -> AddressProposal:
    """Drops a proposed correction, which changes and sends nothing; audited."""
    with transaction():
        proposal = _held_proposal(proposal_id)
        _forget_proposal(proposal.person.id)
        facts = _facts(proposal.person, _held_invitations(proposal.person))
        record("address correction refused", facts, actor)
    return proposal


def _correct(
    person: Person,
    address: str,
    invited_to: tuple[InvitedTo, ...],
    facts: Mapping[str, object],
    actor: str,
) -> AddressCorrection:
    """Carries a correction out, inside the caller's transaction."""
    afresh = tuple(each for each in invited_to if _counts_now(each, address))
    replaced = [each.sent_to for each in afresh if each.sent_to not in {None, address}]
    if person.email != address:
        replaced.append(person.email)
    _mark_corrected(invited_to)
    for each in afresh:
        _invite_at(each, address)
    corrected = replace(person, email=address)
    for old in sorted({old for old in replaced if old}):
        queue_address_notice(corrected, old)
    _forget_proposal(person.id)
    take_up_rights([corrected])
    # Last, for it locks the audit log.
    everything = {**_facts(person, invited_to), **_effect(afresh), **facts}
    if person.email != address:
        people.correct_address(person.email, address, actor=actor, facts=everything)
    else:
        record("address corrected", everything, actor)
    return AddressCorrection(
        corrected,
        invited_afresh=tuple(each.wave.slug for each in afresh),
        unchanged=tuple(each.wave.slug for each in invited_to if each not in afresh),
        is_told=bool(replaced),
    )


def _propose(
    person: Person, address: str, invited_to: tuple[InvitedTo, ...], actor: str
) -> AddressCorrection:
    """Stores a proposal, in place of an earlier one for this person; changes and sends nothing."""
    with transaction() as session:
        _forget_proposal(person.id)
        session.add(
            AddressProposalRow(
                id=random_id(),
                person_id=person.id,
                address=address,
                proposed_by=actor,
                proposed_at=now(),
            )
        )
        session.flush()
        record("address correction proposed", _facts(person, invited_to), actor)
    return AddressCorrection(person, is_proposed=True)


def _changes(person: Person, address: str, invited_to: tuple[InvitedTo, ...]) -> bool:
    """Whether this address is new in the directory, or for an invitation that did not arrive."""
    return person.email != address or any(
        _counts_now(each, address) and each.sent_to != address for each in invited_to
    )


def _counts_now(each: InvitedTo, address: str) -> bool:
    """Whether the new address counts for an open wave: nobody holds that invitation's code.

    It does not where another invitation of the wave goes there, or went there until its person
    left: one mailbox never gets the codes of two people.
    """
    if each.has_arrived:
        return False
    is_taken = exists().where(
        InvitationRow.wave_id == each.wave.id,
        InvitationRow.id != each.invitation_id,
        or_(
            InvitationRow.sent_to == address,
            InvitationRow.sent_to_hash == keyed_hash(address),
        ),
    )
    return not db.session.scalar(select(is_taken))


def _held_invitations(person: Person) -> tuple[InvitedTo, ...]:
    """The open waves that somebody is invited to; locks these waves and all their invitations."""
    is_theirs = InvitationRow.person_id == person.id
    open_waves = sorted(waves.open_waves(), key=lambda wave: wave.id)
    held = [wave for wave in open_waves if waves.hold_for_correction(wave.id)]
    # Those of earlier waves too: their follow-up mails look at the address while they hold them.
    query = select(InvitationRow.id).where(is_theirs).order_by(InvitationRow.id)
    db.session.scalars(query.with_for_update()).all()
    rows = ((wave, _invitation_row(wave, person.id)) for wave in held)
    return tuple(_invited_to(wave, row) for wave, row in rows if row is not None)


def _invitation_row(wave: Wave, person_id: PersonId) -> InvitationRow | None:
    """Somebody's invitation to a wave, read anew; None where they have none."""
    query = select(InvitationRow).where(
        InvitationRow.wave_id == wave.id, InvitationRow.person_id == person_id
    )
    row: InvitationRow | None = db.session.scalar(query.execution_options(populate_existing=True))
    return row


def _invited_to(wave: Wave, row: InvitationRow) -> InvitedTo:
    """What a corrected address would mean for an open wave, from the person's invitation to it."""
    recipient = Recipient(row.id)
    state = public_states([recipient], INVITATION).get(recipient)
    needs_second = not row.corrected and _number_corrected(wave) >= most_corrected_alone(
        wave.invited
    )
    return InvitedTo(wave, recipient, row.sent_to, state not in _NOT_ARRIVED, needs_second)


def _number_corrected(wave: Wave) -> int:
    """How many people's addresses have been corrected while this wave was open."""
    query = select(func.count()).where(
        InvitationRow.wave_id == wave.id, InvitationRow.corrected == 1
    )
    return db.session.scalar(query) or 0


def _mark_corrected(invited_to: tuple[InvitedTo, ...]) -> None:
    """Notes for each open wave that this person's address was corrected in it."""
    ids = [each.invitation_id for each in invited_to]
    db.session.execute(
        update(InvitationRow)
        .where(InvitationRow.id.in_(ids))
        .values(corrected=1)
        .execution_options(synchronize_session=False)
    )


def _invite_at(each: InvitedTo, address: str) -> None:
    """Sends the letters of an open wave to another address, the invitation once more.

    Reminders that wait are cancelled: the invitation takes their place.
    """
    db.session.execute(
        update(InvitationRow)
        .where(InvitationRow.id == each.invitation_id)
        .values(sent_to=address, readdressed=1)
        .execution_options(synchronize_session=False)
    )
    mail.cancel_letters(each.wave.slug, REMINDER, each.invitation_id)
    mail.queue_undelivered_again(INVITATION, each.wave.slug, each.invitation_id)


def _held_proposal(proposal_id: str) -> AddressProposal:
    """A proposal whose person is locked until the transaction ends; refuses one that is gone."""
    for proposal in list_proposals():
        if proposal.id == proposal_id:
            people.hold_person_at(proposal.person.email)
            if any(each.id == proposal_id for each in list_proposals()):
                return proposal
    raise NotFound(
        "proposal", "This address does not wait any more: it was confirmed, refused or replaced."
    )


def _forget_proposal(person_id: PersonId) -> None:
    """Deletes what was proposed for somebody."""
    db.session.execute(
        delete(AddressProposalRow)
        .where(AddressProposalRow.person_id == person_id)
        .execution_options(synchronize_session=False)
    )


def _facts(person: Person, invited_to: tuple[InvitedTo, ...]) -> dict[str, object]:
    """What the audit log says of a correction: the open waves and a keyed hash of the person."""
    digest = keyed_digest("person in the audit log", person.id)
    return {
        "waves": [each.wave.slug for each in invited_to],
        "person": f"hmac-sha256:{digest.hex()[:32]}",
    }


def _effect(afresh: tuple[InvitedTo, ...]) -> dict[str, object]:
    """What the audit log says of the open waves whose invitation goes to the new address."""
    return {"invited afresh": [each.wave.slug for each in afresh]} if afresh else {}
