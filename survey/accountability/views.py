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
    """Raises the limit of a request before anything (the CSRF check, too) reads the form."""
    del values
    if endpoint == "accountability.reply":
        request.max_content_length = request.max_form_memory_size = LARGEST_REPLY


@blueprint.route("/findings/<wave>/reply", methods=["GET", "POST"])
@open_to("manager", largest=LARGEST_REPLY)
def reply(wave: str) -> str | BaseResponse:
    """Keeps what the provider replied; whatever is wrong, the page comes back with everything still on it."""
    item = waves.find_wave(wave)
    found = find_findings(item.slug).wave
    standing, problem = service.reply_standing(item, now()), None
    form = filled_in(standing.record if standing else None)
    if request.method == "POST":
        form = reply_form(request.form)
        try:
            kept = _record(item, form)
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"Recorded, version {kept.version}.")
            return redirect(url_for("followups.write", wave=item.slug), 303)
    facts = {
        "wave": found,
        "provider": provider_by_id(item.provider_id).name,
        "standing": standing,
        "form": form,
    }
    lines = (problem.details or (problem.sentence,)) if problem else ()
    faults = [(_field(problem.code, line), line) for line in lines] if problem else []
    page = render_template(
        "accountability/reply.html",
        problem=problem,
        faults=faults,
        longest=LONGEST_REPLY,
        most=MOST_COMMITMENTS,
        named=named_day,
        today=_today(standing),
        **facts,
    )
    return make_response(page, 400 if problem else 200)


def _record(wave: Wave, form: ReplyForm) -> RecordedReply:
    text = None if form.has_none and not form.text.strip() else form.text
    lines = read_commitments(form.lines)
    return service.record_reply(
        wave.slug, text, read_day(form.received), lines, now(), actor=current_actor()
    )


def _today(standing: ReplyStanding | None) -> str:
    return standing.today.isoformat() if standing else ""


def _field(code: str, fault: str) -> str:
    """The id of the field that a fault is about."""
    line = re.match(r"Line (\d+):", fault)
    if line:
        return f"what-{line[1]}"
    return "received" if code in _ABOUT_THE_DAY else "reply"
