"""Invitations: who is asked, under which group, with which code. Never what they answered."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path

from sqlalchemy import bindparam, delete, insert, select, update

from survey.access.audit import record
from survey.config import Config
from survey.database import connection, db, indiscretions, transaction
from survey.invitations import rules
from survey.invitations.dealing import deal
from survey.invitations.letters import Means, rehearse
from survey.invitations.rules import Invitation
from survey.invitations.tables import DealtRow, InvitationRow, TokenRow
from survey.kernel.errors import Refused
from survey.kernel.ids import random_id
from survey.kernel.plurals import either, how_many
from survey.mail import service as mail
from survey.mail.checks import notes_before_launch
from survey.mail.kinds import NotNow
from survey.mail.progress import level
from survey.people.rules import Person
from survey.people.service import check_whole, list_people, people_in, person
from survey.people.stopping import level_stop_secrets, reachable_at, store_stop_secrets
from survey.providers.service import provider_by_id
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import bank, freeze, frozen, questionnaire, with_questions
from survey.statistics.planning import chance_of_answers
from survey.statistics.suppression import merge_to_invited
from survey.waves import cokeys, keys, sealing
from survey.waves import service as waves
from survey.waves.handover import fingerprint
from survey.waves.rounds import OFFERED_FROM, ONE_THIRD
from survey.waves.rules import MINIMUM_INVITED, Cadence, CoKey, Group, Survey, Wave, check_audience, check_opens

INVITATION = "invitation"
FRESH = "fresh invitation"  # after an address was corrected
REMINDER = "reminder"
TO_STAFF = (INVITATION, FRESH, REMINDER)
LOOP_CHECK = "ACC1"
SMALLEST_FOR_TEXT = 10
FEW = 20
_SOURCE = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Preview:
    """What opening a wave would do: the groups it would freeze, the questions it would ask, and what to know before.

    Of monthly thirds, `dealt` are those who would be dealt into a third by it, by person.
    """

    wave: Wave
    groups: tuple[Group, ...]
    questionnaire: Questionnaire
    people: tuple[Person, ...]
    warnings: tuple[str, ...]
    dealt: Mapping[str, int] = field(default_factory=dict)

    @property
    def invited(self) -> int:
        """How many people would be invited."""
        return len(self.people)


def add_survey(plan: waves.Plan) -> tuple[Survey, Wave]:
    """Records a survey and plans its first wave; refuses monthly thirds of so few people that a third would tell nothing."""
    if plan.cadence == Cadence.MONTHLY_THIRDS.value and (size := len(people_in(plan.audience))) < OFFERED_FROM:
        raise Refused(
            f"Monthly thirds are offered from {OFFERED_FROM} people, and this survey would ask {size}. Import the staff first, or choose "
            "quarterly or monthly."
        )
    return waves.add_survey(plan)


def preview_wave(name: str) -> Preview:
    """What opening this wave would freeze; refuses what cannot be opened, saying why."""
    item = waves.wave(name)
    check_opens(item)
    everybody = people_in(item.audience)
    people, dealt = _third(item, everybody) if item.is_third else (everybody, {})
    check_audience(len(people))
    groups = _one_group(people, everybody) if item.is_third else _partition(people)
    asked = _questions(item, len(people))
    warnings = _about_third(len(people), len(everybody)) if item.is_third else _warnings(groups, len(people))
    unspoken = rehearse(item, groups[0], asked, people)
    return Preview(item, groups, asked, people, (*warnings, *_about_languages(unspoken), *_about_keys(cokeys.for_launch())), dealt)


def notes_on_mail(plan: Preview, config: Config, now: datetime) -> tuple[str, ...]:
    """What to know about mail before this wave opens, after a few seconds at most; it may open all the same."""
    domain = parseaddr(config.mail_from)[1].rpartition("@")[2].lower()
    contacts = provider_by_id(plan.wave.provider_id).contacts
    found = notes_before_launch(config, plan.invited, plan.wave.closes_at - now, mail.status().paused_because, now)
    if domain in {contact.address.rpartition("@")[2].lower() for contact in contacts}:
        found += (f"Mails come from {domain}, the provider's own domain, and what staff reply would reach it. Correct CANDOUR_MAIL_FROM.",)
    return found


def open_wave(name: str, now: datetime, key_dir: Path | None, *, actor: str) -> Wave:
    """Freezes a planned wave and queues one invitation per person, all in one transaction.

    The key is made and its probe opened before anything is stored or sent; opening twice is refused by the state.
    """
    directory = check_whole()
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
        if check_whole() != directory:
            raise Refused(f"A staff list was imported meanwhile. Nothing was sent. Open {plan.wave.slug} once more.")
        launch = waves.Launch(freeze(plan.questionnaire), plan.groups, public, probe, cokeys.hold_for_launch())
        opened = waves.freeze(plan.wave, now, launch)
        group_of = {member: group.name for group in plan.groups for member in group.members}
        rows = [
            {"id": random_id(), "wave_id": opened.id, "person_id": p.id, "group_name": group_of[p.department], "answered": 0}
            for p in plan.people
        ]
        session.execute(insert(InvitationRow), rows)
        _keep_dealing(opened, plan.dealt)
        mail.queue(INVITATION, opened.slug, [str(row["id"]) for row in rows])
        record("wave opened", _terms(opened, plan), actor)
    return opened


def dealt_thirds(person_id: str) -> dict[str, int]:
    """The third into which a person was dealt, by survey: for the person's own data, and for nobody who reads answers."""
    rows = db.session.scalars(select(DealtRow).where(DealtRow.person_id == person_id))
    return {row.survey_id: row.third for row in rows}


