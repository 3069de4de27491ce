"""Results, the findings mail's preview and sending, and how we count."""

from collections.abc import Container, Sequence
from typing import Any

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from survey.access.rules.open_to import open_to
from survey.access.rules.policy import POLICY
from survey.access.service.current import current_actor, manages
from survey.charts import drawings
from survey.findings.exports.rules.csv_file import as_csv
from survey.findings.letters import findings_letter, length_fault
from survey.findings.rules import Findings, Sharing
from survey.findings.service.documents import comments_of, earlier_findings, findings
from survey.findings.service.sharing import has_groups, number_released, preview_sharing, recipients, share, shared_with
from survey.findings.words.rules.presentation import named_date, present
from survey.findings.words.rules.trends import is_third
from survey.findings.words.rules.worked_example import example, measured
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.mail.rules.letter import Letter
from survey.providers.rules import Contact
from survey.vault.service.spare_copies import copies_to_destroy
from survey.waves import service as waves

blueprint = Blueprint("findings", __name__)
FRAMED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


@blueprint.get("/waves/<wave>")
@open_to("viewer")
def results(wave: str) -> str | BaseResponse:
    """The results of a counted wave, rendered from its frozen document; before that, how far it has come."""
    item = waves.wave(wave)
    if not item.is_published:
        return redirect(url_for("console.progress", wave=item.slug))
    found, before = findings(item.slug), earlier_findings(item)
    may_act = manages()
    if item.is_third:
        return _third(found, before)
    before_it = [document for document in before if not is_third(document)]
    return render_template(
        "findings/results.html",
        shown=present(found.document, before, request.args.get("trend")),
        charts=drawings,
        closed=named_date(found.document["wave"]["closed"]),
        previous=before_it[-1]["wave"]["slug"] if before_it else None,
        thirds=waves.thirds_of(item),
        manages=may_act,
        comments=comments_of(found) if may_act else (),
        copies=copies_to_destroy(item) if may_act else (),
    )


@blueprint.route("/findings/<wave>", methods=["GET", "POST"])
@open_to("manager")
def share_page(wave: str) -> str | BaseResponse | tuple[str, int]:
    """What will be sent, and to whom; nothing and nobody is ticked beforehand, and only what was previewed can be sent."""
    found, chosen, along = findings(wave), request.form.getlist("contact"), _along(request.form)
    provider, contacts = recipients(found.wave)
    shared, problem = _previewed(found, contacts, along)
    written = _letter(shared) if shared else None
    sends = request.method == "POST" and request.form.get("do") != "preview" and not problem
    if sends:
        try:
            _check_sending(chosen, shared, written)
            sent = share(wave, chosen, now(), actor=current_actor(), **along)
        except Refused as refused:
            problem = refused
        else:
            flash(_on_its_way(len(sent), len(set(chosen))))
            return redirect(url_for("findings.results", wave=wave), 303)
    facts = {"found": found, "provider": provider, "contacts": contacts, "already": shared_with(found), "problem": problem}
    facts |= {"chosen": chosen, "shared": shared, "released": number_released(found), "has_groups": has_groups(found)}
    too_long = length_fault(written) if written else None
    page = render_template("findings/share.html", letter=written, too_long=too_long, **facts)
    response = make_response(page, 400 if problem else 200)
    response.headers["Content-Security-Policy"] = POLICY + "; frame-src 'self'"
    return response


@blueprint.get("/findings/<wave>/letter")
@open_to("manager")
def letter(wave: str) -> Response:
    """The mail's HTML part alone, for the preview's frame."""
    found = findings(wave)
    _, contacts = recipients(found.wave)
    shown = _letter(preview_sharing(found, contacts[0].id, now(), **_along(request.args))).html if contacts else ""
    response = make_response(shown)
    response.headers["Content-Security-Policy"] = FRAMED
    return response


@blueprint.get("/findings/<wave>.csv")
@open_to("viewer")
def csv(wave: str) -> Response:
    """One line per published figure."""
    headers = {"Content-Disposition": f"attachment; filename={findings(wave).wave.slug}.csv"}
    return Response(as_csv(findings(wave)), mimetype="text/csv", headers=headers)


@blueprint.get("/how-we-count")
@open_to("everyone")
def how_we_count() -> str:
    """How scores, ranges and verdicts are made, in plain words."""
    return render_template("findings/how_we_count.html", charts=drawings, example=example(), measured=measured())


def _third(found: Findings, before: Sequence[dict[str, Any]]) -> str:
    """One third of a quarter: a score, its range, its place in the trend, and no verdict."""
    return render_template(
        "findings/third.html",
        shown=present(found.document, before, request.args.get("trend")),
        charts=drawings,
        closed=named_date(found.document["wave"]["closed"]),
        quarter=waves.pool_of(found.wave),
        copies=copies_to_destroy(found.wave) if manages() else (),
    )


def _along(ticked: Container[str]) -> dict[str, bool]:
    return {"with_comments": "comments" in ticked, "with_groups": "groups" in ticked}


def _letter(shared: Sharing) -> Letter:
    provider, contacts = recipients(shared.findings.wave)
    to = next(contact for contact in contacts if contact.id == shared.contact_id)
    return findings_letter(shared, provider, to, current_app.config["CANDOUR"])


def _previewed(found: Findings, contacts: Sequence[Contact], along: dict[str, bool]) -> tuple[Sharing | None, Refused | None]:
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
            "What goes along has changed. Look at the mail below, which holds it now, and send it then; nothing was sent.",
        )
    fault = length_fault(written) if written else None
    if fault:
        raise Refused("mail-too-long", f"{fault} Nothing was sent.")


def _on_its_way(new: int, chosen: int) -> str:
    sent = f"On its way to {new} {'people' if new > 1 else 'person'}." if new else "Nothing was sent."
    had = chosen - new
    return f"{sent} {had} {'have' if had > 1 else 'has'} this version already." if had else sent
