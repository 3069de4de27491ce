"""Answering: the page an employee sees, and storing a ballot while its invitation is used up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from survey.answering.rules.form import CODE_MISSING, advice_on_length, read_form
from survey.answering.rules.staff_list import WaveStaffList, describe_staff_list
from survey.answering.rules.survey_page import PageQuestion, SurveyPage
from survey.database import transaction
from survey.invitations.rules.codes import code_in
from survey.invitations.service import invitations
from survey.kernel.errors import Refused
from survey.organisation.rules.frozen_promise import FrozenPromise, terms_of_promise
from survey.organisation.rules.organisation import named_readers, unnamed_organisation
from survey.organisation.rules.promise import promise_on_form
from survey.organisation.service import confirmed_organisation
from survey.people.service.staff_changes import all_staff_changes
from survey.providers.service import list_providers
from survey.questionnaires.rules import Question, ScaleKind
from survey.responses.rules import Answers, pack_ballot
from survey.responses.service import responses
from survey.vault.rules import sealing
from survey.waves import service as waves
from survey.waves.rules import thirds
from survey.waves.rules.deadlines import reply_by, share_by
from survey.waves.rules.waves import CoKey, Wave, WaveState, printed_time

LONGEST_CODE_FIELD = 200


class SubmissionOutcome(Enum):
    """What became of a posted form."""

    SENT = "sent"
    PROBLEMS = "problems"
    CODE_REFUSED = "code refused"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a posted form, and one sentence per field that needs attention."""

    outcome: SubmissionOutcome
    problems: Mapping[str, str]


def submit_answers(wave: Wave, form: Mapping[str, list[str]], now: datetime) -> Submission:
    """Takes a posted form: checks it, then stores the ballot and uses up the invitation.

    Answers are read first, then the code; then one transaction uses up the invitation and stores
    the ballot. Only a form with good answers ever asks about a code, so an empty form says nothing
    about one. Any number of repeats, in a row or at once, give one ballot. While the wave's key is
    missing nothing is taken that could never be opened.
    """
    if wave.key_missing_since and wave.takes_answers(now):
        return Submission(SubmissionOutcome.UNAVAILABLE, {})
    submitted = read_form(waves.questions_of(wave), form)
    if submitted.problems:
        return Submission(SubmissionOutcome.PROBLEMS, submitted.problems)
    typed_code = " ".join(form.get("token", []))
    code = code_in(typed_code[:LONGEST_CODE_FIELD])
    if code is None:
        return Submission(SubmissionOutcome.PROBLEMS, {"token": CODE_MISSING})
    try:
        return _keep(wave, code, submitted.answers, now)
    except sealing.TooLong as excess:
        texts = submitted.answers.texts
        first_text = next(iter(texts))
        return Submission(
            SubmissionOutcome.PROBLEMS, {first_text: advice_on_length(texts, excess.octets)}
        )


def build_survey_page(wave: Wave, sender: str) -> SurveyPage:
    """Everything that the survey page of one wave shows; the same for everybody."""
    promise = waves.promise_of(wave, sender)
    organisation, provider = promise.organisation, promise.provider
    questionnaire = waves.questions_of(wave)
    closes = printed_time(wave.closes, wave.timezone, several_zones=organisation.several_zones)
    return SurveyPage(
        slug=wave.slug,
        organisation=organisation.name,
        provider=provider,
        title="How is our IT support doing?",
        period=f"{wave.opens:%B %Y}",
        questions=tuple(_page_question(question, provider) for question in questionnaire.questions),
        closes=closes,
        promises=promises_of(wave, promise),
        contact=organisation.contact_name,
        language=questionnaire.language.partition("-")[0],
        minutes=questionnaire.minutes,
    )


def next_steps(wave: Wave, page: SurveyPage) -> tuple[tuple[str, str], ...]:
    """What happens after the close, as pairs: the last day it should happen on, and what."""
    provider, closes_on = page.provider, wave.closes.date()
    if wave.third:
        last_close = thirds.last_closing(closes_on, wave.third)
        share_day = share_by(last_close, wave.holidays, in_thirds=True)
        reply_day = reply_by(share_day, wave.holidays)
        return (
            (page.closes, "this part of the survey closes and its answers are counted together."),
            (
                f"By the end of {share_day:%B}",
                f"everybody has been asked once, and {provider} gets the totals, good and bad.",
            ),
            (f"By the end of {reply_day:%B}", f"{provider} has to reply with what it will do."),
        )
    share_day = share_by(closes_on, wave.holidays)
    reply_day = reply_by(share_day, wave.holidays)
    return (
        (page.closes, "the survey closes and all answers are counted together."),
        (f"By {share_day.day} {share_day:%B}", f"{provider} gets the totals, good and bad."),
        (
            f"By {reply_day.day} {reply_day:%B}",
            f"{provider} has to reply with what it will do.",
        ),
    )