def invitation(invitation_id: str) -> Invitation | None:
    """The invitation with this id, if it is still there."""
    row = db.session.get(InvitationRow, invitation_id, populate_existing=True)
    return _invitation(row) if row else None


def invitations_by_id(invitation_ids: Sequence[str]) -> dict[str, Invitation]:
    """Those of these invitations that are still there."""
    columns = (InvitationRow.id, InvitationRow.wave_id, InvitationRow.person_id, InvitationRow.group_name, InvitationRow.answered)
    found = db.session.execute(select(*columns).where(InvitationRow.id.in_(invitation_ids)))
    return {row.id: Invitation(row.id, row.wave_id, row.person_id, row.group_name, bool(row.answered)) for row in found}


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


def store_means(wave_id: str, means: Mapping[str, Means]) -> dict[str, Means]:
    """Before letters leave, in one commit: keeps the hashes of their codes and of their secrets for stopping.

    By invitation; gives those that are still due: none once the wave takes no answers, nor of whom has answered or left meanwhile.
    """
    with transaction():
        if waves.hold_open(wave_id) is None:
            return {}
        wanted = {"invitations": sorted(means)}
        held = {row.id: row.person_id for row in connection().execute(_HOLD_ALL, wanted) if row.person_id and not row.answered}
        if held:
            codes = [{"hash": rules.digest(means[found].code), "invitation_id": found} for found in held]
            connection().execute(insert(TokenRow), codes)
            store_stop_secrets((person, secret) for found, person in held.items() for secret in means[found].ways_out)
    return {found: means[found] for found in held}


def is_due(invitation_id: str, to: str, wave: Wave) -> bool:
    """Inside the commit before a letter leaves: whether it is still due.

    It is not when the person has answered, left, stopped survey mails, or got another address than `to` meanwhile. When the
    wave closes at another time than that of `wave`, which the letter prints, it is to be written anew: not now.
    """
    closes = waves.hold_open(wave.id)
    if closes is None:
        return False
    if closes != wave.closes:
        raise NotNow
    held = connection().execute(_HOLD, {"invitation": invitation_id}).first()  # no correction meanwhile
    return bool(held and held.person_id and not held.answered and reachable_at(held.person_id) == to)


def burn(invitation_id: str) -> bool:
    """Uses up an invitation, inside the transaction that stores its ballot; False when that was done already."""
    query = update(InvitationRow).where(InvitationRow.id == invitation_id, InvitationRow.answered == 0).values(answered=1)
    return connection().execute(query).rowcount == 1


def unanswered(wave_id: str) -> list[str]:
    """The invitations of a wave that have not been used, of people who are still in the directory. For reminding only."""
    query = select(InvitationRow).where(InvitationRow.wave_id == wave_id, InvitationRow.answered == 0).order_by(InvitationRow.id)
    known = {one.id for one in list_people()}
    return [row.id for row in db.session.scalars(query) if row.person_id in known]


def number_answered(wave_id: str) -> int:
    """How many invitations of a wave have been used. For counting only: pages print it in steps of the minimum group."""
    query = select(InvitationRow.id).where(InvitationRow.wave_id == wave_id, InvitationRow.answered == 1)
    return len(db.session.scalars(query).all())


