"""Sign-in by link, accounts, users, the audit log."""

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from flask_security import login_user
from werkzeug.wrappers import Response as BaseResponse

from survey.access import audit
from survey.access.current import current_actor, current_role
from survey.access.headers import WITH_SCRIPT
from survey.access.open_to import ROLES, open_to
from survey.access.service import add_user, list_users, sign_in_link, use_link
from survey.access.setup import csrf, limit
from survey.kernel.clock import now

blueprint = Blueprint("access", __name__)


@blueprint.get("/sign-in/link")
@open_to("everyone")
def link() -> Response:
    """A static page with a box for the secret; a small script fills it from the address."""
    return _with_script(render_template("access/link.html", problem=None))


@blueprint.post("/sign-in/link")
@csrf.exempt  # the secret is the authority, and the page sets no cookie
@open_to("everyone")
def use() -> BaseResponse:
    """Uses the link up and signs in."""
    address = request.remote_addr or ""
    user = None if limit.seconds_to_wait("link", address) else use_link(request.form.get("token", "")[:200], now())
    if user is None:
        limit.failed("link", address)
        problem = "This link has been used or is too old. Ask an administrator for a new one: candour users add ADDRESS --role ROLE"
        response = _with_script(render_template("access/link.html", problem=problem))
        response.status_code = 410
        return response
    login_user(user, authn_via=["link"])
    if not user.password and not current_app.config["CANDOUR"].is_demo:
        return redirect(url_for("access.account"), 303)
    return redirect("/", 303)


@blueprint.get("/account")
@open_to("viewer")
def account() -> str:
    """Own address, role and password."""
    return render_template("access/account.html", email=current_actor(), role=current_role(), has_password=bool(current_user.password))


@blueprint.route("/users", methods=["GET", "POST"])
@open_to("admin")
def users() -> str:
    """Who may sign in; adding somebody shows their one-time link once."""
    made = None
    if request.method == "POST":
        email = request.form.get("email", "")
        added = add_user(email, request.form.get("role", ""), actor=current_actor())
        made = sign_in_link(added.email, current_app.config["CANDOUR"])
        flash(f"{added.email} may sign in as {added.role}.")
    return render_template("access/users.html", users=list_users(), roles=ROLES, made=made)


@blueprint.get("/audit")
@open_to("manager")
def audit_log() -> str:
    """What was done, by whom, when; never an event of a respondent."""
    what = request.args.get("what", "")
    return render_template("access/audit_log.html", entries=audit.entries(what=what), broken=audit.first_broken(), what=what)


def _with_script(body: str) -> Response:
    response = make_response(body)
    response.headers["Content-Security-Policy"] = WITH_SCRIPT
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
