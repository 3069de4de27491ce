"""Writing and sending the closing mail, and reading what was sent."""

import re
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from survey.access.rules.open_to import open_to
from survey.access.rules.policy import POLICY
from survey.access.service.current import current_actor, manages
from survey.access.service.programs import tell_program
from survey.accountability.rules.replies import named_day, no_reply_by
from survey.findings.service.documents import find_findings
from survey.followups.forms import MailForm, as_saved, mail_form
from survey.followups.letters import SHORTER, sample_letter
from survey.followups.rules.composition import measures_to_choose
from survey.followups.rules.follow_up import FollowUpEdition, read_draft
from survey.followups.service import follow_ups
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.mail.rules.letter import length_fault
from survey.providers.service import provider_by_id
from survey.waves import service as waves
from survey.waves.rules.waves import Wave

blueprint = Blueprint("followups", __name__)
FRAMED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


@blueprint.route("/findings/<wave>/follow-up", methods=["GET", "POST"])
@open_to("manager")
def write(wave: str) -> str | BaseResponse:
    """The mail as it will go, what a manager adds, and the button that sends it to everybody who was invited."""
    item = waves.find_wave(wave)
    found, standing = find_findings(item.slug), follow_ups.follow_up_standing(item, now())
    form, problem = as_saved(follow_ups.draft_of(item)), None
    if request.method == "POST":
        form = mail_form(request.form)
        try:
            return _act(item, form)
        except Refused as refused:
            tell_program(refused)
            problem = refused
    edition, refusal = _preview(item)
    letter = sample_letter(edition) if edition else None
    facts: dict[str, Any] = {
        "found": found,
        "wave": item,
        "provider": provider_by_id(item.provider_id).name,
        "standing": standing,
    }
    facts |= {
        "edition": edition,
        "letter": letter,
        "too_long": length_fault(letter, SHORTER) if letter else None,
        "refusal": refusal,
    }
    facts |= {
        "why_not": follow_ups.why_not_yet(item, standing) if standing else None,
        "measures": measures_to_choose(found),
        "form": form,
    }
    facts |= {
        "readers": len(follow_ups.follow_up_readers(item)),
        "named": named_day,
        "no_reply": no_reply_by,
        "problem": problem,
    }
    facts["faults"] = (
        [(_part(line), line) for line in problem.details or (problem.sentence,)] if problem else []
    )
    return _with_frame(render_template("followups/write.html", **facts), 400 if problem else 200)


@blueprint.get("/findings/<wave>/follow-up/letter")
@open_to("manager")
def letter(wave: str) -> Response:
    """The HTML part of the mail as it would go now, for the preview's frame."""
    edition, _ = _preview(waves.find_wave(wave))
    return _framed(edition)


@blueprint.get("/waves/<wave>/follow-up")
@open_to("viewer")
def sent(wave: str) -> Response:
    """What was sent to staff, as it was frozen; before that, when it is due."""
    item = waves.find_wave(wave)
    edition = follow_ups.find_edition(item, _version())
    facts = {
        "wave": item,
        "edition": edition,
        "standing": follow_ups.follow_up_standing(item, now()),
        "named": named_day,
        "manages": manages(),
    }
    letters = mail.delivery_status(item.slug).counts(follow_ups.FOLLOW_UP)
    facts["paused"] = mail.channel_pause() is not None or item.slug in mail.paused_waves()
    shown = sample_letter(edition) if edition else None
    return _with_frame(
        render_template(
            "followups/sent.html",
            letter=shown,
            letters=letters,
            versions=follow_ups.list_editions(item),
            **facts,
        )
    )


@blueprint.get("/waves/<wave>/follow-up/letter")
@open_to("viewer")
def sent_letter(wave: str) -> Response:
    """The HTML part of what was sent, for the frame."""
    return _framed(follow_ups.find_edition(waves.find_wave(wave), _version()))


def _act(wave: Wave, form: MailForm) -> BaseResponse:
    """Whatever is on the page is kept first, so that nothing typed is lost and only what was looked at is sent."""
    follow_ups.save_draft(
        wave.slug,
        read_draft(form.opening, form.changes, form.strengths, form.problems, form.correction),
    )
    if request.form.get("do") != "send":
        flash("Saved. Below is the mail as it would go now; nothing was sent.")
        return redirect(url_for("followups.write", wave=wave.slug), 303)
    edition = follow_ups.send_follow_up(
        wave.slug, now(), actor=current_actor(), seen=request.form.get("seen", "")
    )
    flash(f"On its way to everybody who was invited, version {edition.version}.")
    return redirect(url_for("followups.sent", wave=wave.slug), 303)


def _preview(wave: Wave) -> tuple[FollowUpEdition | None, Refused | None]:
    """The mail as it would go now, or why there is none; after one went out, only a correction that says what it corrects."""
    try:
        if follow_ups.list_editions(wave) and not follow_ups.draft_of(wave).correction:
            return None, None
        return follow_ups.preview_follow_up(wave.slug, now()), None
    except Refused as refused:
        return None, refused


def _version() -> int | None:
    asked = request.args.get("version", "")
    return int(asked) if re.fullmatch(r"[1-9]\d{0,4}", asked, re.ASCII) else None


def _part(fault: str) -> str:
    """The id of the part of the mail that a fault is about."""
    parts = {
        "opening line": "opening",
        "what you change": "changes",
        "measure": "strength-1",
        "Choose another": "strength-1",
    }
    return next((part for words, part in parts.items() if words in fault), "mail")


def _framed(edition: FollowUpEdition | None) -> Response:
    response = make_response(sample_letter(edition).html if edition else "")
    response.headers["Content-Security-Policy"] = FRAMED
    return response


def _with_frame(page: str, code: int = 200) -> Response:
    response = make_response(page, code)
    response.headers["Content-Security-Policy"] = POLICY + "; frame-src 'self'"
    return response
