"""The page on which a manager records the provider's reply."""

import re

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.accountability import service
from survey.accountability.forms import LARGEST_REPLY, ReplyForm, filled_in, reply_form
from survey.accountability.rules.replies import (
    LONGEST_REPLY,
    MOST_COMMITMENTS,
    RecordedReply,
    ReplyStanding,
    named_day,
    read_commitments,
    read_day,
)
from survey.findings.service.documents import find_findings
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.providers.service import provider_by_id
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

blueprint = Blueprint("accountability", __name__)
_ABOUT_THE_DAY = {
    "day-unreadable",
    "reply-day-before-sharing",
    "reply-day-missing",
    "reply-day-to-come",
}


@blueprint.url_value_preprocessor
def allow_long_replies(endpoint: str | None, values: object) -> None:
    """Raises the size limit of a request to the reply page before the form is read.

    It runs before anything (the CSRF check, too) reads the form.
    """
    del values
    if endpoint == "accountability.reply":
        request.max_content_length = request.max_form_memory_size = LARGEST_REPLY


@blueprint.route("/findings/<wave>/reply", methods=["GET", "POST"])
@open_to("manager", largest=LARGEST_REPLY)
def reply(wave: str) -> str | BaseResponse:
    """GET shows what is recorded; POST stores the provider's reply and the commitments.

    Whatever is wrong with it, the page comes back with everything still on it.
    """
    this_wave = find_findings(waves.find_wave(wave).slug).wave  # refused before it is counted
    standing = service.reply_standing(this_wave, now())
    if request.method != "POST":
        form = filled_in(standing.record if standing else None)
        return _reply_page(this_wave, standing, form)
    form = reply_form(request.form)
    try:
        record = _store_posted(this_wave, form)
    except Refused as refused:
        tell_program(refused)
        return _reply_page(this_wave, standing, form, refused)
    flash(f"Recorded, version {record.version}.")
    return redirect(url_for("followups.write", wave=this_wave.slug), 303)


def _store_posted(wave: Wave, form: ReplyForm) -> RecordedReply:
    """Stores what was posted; "no reply yet" counts only where the text is empty."""
    has_no_text = form.has_none and not form.text.strip()
    commitments = read_commitments(form.lines)
    return service.record_reply(
        wave.slug,
        None if has_no_text else form.text,
        read_day(form.received),
        commitments,
        now(),
        actor=current_actor(),
    )


def _reply_page(
    wave: Wave, standing: ReplyStanding | None, form: ReplyForm, problem: Refused | None = None
) -> BaseResponse:
    """The reply page; after a refused form (`problem`) with what was typed, and status 400."""
    page = render_template(
        "accountability/reply.html",
        wave=wave,
        provider=provider_by_id(wave.provider_id).name,
        standing=standing,
        form=form,
        problem=problem,
        faults=_faults_by_field(problem) if problem else [],
        longest=LONGEST_REPLY,
        most=MOST_COMMITMENTS,
        named=named_day,
        today=standing.today.isoformat() if standing else "",
    )
    return make_response(page, 400 if problem else 200)


def _faults_by_field(problem: Refused) -> list[tuple[str, str]]:
    """What is wrong, as pairs: the id of the field that it is about, and a sentence."""
    faults = problem.details or (problem.sentence,)
    return [(_field_of(problem.code, fault), fault) for fault in faults]


def _field_of(code: str, fault: str) -> str:
    """The id of the field that a fault is about: a commitment's line, the day, or the reply."""
    line = re.match(r"Line (\d+):", fault)
    if line:
        return f"what-{line[1]}"
    return "received" if code in _ABOUT_THE_DAY else "reply"
