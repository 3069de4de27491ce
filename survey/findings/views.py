"""Results, the findings mail's preview and sending, and how we count."""

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from survey.access.current import current_actor, manages
from survey.access.headers import POLICY
from survey.access.open_to import open_to
from survey.charts import drawings
from survey.findings.explained import example, measured
from survey.findings.export import as_csv
from survey.findings.letters import findings_letter
from survey.findings.presentation import named_date, present
from survey.findings.service import (
    comments_of,
    earlier_findings,
    findings,
    preview_sharing,
    recipients,
    share,
    shared_with,
)
from survey.kernel.clock import now
from survey.mail.letter import Letter
from survey.waves import service as waves

blueprint = Blueprint("findings", __name__)
FRAMED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


@blueprint.get("/waves/<wave>")
@open_to("viewer")
def results(wave: str) -> str | BaseResponse:
    """The results of a counted wave, rendered from its frozen document; before that, how far it has come."""
    item = waves.wave(wave)
    if not item.is_published:
        return redirect(url_for("desk.progress", wave=item.slug))
    found, before = findings(item.slug), earlier_findings(item)
    may_act = manages()
    return render_template(
        "findings/results.html",
        shown=present(found.document, before, request.args.get("trend")),
        charts=drawings,
        closed=named_date(found.document["wave"]["closed"]),
        previous=before[-1]["wave"]["slug"] if before else None,
        manages=may_act,
        comments=comments_of(found) if may_act else (),
    )


@blueprint.route("/findings/<wave>", methods=["GET", "POST"])
@open_to("manager")
def share_page(wave: str) -> str | BaseResponse | tuple[str, int]:
    """What will be sent, and to whom; nobody is ticked beforehand."""
    chosen = request.form.getlist("contact")
    if request.method == "POST" and chosen:
        shared = share(wave, chosen, now(), actor=current_actor())
        flash(_on_its_way(len(shared), len(set(chosen))))
        return redirect(url_for("findings.results", wave=wave), 303)
    found = findings(wave)
    provider, contacts = recipients(found.wave)
    problem = "Tick at least one person; nothing was sent." if request.method == "POST" else None
    facts = {"found": found, "provider": provider, "contacts": contacts, "already": shared_with(found), "problem": problem}
    response = make_response(render_template("findings/share.html", letter=_letter(wave), **facts), 400 if problem else 200)
    response.headers["Content-Security-Policy"] = POLICY + "; frame-src 'self'"
    return response


@blueprint.get("/findings/<wave>/letter")
@open_to("manager")
def letter(wave: str) -> Response:
    """The mail's HTML part alone, for the preview's frame."""
    written = _letter(wave)
    response = make_response(written.html if written else "")
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


def _letter(wave: str) -> Letter | None:
    found = findings(wave)
    provider, contacts = recipients(found.wave)
    if not contacts:
        return None
    return findings_letter(preview_sharing(found, contacts[0].id, now()), provider, contacts[0], current_app.config["CANDOUR"])


def _on_its_way(new: int, chosen: int) -> str:
    sent = f"On its way to {new} {'people' if new > 1 else 'person'}." if new else "Nothing was sent."
    had = chosen - new
    return f"{sent} {had} {'have' if had > 1 else 'has'} this version already." if had else sent
