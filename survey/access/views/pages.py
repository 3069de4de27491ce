"""Sign-in by link, accounts, users."""

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
from flask_login import current_user
from flask_security import login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from survey.access.rules.open_to import ROLES, open_to
from survey.access.rules.policy import WITH_SCRIPT
from survey.access.service.accounts import (
    add_user,
    check_same,
    choose_password,
    end_sessions,
    list_users,
    make_sign_in_link,
    use_link,
)
from survey.access.service.csrf import csrf
from survey.access.service.current import current_actor, current_role
from survey.access.service.limits import sign_in_limit
from survey.access.service.programs import tell_program
from survey.access.service.sessions import is_by_link
from survey.kernel.clock import now
from survey.kernel.errors import Refused

blueprint = Blueprint("access", __name__)
_LINK_ENDED = "This link has been used or is too old. Ask an administrator for a new one."


@blueprint.get("/sign-in/link")
@open_to("everyone")
def link() -> Response:
    """The page of a one-time link, with a box for the secret; changes nothing yet.

    It is static; a small script fills the box from the address.
    """
    return _with_script(render_template("access/link.html", problem=None))


@blueprint.post("/sign-in/link")
@csrf.exempt  # type: ignore[untyped-decorator]  # the secret is the authority, and the page sets no cookie
@open_to("everyone")
def use() -> BaseResponse:
    """Uses up the one-time link that was posted, and signs its user in.

    Answers 410 when the link has ended, 429 after too many failed tries.
    """
    address = request.remote_addr or ""
    account = f"link from {address}"  # whose link it is, is not known yet
    wait = sign_in_limit().attempt(account, address)
    if wait:
        return _link_refused(
            f"Too many failed tries. Try again in {wait} seconds; the link has not been used up.",
            429,
        )
    user = use_link(request.form.get("token", "")[:200], now())
    if user is None:
        return _link_refused(_LINK_ENDED, 410)
    sign_in_limit().forgive(account, address)
    login_user(user, authn_via=["link"])
    is_demo = current_app.config["CANDOUR"].is_demo
    should_choose_password = not user.password and not is_demo
    return redirect(url_for("access.account") if should_choose_password else "/", 303)


@blueprint.get("/account")
@open_to("viewer")
def account() -> str:
    """The page with the signed-in user's address and role, and whether a password is set."""
    return render_template(
        "access/account.html",
        email=current_actor(),
        role=current_role(),
        has_password=bool(current_user.password),
    )


@blueprint.route("/account/password", methods=["GET", "POST"])
@open_to("viewer")
def password() -> str | BaseResponse | tuple[str, int]:
    """GET asks for a new password of one's own; POST sets it and ends the other sessions.

    After a sign-in by link, or where none is set yet, the present one is not asked.
    """
    need_not_know = is_by_link() or not current_user.password
    problem = None
    if request.method == "POST":
        new = request.form.get("new_password", "")
        try:
            check_same(new, request.form.get("again", ""))
            choose_password(
                current_user.id,
                new,
                current=request.form.get("password"),
                now_known=need_not_know,
            )
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash("Your new password is set.")
            return redirect(url_for("access.account"), 303)
    page = render_template("access/password.html", need_not_know=need_not_know, problem=problem)
    return (page, 400) if problem else page


@blueprint.post("/account/sign-out-everywhere")
@open_to("viewer")
def sign_out_everywhere() -> BaseResponse:
    """Ends one's own sessions in all browsers, this one included."""
    end_sessions(current_user.id, actor=current_actor())
    logout_user()
    return redirect(url_for("security.login"), 303)


@blueprint.route("/users", methods=["GET", "POST"])
@open_to("admin")
def users() -> str | tuple[str, int]:
    """GET lists who may sign in; POST adds somebody and shows their one-time link once."""
    new_link = problem = None
    if request.method == "POST":
        email, role = request.form.get("email", ""), request.form.get("role", "")
        try:
            added = add_user(email, role, actor=current_actor())
            new_link = make_sign_in_link(added.email, current_app.config["CANDOUR"])
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"{added.email} may sign in as {added.role}.")
    page = render_template(
        "access/users.html", users=list_users(), roles=ROLES, new_link=new_link, problem=problem
    )
    return (page, 400) if problem else page


def _link_refused(problem: str, code: int) -> Response:
    """The page of a one-time link with a problem, and this status."""
    response = _with_script(render_template("access/link.html", problem=problem))
    response.status_code = code
    return response


def _with_script(body: str) -> Response:
    """A response whose page may run our own scripts, and tells no other page its address."""
    response = make_response(body)
    response.headers["Content-Security-Policy"] = WITH_SCRIPT
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