def promises_of(wave: Wave, promise: FrozenPromise) -> tuple[str, ...]:
    """The sentences that a wave promised, and since then who reads the comments instead, if any."""
    organisation = promise.organisation
    closes = printed_time(wave.closes, wave.timezone, several_zones=organisation.several_zones)
    representatives = tuple(key.name for key in wave.co_keys)
    thresholds = (wave.minimum_group, wave.minimum_detail)
    sentences = promise_on_form(terms_of_promise(promise, closes, thresholds, representatives))
    return (*sentences, *(change.in_words for change in wave.reader_changes))


def promise_of_next() -> FrozenPromise:
    """What the next wave would promise; words instead of facts that nobody has confirmed."""
    names = [provider.name for provider in list_providers()]
    provider = names[0] if len(names) == 1 else "the IT provider"
    try:
        return FrozenPromise(confirmed_organisation(), provider)
    except Refused:
        return FrozenPromise(unnamed_organisation(), provider)


def promises_of_next(promise: FrozenPromise, keys: Sequence[CoKey]) -> tuple[str, ...]:
    """The sentences that the next wave would promise, sealed to these keys of representatives."""
    holders = tuple(key.name for key in keys)
    terms = terms_of_promise(promise, "on the date in your mail", representatives=holders)
    return promise_on_form(terms)


def readers_on_page(wave: Wave | None, promise: FrozenPromise) -> str:
    """Who reads the comments now, as the page on the promise names them."""
    if wave and wave.reader_changes:
        newest = wave.reader_changes[-1]
        return named_readers(newest.readers, newest.role)
    return promise.organisation.readers_in_words


def staff_lists_of_waves(organisation: str) -> tuple[WaveStaffList, ...]:
    """How the staff list was changed, for each open wave; without one, for the newest that ended.

    Waves that were opened before it was recorded are left out.
    """
    counted = all_staff_changes()
    recorded = [wave for wave in waves.list_waves() if wave.roster and not wave.is_pool]
    running = [wave for wave in recorded if wave.state in {WaveState.OPEN, WaveState.CLOSED}]
    ended = [wave for wave in recorded if wave.is_published]
    described = [describe_staff_list(wave, counted, organisation) for wave in running or ended[-1:]]
    return tuple(filter(None, described))


def _keep(wave: Wave, code: str, answers: Answers, now: datetime) -> Submission:
    """Seals the answers, then uses up the invitation and stores the ballot; or refuses the code.

    The last two are one transaction. Refused: a code of no invitation or used before, and a wave
    that takes no answers.
    """
    refused = Submission(SubmissionOutcome.CODE_REFUSED, {"token": "This code cannot be used"})
    invitation = invitations.invitation_for(code, wave.id)
    if invitation is None or wave.public_key is None or not wave.takes_answers(now):
        return refused
    ballot = pack_ballot(invitation.group, answers)
    sealed = sealing.seal_ballot(wave.public_key, wave.id, ballot)
    layers = [sealing.seal_outer_layer(key.public, wave.id, sealed) for key in wave.co_keys]
    with transaction():
        if not waves.hold_for_answer(wave.id):
            return refused
        if not invitations.use_up_invitation(invitation.id):
            return refused  # somebody was faster; nothing has been written
        responses.store_ballot(wave.id, *(layers or [sealed]))
    return Submission(SubmissionOutcome.SENT, {})


def _page_question(question: Question, provider: str) -> PageQuestion:
    """A question as the page prints it, with the provider's name in its text."""
    scale = question.scale
    points = zip(scale.codes, scale.labels, strict=True)
    return PageQuestion(
        id=question.id,
        kind="text" if scale.kind is ScaleKind.TEXT else "scale",
        text=question.text.replace("{provider}", provider),
        options=tuple((str(code), label) for code, label in points),
        opt_out=scale.opt_out,
        hint=scale.hint,
        max_chars=scale.max_chars,
        numbered=scale.kind is ScaleKind.NPS,
        anchors=scale.anchors,
    )
