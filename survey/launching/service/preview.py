"""What opening a wave would freeze, ask and never show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr

from survey.config import Config
from survey.invitations.letters import check_letters_can_be_written
from survey.invitations.service.thirds import people_of_third
from survey.kernel.plurals import choose_form, how_many
from survey.mail import service as mail
from survey.mail.service import notes_before_launch
from survey.people.rules.staff_list import Person
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
from survey.vault.service import co_keys as cokeys
from survey.waves import service as waves
from survey.waves.rules.checks import MINIMUM_INVITED, check_audience, check_opens
from survey.waves.rules.thirds import OFFERED_FROM, ONE_THIRD
from survey.waves.rules.waves import CoKey, ReportingGroup, Wave

SMALLEST_FOR_TEXT = 10
FEW = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """What opening a wave would do: the groups it would freeze, the questions it would ask, and what to know before.

    Of monthly thirds, `dealt` are those who would be dealt into a third by it, by person.
    """

    wave: Wave
    groups: tuple[ReportingGroup, ...]
    questionnaire: Questionnaire
    people: tuple[Person, ...]
    warnings: tuple[str, ...]
    dealt: Mapping[str, int] = field(default_factory=dict)

    @property
    def invited(self) -> int:
        """How many people would be invited."""
        return len(self.people)


def preview_wave(name: str) -> Preview:
    """What opening this wave would freeze; refuses what cannot be opened, saying why."""
    item = waves.find_wave(name)
    check_opens(item)
    everybody = people_in(item.audience)
    people, dealt = people_of_third(item, everybody) if item.is_third else (everybody, {})
    check_audience(len(people))
    groups = _one_group(people, everybody) if item.is_third else _partition(people)
    asked = _questions(item, len(people))
    warnings = (
        _about_third(len(people), len(everybody))
        if item.is_third
        else _warnings(groups, len(people))
    )
    unspoken = check_letters_can_be_written(item, groups[0], asked, people)
    return Preview(
        item,
        groups,
        asked,
        people,
        (*warnings, *_about_languages(unspoken), *_about_keys(cokeys.co_keys_for_launch())),
        dealt,
    )


def notes_on_mail(plan: Preview, config: Config, now: datetime) -> tuple[str, ...]:
    """What to know about mail before this wave opens, after a few seconds at most; it may open all the same."""
    domain = parseaddr(config.mail_from)[1].rpartition("@")[2].lower()
    contacts = provider_by_id(plan.wave.provider_id).contacts
    found = notes_before_launch(
        config, plan.invited, plan.wave.closes_at - now, mail.delivery_status().paused_because, now
    )
    if domain in {contact.address.rpartition("@")[2].lower() for contact in contacts}:
        said = (
            f"Mails come from {domain}, the provider's own domain, and what staff reply would"
            " reach it."
        )
        found += (f"{said} An administrator can give them another sender.",)
    return found


def _one_group(people: Sequence[Person], of: Sequence[Person]) -> tuple[ReportingGroup, ...]:
    """A third as its only group; with everybody's departments, for its own would tell where somebody alone in one was dealt."""
    return (
        ReportingGroup(ONE_THIRD, len(people), tuple(sorted({person.department for person in of}))),
    )


def _partition(people: Sequence[Person]) -> tuple[ReportingGroup, ...]:
    sizes = Counter(person.department for person in people)
    merged = merge_to_invited(sorted(sizes.items()), minimum=MINIMUM_INVITED)
    return tuple(ReportingGroup(g.name, g.invited, g.members) for g in merged)


def _questions(item: Wave, invited: int) -> Questionnaire:
    if version := next(
        (one.questionnaire_version for one in waves.thirds_of(item) if one.questionnaire_version),
        None,
    ):
        return frozen_questionnaire(
            version
        )  # the thirds of a quarter are added up, so they ask the same
    asked = find_questionnaire(waves.find_survey(item.survey).questionnaire)
    follows = waves.number_of_earlier_waves(item) > 0
    asks_loop = asked.with_role(QuestionRole.LOOP) is not None
    if follows and asked.slug == "quarterly_8" and not asks_loop:
        asked = select_questions(asked, [bank_question_with_role(QuestionRole.LOOP).id])
    return asked if invited >= SMALLEST_FOR_TEXT else asked.without_texts()


def _warnings(groups: Sequence[ReportingGroup], invited: int) -> tuple[str, ...]:
    found = []
    if invited < SMALLEST_FOR_TEXT:
        found.append(
            f"With {invited} invited, no open question is asked. Means, distributions and comments"
            " will never be shown, and the wave cannot count for the ladder."
        )
    elif invited < FEW:
        often = round(100 * chance_of_answers(invited))
        found.append(
            f"With {invited} invited, ten answers come in about {often} times in 100, if each of"
            " them answers with a chance of 65 %. Without ten, means, distributions and comments"
            " stay hidden."
        )
    found += [
        f"{g.name} are counted together ({g.invited} people), so that nobody can be worked out."
        for g in groups
        if len(g.members) > 1
    ]
    return tuple(found)


def _about_languages(unspoken: Mapping[str, int]) -> tuple[str, ...]:
    many = sum(unspoken.values())
    people = f"{how_many(many, 'person')} {choose_form(many, 'is', 'are')}"
    return (
        (
            (
                f"{people} written to in English, because letters are not offered in:"
                f" {', '.join(unspoken)}."
            ),
        )
        if unspoken
        else ()
    )


def _about_third(invited: int, of: int) -> tuple[str, ...]:
    """What to know of a third; fewer than are needed for the cadence are a warning here, for the survey has begun."""
    said = (
        f"This wave asks one third: {invited} of {of} people. It shows a score without a verdict;"
        " the verdict and what people wrote come with the quarter, when its three thirds have been"
        " counted."
    )
    found = [said]
    if of < OFFERED_FROM:
        found.append(
            f"Monthly thirds are meant for {OFFERED_FROM} people and more; with {of}, a third will"
            " often say too little to show."
        )
    return tuple(found)


def _about_keys(co_keys: Sequence[CoKey]) -> tuple[str, ...]:
    holders = " or ".join(key.name for key in co_keys)
    return (
        (
            (
                f"Its answers can be opened only with the key of {holders} as well. If that is"
                " lost, so is the wave."
            ),
        )
        if co_keys
        else ()
    )
