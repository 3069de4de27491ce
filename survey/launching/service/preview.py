"""Works out, and stores nothing: what opening a wave would freeze and ask, with warnings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr

from survey.config import Config
from survey.database import revealing_server_settings
from survey.invitations.letters import check_letters_can_be_written
from survey.invitations.service.thirds import people_of_third
from survey.kernel.errors import Refused
from survey.kernel.plurals import choose_form, how_many
from survey.launching.service.obstacles import Obstacles
from survey.mail import service as mail
from survey.mail.service import notes_before_launch
from survey.organisation.rules.frozen_promise import FrozenPromise
from survey.organisation.rules.network import network_advice
from survey.organisation.service import (
    check_readers_still_there,
    confirmed_organisation,
    own_mail_domains,
)
from survey.people.rules.mail_domains import count_foreign_domains
from survey.people.rules.staff_list import Person, PersonId
from survey.people.service.directory import people_in
from survey.providers.service import provider_by_id
from survey.questionnaires.rules import Questionnaire, QuestionRole
from survey.questionnaires.service import (
    bank_question_with_role,
    find_questionnaire,
    frozen_questionnaire,
    select_questions,
)
from survey.statistics.planning import chance_of_answers
from survey.statistics.suppression import merge_to_invited
from survey.vault.service import co_keys
from survey.waves import service as waves
from survey.waves.rules.checks import MINIMUM_INVITED, check_audience, check_opens
from survey.waves.rules.thirds import OFFERED_FROM, ONE_THIRD
from survey.waves.rules.waves import CoKey, ReportingGroup, Wave

SMALLEST_FOR_TEXT = 10
FEW = 20
MOST_DOMAINS_LISTED = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """What opening a wave would do: whom it would invite, in which groups, with which questions.

    `warnings` are what to know before. Where the wave asks a third, `newly_assigned` are the thirds
    of people who would be assigned to one by the opening, by person. `foreign_domains` are how many
    of them have an address at each domain that is not the organisation's own, None where its own
    are not known.
    """

    wave: Wave
    groups: tuple[ReportingGroup, ...]
    questionnaire: Questionnaire
    people: tuple[Person, ...]
    warnings: tuple[str, ...]
    newly_assigned: Mapping[PersonId, int] = field(default_factory=dict)
    foreign_domains: Mapping[str, int] | None = None

    @property
    def invited(self) -> int:
        """How many people would be invited."""
        return len(self.people)

    @property
    def number_outside(self) -> int | None:
        """How many of them have an address outside the organisation's domains; None: not known."""
        return None if self.foreign_domains is None else sum(self.foreign_domains.values())


def preview_wave(slug: str) -> Preview:
    """What opening this wave would freeze; stores nothing. Refuses a wave that cannot be opened.

    The refusal says why, all reasons at once: facts about the organisation that nobody has
    confirmed, readers of comments who have gone, too few people, an audience that names no
    department, letters that cannot be written, a used key of a representative, and a database that
    would write down who answers. A wave that is not planned any more has no other reason.
    """
    wave = waves.find_wave(slug)
    check_opens(wave)
    obstacles = Obstacles()
    preview = None
    with obstacles.noted():
        check_readers_still_there(confirmed_organisation())
    with obstacles.noted():
        preview = _preview(wave)
    with obstacles.noted():
        co_keys.co_keys_for_launch()
    with obstacles.noted():
        _check_database_keeps_no_trace()
    obstacles.raise_all(wave.slug)
    assert preview is not None
    return preview


