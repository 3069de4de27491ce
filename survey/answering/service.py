"""Answering: the page an employee sees, and the one transaction that burns an invitation and keeps a ballot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from survey.answering.rules.form import CODE_MISSING, advice_on_length, read_form
from survey.answering.rules.survey_page import PageQuestion, SurveyPage
from survey.database import transaction
from survey.invitations.rules.codes import code_in
from survey.invitations.service import invitations
from survey.organisation.rules.organisation import Organisation
from survey.organisation.rules.promise import PromiseTerms, promise_on_form
from survey.organisation.service import find_organisation
from survey.providers.service import provider_by_id
from survey.questionnaires.rules import Question, ScaleKind
from survey.responses.rules import Answers, pack_ballot
from survey.responses.service import responses
from survey.vault.rules import sealing
from survey.waves import service as waves
from survey.waves.rules import thirds
from survey.waves.rules.deadlines import reply_by, share_by
from survey.waves.rules.waves import Wave, printed_time

LONGEST_CODE_FIELD = 200


class SubmissionOutcome(Enum):
    """What became of a posted form."""

    SENT = "sent"
    PROBLEMS = "problems"
    CODE_REFUSED = "code refused"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Submission:
    """The outcome, and one sentence per field that needs attention."""

    outcome: SubmissionOutcome
    problems: Mapping[str, str]


def submit_answers(item: Wave, form: Mapping[str, list[str]], now: datetime) -> Submission:
    """Takes one posted form: answers first, then the code, then one transaction that burns and stores.

    Only a form with good answers ever asks about a code, so an empty form tells nothing about one. Any number of
    repeats, in a row or at once, give one ballot. While the wave's key is missing nothing is taken that could never be opened.
    """
    if item.key_missing_since and item.takes_answers(now):
        return Submission(SubmissionOutcome.UNAVAILABLE, {})
    sent = read_form(waves.questions_of(item), form)
    if sent.problems:
        return Submission(SubmissionOutcome.PROBLEMS, sent.problems)
    code = code_in(" ".join(form.get("token", []))[:LONGEST_CODE_FIELD])
    if code is None:
        return Submission(SubmissionOutcome.PROBLEMS, {"token": CODE_MISSING})
    try:
        return _keep(item, code, sent.answers, now)
    except sealing.TooLong as excess:
        texts = sent.answers.texts
        return Submission(
            SubmissionOutcome.PROBLEMS, {next(iter(texts)): advice_on_length(texts, excess.octets)}
        )


def build_survey_page(item: Wave, sender: str) -> SurveyPage:
    """Everything that the survey page of one wave shows; the same for everybody."""
    facts, provider = find_organisation(sender), provider_by_id(item.provider_id)
    asked = waves.questions_of(item)
    closes = printed_time(item.closes, item.timezone, several_zones=facts.several_zones)
    return SurveyPage(
        slug=item.slug,
        organisation=facts.name,
        provider=provider.name,
        title="How is our IT support doing?",
        period=f"{item.opens:%B %Y}",
        questions=tuple(_page_question(question, provider.name) for question in asked.questions),
        closes=closes,
        promises=promise_on_form(promise_terms(item, facts, provider.name, closes)),
        contact=facts.contact_name,
        language=asked.language.partition("-")[0],
        minutes=asked.minutes,
    )


def next_steps(item: Wave, page: SurveyPage) -> tuple[tuple[str, str], ...]:
    """What happens after the close, each with the last day it should happen on."""
    provider, closed = page.provider, item.closes.date()
    if item.third:
        last = thirds.last_closing(closed, item.third)
        shared = share_by(last, item.holidays, in_thirds=True)
        replied = reply_by(shared, item.holidays)
        return (
            (page.closes, "this part of the survey closes and its answers are counted together."),
            (
                f"By the end of {shared:%B}",
                f"everybody has been asked once, and {provider} gets the totals, good and bad.",
            ),
            (f"By the end of {replied:%B}", f"{provider} has to reply with what it will do."),
        )
    shared = share_by(closed, item.holidays)
    replied = reply_by(shared, item.holidays)
    return (
        (page.closes, "the survey closes and all answers are counted together."),
        (f"By {shared.day} {shared:%B}", f"{provider} gets the totals, good and bad."),
        (f"By {replied.day} {replied:%B}", f"{provider} has to reply with what it will do."),
    )


def promise_terms(item: Wave, facts: Organisation, provider: str, closes: str) -> PromiseTerms:
    """The names, date and thresholds that the promise states for this wave."""
    return PromiseTerms(
        facts.name,
        provider,
        facts.comments_read_by,
        facts.host,
        closes,
        item.minimum_group,
        item.minimum_detail,
        tuple(k.name for k in item.co_keys),
    )


def _keep(item: Wave, code: str, answers: Answers, now: datetime) -> Submission:
    refused = Submission(SubmissionOutcome.CODE_REFUSED, {"token": "This code cannot be used"})
    found = invitations.invitation_for(code, item.id)
    if found is None or item.public_key is None or not item.takes_answers(now):
        return refused
    sealed = sealing.seal_ballot(item.public_key, item.id, pack_ballot(found.group, answers))
    layers = [sealing.seal_outer_layer(key.public, item.id, sealed) for key in item.co_keys] or [
        sealed
    ]
    with transaction():
        if not waves.hold_for_answer(item.id) or not invitations.use_up_invitation(found.id):
            return refused  # somebody was faster; nothing has been written
        responses.store_ballot(item.id, *layers)
    return Submission(SubmissionOutcome.SENT, {})


def _page_question(question: Question, provider: str) -> PageQuestion:
    scale = question.scale
    return PageQuestion(
        id=question.id,
        kind="text" if scale.kind is ScaleKind.TEXT else "scale",
        text=question.text.replace("{provider}", provider),
        options=tuple(
            (str(code), label) for code, label in zip(scale.codes, scale.labels, strict=True)
        ),
        opt_out=scale.opt_out,
        hint=scale.hint,
        max_chars=scale.max_chars,
        numbered=scale.kind is ScaleKind.NPS,
        anchors=scale.anchors,
    )
