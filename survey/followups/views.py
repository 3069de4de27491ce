"""Writing and sending the follow-up mail, and reading what was sent."""

import re

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
    """GET shows mail and draft; POST stores the draft, and sends the mail if asked to.

    The mail is shown as it would go now; the button sends it to everybody who was invited.
    """
    this_wave = waves.find_wave(wave)
    if request.method != "POST":
        return _write_page(this_wave, as_saved(follow_ups.draft_of(this_wave)))
    form = mail_form(request.form)
    try:
        return _save_or_send(this_wave, form)
    except Refused as refused:
        tell_program(refused)
        return _write_page(this_wave, form, refused)


@blueprint.get("/findings/<wave>/follow-up/letter")
@open_to("manager")
def letter(wave: str) -> Response:
    """The HTML part of the mail as it would go now, for the preview's frame; empty if none."""
    edition, _ = _preview(waves.find_wave(wave))
    return _framed(edition)


@blueprint.get("/waves/<wave>/follow-up")
@open_to("viewer")
def sent(wave: str) -> Response:
    """The page of the mail as sent to staff, from what was frozen; before that, when it is due."""
    this_wave = waves.find_wave(wave)
    edition = follow_ups.find_edition(this_wave, _asked_version())
    page = render_template(
        "followups/sent.html",
        wave=this_wave,
        edition=edition,
        standing=follow_ups.follow_up_standing(this_wave, now()),
        named=named_day,
        manages=manages(),
        paused=mail.channel_pause() is not None or this_wave.slug in mail.paused_waves(),
        letter=sample_letter(edition) if edition else None,
        letters=mail.delivery_status(this_wave.slug).counts(follow_ups.FOLLOW_UP),
        versions=follow_ups.list_editions(this_wave),
    )
    return _allow_frames(page)


@blueprint.get("/waves/<wave>/follow-up/letter")
@open_to("viewer")
def sent_letter(wave: str) -> Response:
    """The HTML part of the mail as sent, for the frame; empty if none was."""
    return _framed(follow_ups.find_edition(waves.find_wave(wave), _asked_version()))


def _write_page(wave: Wave, form: MailForm, problem: Refused | None = None) -> BaseResponse:
    """The page to write the mail; after a refused form (`problem`) as typed, and status 400."""
    findings = find_findings(wave.slug)
    standing = follow_ups.follow_up_standing(wave, now())
    edition, refusal = _preview(wave)
    letter = sample_letter(edition) if edition else None
    page = render_template(
        "followups/write.html",
        wave=wave,
        provider=provider_by_id(wave.provider_id).name,
        standing=standing,
        edition=edition,
        letter=letter,
        too_long=length_fault(letter, SHORTER) if letter else None,
        refusal=refusal,
        why_not=follow_ups.why_not_yet(wave, standing) if standing else None,
        measures=measures_to_choose(findings),
        form=form,
        readers=len(follow_ups.follow_up_readers(wave)),
        named=named_day,
        no_reply=no_reply_by,
        problem=problem,
        faults=_faults_by_field(problem) if problem else [],
    )
    return _allow_frames(page, 400 if problem else 200)


def _save_or_send(wave: Wave, form: MailForm) -> BaseResponse:
    """Stores the draft on the page, and sends the mail if that button was pressed.

    It is kept first, so that nothing typed is lost and only what was looked at is sent.
    """
    draft = read_draft(form.opening, form.changes, form.strengths, form.problems, form.correction)
    follow_ups.save_draft(wave.slug, draft)
    if request.form.get("do") != "send":
        flash("Saved. Below is the mail as it would go now; nothing was sent.")
        return redirect(url_for("followups.write", wave=wave.slug), 303)
    edition = follow_ups.send_follow_up(
        wave.slug, now(), actor=current_actor(), seen=request.form.get("seen", "")
    )
    flash(f"On its way to everybody who was invited, version {edition.version}.")
    return redirect(url_for("followups.sent", wave=wave.slug), 303)


def _preview(wave: Wave) -> tuple[FollowUpEdition | None, Refused | None]:
    """The mail as it would go now, or the refusal that says why there is none.

    After one went out there is neither, unless the draft says what it corrects.
    """
    try:
        if follow_ups.list_editions(wave) and not follow_ups.draft_of(wave).correction:
            return None, None
        return follow_ups.preview_follow_up(wave.slug, now()), None
    except Refused as refused:
        return None, refused


def _asked_version() -> int | None:
    """The version number in the address; None for the newest, or if it is not a number."""
    version = request.args.get("version", "")
    return int(version) if re.fullmatch(r"[1-9]\d{0,4}", version, re.ASCII) else None


def _faults_by_field(problem: Refused) -> list[tuple[str, str]]:
    """What is wrong, as pairs: the id of the field that it is about, and a sentence."""
    faults = problem.details or (problem.sentence,)
    return [(_field_of(fault), fault) for fault in faults]


def _field_of(fault: str) -> str:
    """The id of the field that a fault is about; "mail" where its words name none."""
    fields = {
        "opening line": "opening",
        "what you change": "changes",
        "measure": "strength-1",
        "Choose another": "strength-1",
    }
    for words, field in fields.items():
        if words in fault:
            return field
    return "mail"


def _framed(edition: FollowUpEdition | None) -> Response:
    """The HTML part of a mail alone, which works only in a frame of our pages; None is empty."""
    response = make_response(sample_letter(edition).html if edition else "")
    response.headers["Content-Security-Policy"] = FRAMED
    return response


def _allow_frames(page: str, code: int = 200) -> Response:
    """A response with this page and status that may show our own pages in frames."""
    response = make_response(page, code)
    response.headers["Content-Security-Policy"] = POLICY + "; frame-src 'self'"
    return response