def _preview(wave: Wave) -> Preview:
    """What opening this wave would freeze; refuses one without enough people or good letters."""
    audience = people_in(wave.audience)
    newly_assigned: Mapping[PersonId, int] = {}
    if wave.is_third:
        people, newly_assigned = people_of_third(wave, audience)
        check_audience(len(people))
        groups = _one_group(people, audience)
        warnings = _notes_on_third(len(people), len(audience))
    else:
        people = audience
        check_audience(len(people))
        groups = _partition(people)
        warnings = _notes_on_size(groups, len(people))
    questionnaire = _questions(wave, len(people))
    unspoken = check_letters_can_be_written(wave, groups[0], questionnaire, people)
    warnings += _notes_on_languages(unspoken)
    warnings += _notes_on_co_keys(co_keys.announced_co_keys())
    warnings += notes_on_promise(waves.promise_of(wave, ""))
    own_domains = own_mail_domains()
    foreign = count_foreign_domains((person.email for person in people), own_domains)
    warnings += _notes_on_foreign_domains(foreign or {}, own_domains, len(people))
    return Preview(wave, groups, questionnaire, people, warnings, newly_assigned, foreign)


def _check_database_keeps_no_trace() -> None:
    """Refuses to open while settings of the database server make it write down who answers."""
    settings = revealing_server_settings()
    if settings:
        raise Refused(
            "database-writes-down-who-answers",
            "The database would write down who answers. Nothing was sent. Its settings have to be"
            " changed before the wave can open.",
            settings=" ".join(settings),
        )


def notes_on_mail(preview: Preview, config: Config, now: datetime) -> tuple[str, ...]:
    """Warnings on mail before this wave opens, such as a pause; none of them keeps it from opening.

    Takes a few seconds at most.
    """
    wave = preview.wave
    paused_because = mail.delivery_status().paused_because
    notes = notes_before_launch(config, preview.invited, wave.closes_at - now, paused_because, now)
    sender_domain = _domain_of(parseaddr(config.mail_from)[1])
    contacts = provider_by_id(wave.provider_id).contacts
    if sender_domain in {_domain_of(contact.address) for contact in contacts}:
        note = (
            f"Mails come from {sender_domain}, the provider's own domain, and what staff reply"
            " would reach it. An administrator can give them another sender."
        )
        return (*notes, note)
    return notes


def _domain_of(address: str) -> str:
    """The domain of a mail address, in small letters."""
    return address.rpartition("@")[2].lower()


def _one_group(people: Sequence[Person], audience: Sequence[Person]) -> tuple[ReportingGroup, ...]:
    """A third as its only group, with its number of people and the whole audience's departments.

    Its own departments would tell to which third somebody belongs who is alone in one.
    """
    departments = {person.department for person in audience}
    return (ReportingGroup(ONE_THIRD, len(people), tuple(sorted(departments))),)


def _partition(people: Sequence[Person]) -> tuple[ReportingGroup, ...]:
    """The departments as reporting groups, small ones merged to at least 8 people invited."""
    sizes = Counter(person.department for person in people)
    merged = merge_to_invited(sorted(sizes.items()), minimum=MINIMUM_INVITED)
    return tuple(ReportingGroup(group.name, group.invited, group.members) for group in merged)


def _questions(wave: Wave, invited: int) -> Questionnaire:
    """The questions that the wave would ask; for a third, those frozen already in its quarter.

    The thirds of a quarter ask the same, for they are added up. Else the survey's questionnaire:
    from its second wave on `quarterly_8` gets the question on what became of earlier answers, and
    below ten invited there is no open question.
    """
    versions = [third.questionnaire_version for third in waves.thirds_of(wave)]
    for version in versions:
        if version:
            return frozen_questionnaire(version)
    questionnaire = find_questionnaire(waves.find_survey(wave.survey).questionnaire)
    is_first = waves.number_of_earlier_waves(wave) == 0
    asks_loop = questionnaire.with_role(QuestionRole.LOOP) is not None
    if not is_first and questionnaire.slug == "quarterly_8" and not asks_loop:
        loop = bank_question_with_role(QuestionRole.LOOP)
        questionnaire = select_questions(questionnaire, [loop.id])
    return questionnaire if invited >= SMALLEST_FOR_TEXT else questionnaire.without_texts()


