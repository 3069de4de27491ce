"""Invitations: who is asked, under which group, with which code. Never what they answered."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, insert, select, update

from survey.access.audit import record
from survey.database import db, indiscretions, transaction
from survey.invitations import rules
from survey.invitations.rules import Invitation
from survey.invitations.tables import InvitationRow, TokenRow
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.mail import service as mail
from survey.mail.progress import level
from survey.people.rules import Person
from survey.people.service import list_people, people_in, person
from survey.people.stopping import has_stopped, level_stop_secrets, store_stop_secrets
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import bank, freeze, questionnaire, with_questions
from survey.statistics.planning import chance_of_answers
from survey.statistics.suppression import merge_to_invited
from survey.waves import cokeys, keys, sealing
from survey.waves import service as waves
from survey.waves.handover import fingerprint
from survey.waves.rules import MINIMUM_INVITED, CoKey, Group, Wave, check_audience, check_opens

INVITATION = "invitation"
FRESH = "fresh invitation"  # after an address was corrected
REMINDER = "reminder"
LOOP_CHECK = "ACC1"
SMALLEST_FOR_TEXT = 10
FEW = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """What opening a wave would do: the groups it would freeze, the questions it would ask, and what to know before."""

    wave: Wave
    groups: tuple[Group, ...]
    questionnaire: Questionnaire
    people: tuple[Person, ...]
    warnings: tuple[str, ...]

    @property
    def invited(self) -> int:
        """How many people would be invited."""
        return len(self.people)


def preview_wave(name: str) -> Preview:
    """What opening this wave would freeze; refuses what cannot be opened, saying why."""
    item = waves.wave(name)
    check_opens(item)
    people = people_in(item.audience)
    check_audience(len(people))
    groups = _partition(people)
    asked = _questions(item, len(people))
    return Preview(item, groups, asked, people, (*_warnings(groups, len(people)), *_about_keys(cokeys.for_launch())))


def open_wave(name: str, now: datetime, key_dir: Path | None, *, actor: str) -> Wave:
    """Freezes a planned wave and queues one invitation per person, all in one transaction.

    The key is made and its probe opened before anything is stored or sent; opening twice is refused by the state.
    """
    plan = preview_wave(name)
    if told := indiscretions():
        raise Refused(f"PostgreSQL would write down who answers. Nothing was sent. Change it, reload and open again: {' '.join(told)}")
    private = keys.make_key(key_dir, plan.wave.id)
    public = keys.public_half(private)
    probe = sealing.probe(public, plan.wave.id)
    if not sealing.opens_probe(keys.load_key(key_dir, plan.wave.id), plan.wave.id, probe):
        raise Refused("The key that was just made does not open what it sealed. Nothing was sent. Check CANDOUR_KEY_DIR.")
    with transaction() as session:
        waves.hold_for_opening(plan.wave)
        launch = waves.Launch(freeze(plan.questionnaire), plan.groups, public, probe, cokeys.hold_for_launch())
        opened = waves.freeze(plan.wave, now, launch)
        group_of = {member: group.name for group in plan.groups for member in group.members}
        rows = [
            {"id": random_id(), "wave_id": opened.id, "person_id": p.id, "group_name": group_of[p.department], "answered": 0}
            for p in plan.people
        ]
        session.execute(insert(InvitationRow), rows)
        mail.queue(INVITATION, opened.slug, [str(row["id"]) for row in rows])
        record("wave opened", _terms(opened, plan), actor)
    return opened


def invitation(invitation_id: str) -> Invitation | None:
    """The invitation with this id, if it is still there."""
    row = db.session.get(InvitationRow, invitation_id, populate_existing=True)
    return _invitation(row) if row else None


def invitations_of(wave_id: str) -> tuple[tuple[Invitation, Person], ...]:
    """Everybody invited to a wave who is still in the directory, by address."""
    rows = db.session.scalars(select(InvitationRow).where(InvitationRow.wave_id == wave_id)).all()
    pairs = [(_invitation(row), person(row.person_id)) for row in rows if row.person_id]
    return tuple(sorted(((i, p) for i, p in pairs if p), key=lambda pair: pair[1].email))


def invitation_for(code: str, wave_id: str) -> Invitation | None:
    """The invitation that this code belongs to in this wave; None for an unknown, spent or foreign one, and once the person has left.

    Writes nothing.
    """
    query = (
        select(InvitationRow)
        .join(TokenRow, TokenRow.invitation_id == InvitationRow.id)
        .where(TokenRow.hash == rules.digest(code), InvitationRow.wave_id == wave_id, InvitationRow.answered == 0)
    )
    row = db.session.scalar(query)
    return _invitation(row) if row and row.person_id and person(row.person_id) else None


def store_code(invitation_id: str, code: str) -> None:
    """Keeps the hash of a code that is about to be handed over."""
    with transaction() as session:
        session.add(TokenRow(hash=rules.digest(code), invitation_id=invitation_id))
        session.flush()


def store_code_if_due(invitation_id: str, code: str, to: str = "", stop_secrets: Sequence[str] = ()) -> bool:
    """Inside the commit before a letter leaves: keeps the hashes of its code and of its secrets for stopping, if it is still due.

    It is not when the person has answered, left, stopped survey mails, or got another address than `to` meanwhile.
    """
    found = invitation(invitation_id)
    if found is None or not waves.hold_for_answer(found.wave_id):
        return False
    row = db.session.get(InvitationRow, invitation_id, populate_existing=True, with_for_update=True)  # no correction meanwhile
    invitee = person(row.person_id) if row and row.person_id and not row.answered else None
    if invitee is None or has_stopped(invitee.id) or to not in {"", invitee.email}:
        return False
    store_code(invitation_id, code)
    store_stop_secrets(invitee.id, stop_secrets)
    return True


def burn(invitation_id: str) -> bool:
    """Uses up an invitation, inside the transaction that stores its ballot; False when that was done already."""
    query = update(InvitationRow).where(InvitationRow.id == invitation_id, InvitationRow.answered == 0).values(answered=1)
    return db.session.connection().execute(query).rowcount == 1


def unanswered(wave_id: str) -> list[str]:
    """The invitations of a wave that have not been used, of people who are still in the directory. For reminding only."""
    query = select(InvitationRow).where(InvitationRow.wave_id == wave_id, InvitationRow.answered == 0).order_by(InvitationRow.id)
    known = {one.id for one in list_people()}
    return [row.id for row in db.session.scalars(query) if row.person_id in known]


def number_answered(wave_id: str) -> int:
    """How many invitations of a wave have been used. For counting only: pages print it in steps of the minimum group."""
    query = select(InvitationRow.id).where(InvitationRow.wave_id == wave_id, InvitationRow.answered == 1)
    return len(db.session.scalars(query).all())


def forget_answering(item: Wave) -> None:
    """Inside the counting transaction: no code, no mark of who answered or was reminded, and no row order that tells it.

    The rows are deleted and inserted again in the order of their ids, because an UPDATE leaves them lying in the
    order of answering on PostgreSQL.
    """
    with transaction() as session:
        ours = select(InvitationRow.id).where(InvitationRow.wave_id == item.id)
        session.execute(delete(TokenRow).where(TokenRow.invitation_id.in_(ours)).execution_options(synchronize_session=False))
        columns = (InvitationRow.id, InvitationRow.wave_id, InvitationRow.person_id, InvitationRow.group_name)
        found = session.execute(select(*columns).where(InvitationRow.wave_id == item.id).order_by(InvitationRow.id)).all()
        session.execute(delete(InvitationRow).where(InvitationRow.wave_id == item.id).execution_options(synchronize_session=False))
        if found:
            session.execute(insert(InvitationRow), [{**row._asdict(), "answered": 0} for row in found])
        level_stop_secrets([row.person_id for row in found if row.person_id])
        mail.cancel(item.slug)
        mail.forget_quiet(item.slug)
        level(item.slug)


def _invitation(row: InvitationRow) -> Invitation:
    return Invitation(row.id, row.wave_id, row.person_id, row.group_name, bool(row.answered))


def _terms(opened: Wave, plan: Preview) -> dict[str, object]:
    """What the audit log keeps of a launch: nobody can later say that other people, groups or dates were meant."""
    lines = "".join(f"{p.email}\t{p.department}\n" for p in sorted(plan.people, key=lambda p: p.email))
    return {
        "wave": opened.slug,
        "invited": opened.invited,
        "groups": {group.name: group.invited for group in opened.groups},
        "minimum": [opened.minimum_group, opened.minimum_detail],
        "opens": opened.opens_at.isoformat(),
        "closes": opened.closes_at.isoformat(),
        "questionnaire": plan.questionnaire.digest,
        "roster": "sha256:" + hashlib.sha256(lines.encode()).hexdigest(),
        **({"co-keys": {key.name: fingerprint(key.public) for key in opened.co_keys}} if opened.is_strict else {}),
    }


def _partition(people: Sequence[Person]) -> tuple[Group, ...]:
    sizes = Counter(person.department for person in people)
    merged = merge_to_invited(sorted(sizes.items()), minimum=MINIMUM_INVITED)
    return tuple(Group(g.name, g.invited, g.members) for g in merged)


def _questions(item: Wave, invited: int) -> Questionnaire:
    asked = questionnaire(waves.survey(item.survey).questionnaire)
    follows = waves.number_of_earlier_waves(item) > 0
    if follows and asked.slug == "quarterly_8" and LOOP_CHECK in bank() and LOOP_CHECK not in {q.id for q in asked.questions}:
        asked = with_questions(asked, [LOOP_CHECK])
    return asked if invited >= SMALLEST_FOR_TEXT else asked.without_texts()


def _warnings(groups: Sequence[Group], invited: int) -> tuple[str, ...]:
    found = []
    if invited < SMALLEST_FOR_TEXT:
        found.append(
            f"With {invited} invited, no open question is asked. Means, distributions and comments will never be shown, and the wave "
            "cannot count for the ladder."
        )
    elif invited < FEW:
        often = round(100 * chance_of_answers(invited))
        found.append(
            f"With {invited} invited, ten answers come in about {often} times in 100, if each of them answers with a chance of 65 %. "
            "Without ten, means, distributions and comments stay hidden."
        )
    found += [
        f"{g.name} are counted together ({g.invited} people), so that nobody can be worked out." for g in groups if len(g.members) > 1
    ]
    return tuple(found)


def _about_keys(co_keys: Sequence[CoKey]) -> tuple[str, ...]:
    holders = " or ".join(key.name for key in co_keys)
    return (f"Its answers can be opened only with the key of {holders} as well. If that is lost, so is the wave.",) if co_keys else ()
