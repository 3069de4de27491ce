"""The findings mail's preview and sending, findings as a file, and how we count."""

from collections.abc import Container, Sequence

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
from survey.findings.service.sharing import (
    has_groups,
    number_of_released_comments,
    preview_sharing,
    share_findings,
    shared_with,
    sharing_recipients,
)
from survey.findings.words.rules.worked_example import measured_promises, worked_example
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.plurals import choose_form, how_many
from survey.mail.rules.letter import Letter, length_fault
from survey.providers.rules import Contact

blueprint = Blueprint("findings", __name__)
FRAMED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


@blueprint.route("/findings/<wave>", methods=["GET", "POST"])
@open_to("manager")
def share_page(wave: str) -> str | BaseResponse | tuple[str, int]:
    """What will be sent, and to whom; nothing and nobody is ticked beforehand, and only what was previewed can be sent."""
    found, chosen, along = (
        find_findings(wave),
        request.form.getlist("contact"),
        _along(request.form),
    )
    provider, contacts = sharing_recipients(found.wave)
    shared, problem = _previewed(found, contacts, along)
    written = _letter(shared) if shared else None
    sends = request.method == "POST" and request.form.get("do") != "preview" and not problem
    if sends:
        try:
            _check_sending(chosen, shared, written)
            sent = share_findings(wave, chosen, now(), actor=current_actor(), **along)
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(_on_its_way(len(sent), len(set(chosen))))
            return redirect(url_for("console.results", wave=wave), 303)
    facts = {
        "found": found,
        "provider": provider,
        "contacts": contacts,
        "already": shared_with(found),
        "problem": problem,
    }
    facts |= {
        "chosen": chosen,
        "shared": shared,
        "released": number_of_released_comments(found),
        "has_groups": has_groups(found),
    }
    too_long = length_fault(written, SHORTER) if written else None
    page = render_template("findings/share.html", letter=written, too_long=too_long, **facts)
    response = make_response(page, 400 if problem else 200)
    response.headers["Content-Security-Policy"] = POLICY + "; frame-src 'self'"
    return response


@blueprint.get("/findings/<wave>/letter")
@open_to("manager")
def letter(wave: str) -> Response:
    """The mail's HTML part alone, for the preview's frame."""
    found = find_findings(wave)
    _, contacts = sharing_recipients(found.wave)
    shown = (
        _letter(preview_sharing(found, contacts[0].id, now(), **_along(request.args))).html
        if contacts
        else ""
    )
    response = make_response(shown)
    response.headers["Content-Security-Policy"] = FRAMED
    return response


@blueprint.get("/findings/<wave>.csv")
@open_to("viewer")
def csv(wave: str) -> Response:
    """One line per published figure."""
    headers = {"Content-Disposition": f"attachment; filename={find_findings(wave).wave.slug}.csv"}
    return Response(as_csv(find_findings(wave)), mimetype="text/csv", headers=headers)


@blueprint.get("/how-we-count")
@open_to("everyone")
def how_we_count() -> str:
    """How scores, ranges and verdicts are made, in plain words."""
    return render_template(
        "findings/how_we_count.html",
        charts=drawings,
        example=worked_example(),
        measured=measured_promises(),
    )


def _along(ticked: Container[str]) -> dict[str, bool]:
    return {"with_comments": "comments" in ticked, "with_groups": "groups" in ticked}


def _letter(shared: Sharing) -> Letter:
    provider, contacts = sharing_recipients(shared.findings.wave)
    to = next(contact for contact in contacts if contact.id == shared.contact_id)
    return findings_letter(shared, provider, to, current_app.config["CANDOUR"])


def _previewed(
    found: Findings, contacts: Sequence[Contact], along: dict[str, bool]
) -> tuple[Sharing | None, Refused | None]:
    """What would be sent; where what is ticked cannot go along, the bare mail and the refusal."""
    if not contacts:
        return None, None
    try:
        return preview_sharing(found, contacts[0].id, now(), **along), None
    except Refused as refused:
        return preview_sharing(found, contacts[0].id, now()), refused


def _check_sending(chosen: Sequence[str], shared: Sharing | None, written: Letter | None) -> None:
    """Refuses a mail that cannot be sent as the form stands."""
    if not chosen:
        raise Refused("nobody-chosen", "Tick at least one person; nothing was sent.")
    if shared and written and shared.mark != request.form.get("seen", ""):
        raise Refused(
            "mail-changed-since-seen",
            "What goes along has changed. Look at the mail below, which holds it now, and send it"
            " then; nothing was sent.",
        )
    fault = length_fault(written, SHORTER) if written else None
    if fault:
        raise Refused("mail-too-long", f"{fault} Nothing was sent.")


def _on_its_way(new: int, chosen: int) -> str:
    sent = f"On its way to {how_many(new, 'person')}." if new else "Nothing was sent."
    had = chosen - new
    return f"{sent} {had} {choose_form(had, 'has', 'have')} this version already." if had else sent