def _notes_on_size(groups: Sequence[ReportingGroup], invited: int) -> tuple[str, ...]:
    """Warnings on what stays hidden of so few invited, and on departments counted together."""
    notes = []
    if invited < SMALLEST_FOR_TEXT:
        notes.append(
            f"With {invited} invited, no open question is asked. Means, distributions and comments"
            " will never be shown, and the wave cannot count for the ladder."
        )
    elif invited < FEW:
        percent = round(100 * chance_of_answers(invited))
        notes.append(
            f"With {invited} invited, ten answers come in about {percent} times in 100, if each of"
            " them answers with a chance of 65 %. Without ten, means, distributions and comments"
            " stay hidden."
        )
    merged = [group for group in groups if len(group.members) > 1]
    notes += [
        f"{group.name} are counted together ({group.invited} people), so that nobody can be worked"
        " out."
        for group in merged
    ]
    return tuple(notes)


def _notes_on_languages(unspoken: Mapping[str, int]) -> tuple[str, ...]:
    """A note on how many people get English because their language is not offered; empty if nobody.

    `unspoken` gives the number of people by language.
    """
    if not unspoken:
        return ()
    number = sum(unspoken.values())
    people = f"{how_many(number, 'person')} {choose_form(number, 'is', 'are')}"
    note = (
        f"{people} written to in English, because letters are not offered in:"
        f" {', '.join(unspoken)}."
    )
    return (note,)


def _notes_on_third(invited: int, audience: int) -> tuple[str, ...]:
    """What to know of a wave that asks one third: `invited` of `audience` people.

    Fewer than are needed for the cadence are a warning here, no refusal, for the survey has begun.
    """
    about_verdict = (
        f"This wave asks one third: {invited} of {audience} people. It shows a score without a"
        " verdict; the verdict and what people wrote come with the quarter, when its three thirds"
        " have been counted."
    )
    about_size = (
        f"Monthly thirds are meant for {OFFERED_FROM} people and more; with {audience}, a third"
        " will often say too little to show."
    )
    return (about_verdict, about_size) if audience < OFFERED_FROM else (about_verdict,)


def _notes_on_foreign_domains(
    foreign: Mapping[str, int], own: Sequence[str], invited: int
) -> tuple[str, ...]:
    """A note on how many people have an address outside the organisation's domains, and at which.

    Empty where nobody has. Whoever would cheat invents people with mailboxes of their own.
    """
    if not foreign:
        return ()
    number = sum(foreign.values())
    listed = list(foreign)[:MOST_DOMAINS_LISTED]
    more = len(foreign) - len(listed)
    domains = ", ".join(listed) + (f" and {how_many(more, 'other domain')}" if more else "")
    note = (
        f"{number} of the {invited} people {choose_form(number, 'has', 'have')} an address outside"
        f" {', '.join(own)} ({domains}). Check that they work for you. The number is shown to"
        " everybody who is asked, and in the results."
    )
    return (note,)


def notes_on_promise(promise: FrozenPromise) -> tuple[str, ...]:
    """What to know of the facts before a wave opens: mail run by the provider, nobody to read."""
    notes = []
    provider, answer = promise.provider, promise.organisation.provider_runs_mail
    if answer is None:
        notes.append(
            f"Nobody has said whether {provider} runs your mail or network."
            f" {network_advice(provider)}"
        )
    elif answer:
        notes.append(f"{provider} runs your mail or network. {network_advice(provider)}")
    if not promise.organisation.readers:
        notes.append(
            "Nobody is named who reads the comments, so nobody can read them until an administrator"
            " names one or two people. That is kept in the log and printed in the findings."
        )
    return tuple(notes)


def _notes_on_co_keys(keys: Sequence[CoKey]) -> tuple[str, ...]:
    """A note on whose key is needed too when the answers are opened; empty without co-keys."""
    if not keys:
        return ()
    holders = " or ".join(key.name for key in keys)
    note = (
        f"Its answers can be opened only with the key of {holders} as well. If that is lost, so is"
        " the wave."
    )
    return (note,)