def forget_answering(item: Wave, *, sum_up: bool = False) -> None:
    """Inside the counting transaction: no code, no mark of who answered or was reminded, and no row order that tells it.

    The rows are deleted and inserted again in the order of their ids, because an UPDATE leaves them lying in the
    order of answering on PostgreSQL. Totals of the reminders stay if `sum_up` says so: of a counted wave, never of a void one.
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
        mail.forget_quiet(item.slug, sum_up=sum_up)
        level(item.slug)
        # What comes later, findings say, is not what was meant to wait. Last, for it may lock the audit log.
        mail.resume_wave(item.slug, actor=mail.OF_ITSELF)


_HOLD = select(InvitationRow.person_id, InvitationRow.answered).where(InvitationRow.id == bindparam("invitation")).with_for_update()
_HOLD_ALL = (
    select(InvitationRow.id, InvitationRow.person_id, InvitationRow.answered)
    .where(InvitationRow.id.in_(bindparam("invitations", expanding=True)))
    .order_by(InvitationRow.id)  # so that no two senders wait for each other
    .with_for_update()
)


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


def _third(item: Wave, people: Sequence[Person]) -> tuple[tuple[Person, ...], dict[str, int]]:
    """Who of these belongs to a wave's third, and who would be dealt into a third for that, being new."""
    stored = db.session.execute(select(DealtRow.person_id, DealtRow.third).where(DealtRow.survey_id == item.survey_id))
    here = {person.id for person in people}
    known = {person_id: third for person_id, third in stored if person_id in here}
    dealt = deal([(one.id, one.department) for one in people], known, _SOURCE)
    return tuple(one for one in people if (known | dealt)[one.id] == item.third), dealt


def _keep_dealing(item: Wave, dealt: Mapping[str, int]) -> None:
    """Inside the opening transaction: whom the opening dealt into a third; who has left the company is forgotten."""
    if not item.is_third:
        return
    here = {one.id for one in list_people()}
    stored = db.session.scalars(select(DealtRow.person_id).where(DealtRow.survey_id == item.survey_id)).all()
    for person_id in set(stored) - here:
        db.session.execute(delete(DealtRow).where(DealtRow.survey_id == item.survey_id, DealtRow.person_id == person_id))
    if dealt:
        rows = [{"survey_id": item.survey_id, "person_id": person_id, "third": third} for person_id, third in sorted(dealt.items())]
        db.session.execute(insert(DealtRow), rows)


def _one_group(people: Sequence[Person], of: Sequence[Person]) -> tuple[Group, ...]:
    """A third as its only group; with everybody's departments, for its own would tell where somebody alone in one was dealt."""
    return (Group(ONE_THIRD, len(people), tuple(sorted({person.department for person in of}))),)


def _partition(people: Sequence[Person]) -> tuple[Group, ...]:
    sizes = Counter(person.department for person in people)
    merged = merge_to_invited(sorted(sizes.items()), minimum=MINIMUM_INVITED)
    return tuple(Group(g.name, g.invited, g.members) for g in merged)


def _questions(item: Wave, invited: int) -> Questionnaire:
    if version := next((one.questionnaire_version for one in waves.thirds_of(item) if one.questionnaire_version), None):
        return frozen(version)  # the thirds of a quarter are added up, so they ask the same
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


def _about_languages(unspoken: Mapping[str, int]) -> tuple[str, ...]:
    many = sum(unspoken.values())
    people = f"{how_many(many, 'person')} {either(many, 'is', 'are')}"
    return (f"{people} written to in English, because letters are not offered in: {', '.join(unspoken)}.",) if unspoken else ()


def _about_third(invited: int, of: int) -> tuple[str, ...]:
    """What to know of a third; fewer than are needed for the cadence are a warning here, for the survey has begun."""
    said = (
        f"This wave asks one third: {invited} of {of} people. It shows a score without a verdict; the verdict and what people wrote come "
        "with the quarter, when its three thirds have been counted."
    )
    found = [said]
    if of < OFFERED_FROM:
        found.append(f"Monthly thirds are meant for {OFFERED_FROM} people and more; with {of}, a third will often say too little to show.")
    return tuple(found)


def _about_keys(co_keys: Sequence[CoKey]) -> tuple[str, ...]:
    holders = " or ".join(key.name for key in co_keys)
    return (f"Its answers can be opened only with the key of {holders} as well. If that is lost, so is the wave.",) if co_keys else ()
