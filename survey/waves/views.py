"""The strict tier, under Advanced: who holds a second key."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.current import current_actor
from survey.access.open_to import open_to
from survey.kernel.errors import Refused
from survey.waves import cokeys

blueprint = Blueprint("waves", __name__)


@blueprint.route("/organisation/cokey", methods=["GET", "POST"])
@open_to("admin")
def cokey() -> str | Response | tuple[str, int]:
    """What a second key means, who holds one, and registering one."""
    problem = None
    if request.method == "POST":
        try:
            found = cokeys.register(request.form.get("name", ""), request.form.get("public", ""), actor=current_actor())
        except Refused as refused:
            problem = refused.message
        else:
            flash(f"The next wave is sealed to the key of {found.key.name} as well. Compare the fingerprint by voice: {found.fingerprint}")
            return redirect(url_for("waves.cokey"), 303)
    page = render_template("organisation/cokey.html", keys=cokeys.list_registered(), most=cokeys.MOST, problem=problem)
    return (page, 400) if problem else page


@blueprint.post("/organisation/cokey/end")
@open_to("admin")
def end_cokey() -> Response:
    """Ends a key for the waves to come."""
    found = cokeys.end(request.form.get("name", ""), actor=current_actor())
    flash(f"The key of {found.key.name} is ended.{f' {found.seals} still needs it.' if found.seals else ''}")
    return redirect(url_for("waves.cokey"), 303)
