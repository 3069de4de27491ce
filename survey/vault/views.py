"""Who holds a second key (the strict tier)."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.kernel.errors import Refused
from survey.vault.service import co_keys

blueprint = Blueprint("vault", __name__)


@blueprint.route("/organisation/cokey", methods=["GET", "POST"])
@open_to("admin")
def cokey() -> str | Response | tuple[str, int]:
    """Shows the page of second keys and who holds one; a POST registers one.

    The page says what a second key means. A refusal is shown on it, with status 400.
    """
    problem = None
    if request.method == "POST":
        try:
            registered = co_keys.register_co_key(
                request.form.get("name", ""), request.form.get("public", ""), actor=current_actor()
            )
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(
                f"The next wave is sealed to the key of {registered.key.name} as well. Compare the"
                f" fingerprint by voice: {registered.fingerprint}"
            )
            return redirect(url_for("vault.cokey"), 303)
    page = render_template(
        "vault/cokey.html", keys=co_keys.list_co_keys(), most=co_keys.MOST, problem=problem
    )
    return (page, 400) if problem else page


@blueprint.post("/organisation/cokey/end")
@open_to("admin")
def end_cokey() -> Response:
    """Ends the key of the `name` in the form, so that no later wave is sealed to it."""
    ended = co_keys.end_co_key(request.form.get("name", ""), actor=current_actor())
    still_needed = f" {ended.seals} still needs it." if ended.seals else ""
    flash(f"The key of {ended.key.name} is ended.{still_needed}")
    return redirect(url_for("vault.cokey"), 303)
