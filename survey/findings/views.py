"""The findings mail's preview and sending, findings as a file, and how we count."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from flask import (
    Blueprint,
    Response,
    current_app,
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
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.charts import drawings
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.letters import SHORTER, findings_letter
from survey.findings.rules import Findings, Sharing
from survey.findings.service.documents import find_findings
from survey.findings.service.exporting import export_findings
from survey.findings.service.sharing import (
    has_groups,
    number_of_released_comments,
    preview_sharing,
    share_findings,
    shared_with,
    sharing_recipients,
)
from survey.findings.words.rules import how_we_count as counting
from survey.findings.words.rules.worked_example import worked_example
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.plurals import choose_form, how_many
from survey.mail.rules.letter import Letter, length_fault
from survey.providers.rules import Contact, ContactId, Provider

blueprint = Blueprint("findings", __name__)
FRAMED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


@dataclass(frozen=True, slots=True)
class Preview:
    """The mail as it would be sent to contacts, with the extras that the form ticks.

    `sharing` and `letter` are None where the provider has no contact. Where an extra that is ticked
    cannot go along, `problem` says why, and both are those of the mail without extras.
    """

    findings: Findings
    provider: Provider
    contacts: Sequence[Contact]
    sharing: Sharing | None
    letter: Letter | None
    problem: Refused | None


@blueprint.route("/findings/<wave>", methods=["GET", "POST"])
@open_to("manager")
def share_page(wave: str) -> BaseResponse:
    """Shows the findings mail and its recipients; a POST queues it to the contacts ticked.

    Nothing and nobody is ticked beforehand, and only what was previewed can be sent. A POST with
    `do=preview` shows only.
    """
    preview = _preview(find_findings(wave))
    is_sending = request.method == "POST" and request.form.get("do") != "preview"
    if preview.problem or not is_sending:
        return _share_page(preview, preview.problem)
    contact_ids = _chosen_contacts()
    try:
        _check_sending(preview, contact_ids)
        sharings = share_findings(
            wave, contact_ids, now(), actor=current_actor(), **_extras(request.form)
        )
    except Refused as refused:
        tell_program(refused)
        return _share_page(preview, refused)
    flash(_sent_message(len(sharings), len(set(contact_ids))))
    return redirect(url_for("console.results", wave=wave), 303)


@blueprint.get("/findings/<wave>/letter")
@open_to("manager")
def letter(wave: str) -> Response:
    """The HTML of the findings mail, for the preview's frame; empty where there is no contact."""
    findings = find_findings(wave)
    provider, contacts = sharing_recipients(findings.wave)
    html = ""
    if contacts:
        sharing = preview_sharing(findings, contacts[0].id, now(), **_extras(request.args))
        html = _letter(sharing, provider, contacts[0]).html
    response = make_response(html)
    response.headers["Content-Security-Policy"] = FRAMED
    return response


@blueprint.get("/findings/<wave>.csv")
@open_to("viewer")
def csv(wave: str) -> Response:
    """The findings as a CSV file to download, one line per figure; each download is audited."""
    takes_it = request.method == "GET"  # HEAD asks for nothing but the headers
    findings = (
        export_findings(wave, "CSV", actor=current_actor()) if takes_it else find_findings(wave)
    )
    headers = {"Content-Disposition": f"attachment; filename={findings.wave.slug}.csv"}
    return Response(as_csv(findings), mimetype="text/csv", headers=headers)


@blueprint.get("/how-we-count")
@open_to("everyone")
def how_we_count() -> str:
    """The page on how scores, ranges and verdicts are made, in plain words."""
    return render_template(
        "findings/how_we_count.html",
        before=_page_before(),
        charts=drawings,
        example=worked_example(),
        limits=counting.CountingLimits(),
        measured=counting.measured_by_name(),
        parts=counting.measured_in_parts(),
        needed=counting.needed_answers(),
        changes=counting.needed_changes(),
    )


def _page_before() -> str:
    """The address of the page of ours that led here, empty where none did."""
    before = request.referrer or ""
    is_ours = before.startswith(request.host_url) and before != request.base_url
    return before if is_ours else ""


def _extras(ticked: Container[str]) -> dict[str, bool]:
    """Whether comments and groups are ticked to go along, as `share_findings` takes it."""
    return {"with_comments": "comments" in ticked, "with_groups": "groups" in ticked}


def _chosen_contacts() -> list[ContactId]:
    """The ids of the contacts that the form ticks."""
    return [ContactId(value) for value in request.form.getlist("contact")]


def _preview(findings: Findings) -> Preview:
    """The mail to the first contact; without extras, and with `problem`, if those cannot go."""
    provider, contacts = sharing_recipients(findings.wave)
    if not contacts:
        return Preview(findings, provider, contacts, sharing=None, letter=None, problem=None)
    first = contacts[0]
    problem = None
    try:
        sharing = preview_sharing(findings, first.id, now(), **_extras(request.form))
    except Refused as refused:
        problem = refused
        sharing = preview_sharing(findings, first.id, now())
    letter = _letter(sharing, provider, first)
    return Preview(findings, provider, contacts, sharing, letter, problem)


def _letter(sharing: Sharing, provider: Provider, contact: Contact) -> Letter:
    """The findings mail that a sharing would send to a contact, with today's configuration."""
    return findings_letter(sharing, provider, contact, current_app.config["CANDOUR"])


def _share_page(preview: Preview, problem: Refused | None) -> Response:
    """The page with preview and form; its status is 400 where there is a problem."""
    findings = preview.findings
    page = render_template(
        "findings/share.html",
        findings=findings,
        provider=preview.provider,
        contacts=preview.contacts,
        sharing=preview.sharing,
        letter=preview.letter,
        length_fault=_length_fault(preview),
        chosen_ids=_chosen_contacts(),
        sent_before=shared_with(findings),
        released_comments=number_of_released_comments(findings),
        has_groups=has_groups(findings),
        problem=problem,
    )
    response = make_response(page, 400 if problem else 200)
    response.headers["Content-Security-Policy"] = POLICY + "; frame-src 'self'"
    return response


def _check_sending(preview: Preview, contact_ids: Sequence[ContactId]) -> None:
    """Refuses no recipients, extras that changed since the preview, and too long a mail.

    Of the mail, only the digest of its extras (groups and comments) is compared with the one the
    form has seen.
    """
    if not contact_ids:
        raise Refused("nobody-chosen", "Tick at least one person; nothing was sent.")
    if preview.sharing and preview.sharing.mark != request.form.get("seen", ""):
        raise Refused(
            "mail-changed-since-seen",
            "What goes along has changed. Look at the mail below, which holds it now, and send it"
            " then; nothing was sent.",
        )
    if fault := _length_fault(preview):
        raise Refused("mail-too-long", f"{fault} Nothing was sent.")


def _length_fault(preview: Preview) -> str | None:
    """Why the previewed mail is too long to arrive whole; None where it is not, or no mail."""
    return length_fault(preview.letter, SHORTER) if preview.letter else None


def _sent_message(new: int, chosen: int) -> str:
    """A sentence on how many people the mail goes to, and how many had this version before."""
    message = f"On its way to {how_many(new, 'person')}." if new else "Nothing was sent."
    had_before = chosen - new
    if not had_before:
        return message
    return f"{message} {had_before} {choose_form(had_before, 'has', 'have')} this version already."
