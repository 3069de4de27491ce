"""Sign-in by link, accounts, users."""

from collections.abc import Callable

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
    change_role_of,
    check_same,
    choose_password,
    end_sessions,
    hand_out_link,
    is_link_good,
    list_users,
    set_password_by_link,
    use_link,
)
from survey.access.service.csrf import csrf
from survey.access.service.current import current_actor, current_role
from survey.access.service.known_browsers import account_of_mailed
from survey.access.service.limits import link_limit
from survey.access.service.programs import tell_program
from survey.access.service.sessions import is_by_link
from survey.access.tables import UserRow
from survey.access.views.known_browser import remember_browser
from survey.config import Config
from survey.kernel.clock import now
from survey.kernel.errors import Refused

blueprint = Blueprint("access", __name__)
_LINK_ENDED = "This link has been used or is too old. Ask an administrator for a new one."
_BROWSER_LINK_ENDED = (
    "This link is too old, or the password was changed since. Sign in as usual, or ask an"
    " administrator for a link."
)


@blueprint.get("/sign-in/link")
@open_to("everyone")
def link() -> Response:
    """The page of a one-time link, with a box for the secret; changes nothing yet.

    It is static; a small script fills the box from the address.
    """
    return _link_page()


@blueprint.post("/sign-in/link")
@csrf.exempt  # type: ignore[untyped-decorator]  # the secret is the authority, and the page sets no cookie
@open_to("everyone")
def use() -> BaseResponse:
    """Sets the new password that was posted with a one-time link, and signs its user in.

    In a demo it signs in without a password. Answers 410 when the link has ended, 429 after too
    many that have; a good one is never made to wait. A password that is refused uses up no link.
    """
    secret = request.form.get("token", "")[:200]
    try:
        user = _use_link(secret)
    except Refused as refused:
        tell_program(refused)
        return _link_page(refused.sentence, 400)
    if user is None:
        return _link_refused(secret, _link_page, _LINK_ENDED)
    login_user(user, authn_via=["link"])
    should_choose_password = not user.password and not _config().is_demo
    return redirect(url_for("access.account") if should_choose_password else "/", 303)


def _use_link(secret: str) -> UserRow | None:
    """Uses up a one-time link for a new password, in a demo without one; None if it has ended."""
    if _config().is_demo:
        return use_link(secret, now())
    if not is_link_good(secret, now()):
        return None
    new = request.form.get("new_password", "")
    check_same(new, request.form.get("again", ""))
    return set_password_by_link(secret, new, now())


@blueprint.get("/sign-in/browser")
@open_to("everyone")
def browser_link() -> Response:
    """The page of a mailed link that makes this browser known; changes nothing yet."""
    return _browser_page()


@blueprint.post("/sign-in/browser")
@csrf.exempt  # type: ignore[untyped-decorator]  # the secret is the authority
@open_to("everyone")
def know_browser() -> BaseResponse:
    """Makes this browser known to the account of a mailed link; signs nobody in."""
    secret = request.form.get("token", "")[:400]
    user_id = account_of_mailed(secret, now().date())
    if user_id is None:
        return _link_refused(secret, _browser_page, _BROWSER_LINK_ENDED)
    remember_browser(user_id)
    flash("This browser is known now. Sign in with your password.")
    return redirect(url_for("security.login"), 303)


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
            remember_browser(current_user.id)  # which a new password has made unknown
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
    """GET lists who may sign in; POST adds somebody and shows their one-time link once.

    A known address gets another role only where the form says so.
    """
    new_link = problem = None
    if request.method == "POST":
        email, role = request.form.get("email", ""), request.form.get("role", "")
        try:
            if request.form.get("change_role"):
                change_role_of(email, role, actor=current_actor())
            added = add_user(email, role, actor=current_actor())
            new_link = hand_out_link(added.email, _config())
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"{added.email} may sign in as {added.role}.")
    page = render_template(
        "access/users.html", users=list_users(), roles=ROLES, new_link=new_link, problem=problem
    )
    return (page, 400) if problem else page


def _link_page(problem: str | None = None, status: int = 200) -> Response:
    """The page of a one-time link, with a problem and what was typed but for passwords."""
    token = request.form.get("token", "") if problem else ""
    page = render_template(
        "access/link.html", problem=problem, token=token, is_demo=_config().is_demo
    )
    return _with_script(page, status)


def _browser_page(problem: str | None = None, status: int = 200) -> Response:
    """The page of a link that makes a browser known, with a problem."""
    return _with_script(render_template("access/browser.html", problem=problem), status)


def _link_refused(secret: str, page: Callable[[str, int], Response], sentence: str) -> Response:
    """The page of a link that is not good, with 410; 429 where an address sends too many."""
    wait = link_limit().fail(request.remote_addr or "", secret)
    if not wait:
        return page(sentence, 410)
    response = page(f"Too many links that are not good. Try again in {wait} seconds.", 429)
    response.headers["Retry-After"] = str(wait)
    return response


def _config() -> Config:
    """The settings of this installation."""
    config: Config = current_app.config["CANDOUR"]
    return config


def _with_script(body: str, status: int) -> Response:
    """A response whose page may run our own scripts, and tells no other page its address."""
    response = make_response(body, status)
    response.headers["Content-Security-Policy"] = WITH_SCRIPT
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
