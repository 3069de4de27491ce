"""Wires sign-in, the guard, the headers and the error pages into an application."""

import json
import logging
import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import (
    Flask,
    Response,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user, logout_user, user_logged_out
from flask_security import Security, SQLAlchemyUserDatastore, user_authenticated
from flask_security.forms import LoginForm
from flask_security.utils import validate_redirect_url
from flask_wtf.csrf import CSRFError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix

from survey.access.rules.open_to import PageAccess, access_of
from survey.access.service import sessions
from survey.access.service.accounts import offer_link
from survey.access.service.audit import record
from survey.access.service.csrf import csrf
from survey.access.service.current import current_role
from survey.access.service.limits import Wait, sign_in_limit
from survey.access.service.programs import wants_json
from survey.access.tables import RoleRow, UserRow
from survey.access.views.bodies import DamagedForm, init_bodies
from survey.access.views.headers import init_headers
from survey.access.views.known_browser import browser_known_to, remember_browser
from survey.access.views.origins import is_sent_from_elsewhere
from survey.config import Config
from survey.database import db
from survey.kernel.addresses import tidy_address
from survey.kernel.clock import now
from survey.kernel.errors import NotAllowed, NotFound, Refused
from survey.kernel.hints import link_for_page

log = logging.getLogger(__name__)

# Views that libraries bring, and who may open them.
FOREIGN = {
    "static": PageAccess(frozenset({"everyone"})),
    "security.login": PageAccess(frozenset({"everyone"})),
    "security.logout": PageAccess(frozenset({"viewer"})),
}


# What an error page says by its status: title and message.
_ERROR_TEXTS = {
    400: ("This request was not understood", "Go back, reload the page and try again."),
    405: ("Not in this way", "Go back and use the button on the page."),
    413: ("Too much at once", "Send less than 64 KiB, or a file no larger than its page allows."),
    415: (
        "This request was not understood",
        "Pages take forms only, and no JSON. Send the form that the page shows.",
    ),
}
_FROM_ELSEWHERE = (
    "This form was sent from another site",
    "Nothing was changed. If you meant to do this, open the page here and use its own button.",
)
_NOT_FOUND_TEXT = (
    "Not found, or not open to you",
    "The address may be mistyped, or your role does not reach this page.",
)


class SignInForm(LoginForm):
    """The library's form to sign in, with a limit on failed tries.

    It says the same about unknown accounts and wrong passwords, and lets a browser in which the
    account was signed in to before pass whatever others have tried.
    """

    remember = None  # no cookie may outlive a session

    def validate(self, **kwargs: Any) -> bool:  # noqa: ANN401 - the library's signature
        """Whether address and password are right and another try is allowed; counts failures."""
        account = tidy_address(self.email.data or "")
        address = request.remote_addr or ""
        browser = browser_known_to(account)
        wait = sign_in_limit().attempt(account, address, browser=browser)
        if wait.seconds:
            self.form_errors = [_too_many(account, wait, is_known=browser is not None)]
            return False
        self.email.data = account  # as it is stored: phones begin an address with a capital
        if not validate_redirect_url(self.next.data):
            self.next.data = ""  # a way back to another host is dropped, and the sign-in goes on
        if not super().validate(**kwargs):
            return False
        sign_in_limit().forgive(account, address, browser=browser)
        return True


def _too_many(account: str, wait: Wait, *, is_known: bool) -> str:
    """What to say to a try that has to wait; offers the owner a way past the failures of others.

    Says the same whether there is such an account, and mails it a link at most once a day.
    """
    sentence = f"Too many failed tries. Try again in {wait.seconds} seconds."
    if is_known or not wait.is_lasting:
        return sentence
    if sign_in_limit().may_offer(account):
        offer_link(account)
    return (
        f"{sentence} If this address has an account, a link was mailed to it today: opened in this"
        " browser, it lets you sign in with your password without waiting."
    )


def init_access(app: Flask, config: Config) -> None:
    """Adds sign-in, access rules, headers and error pages to an application.

    Passwords by argon2, sessions of 12 hours at most, CSRF on every form, deny by default.
    """
    secure = not config.is_local
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of a method
        SECURITY_PASSWORD_SALT=config.secret_key[:32],
        SECURITY_PASSWORD_LENGTH_MIN=15,
        SECURITY_PASSWORD_COMPLEXITY_CHECKER=None,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_LOGIN_URL="/sign-in",
        SECURITY_LOGOUT_URL="/sign-out",
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/sign-in",
        SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SECURITY_LOGIN_USER_TEMPLATE="access/sign_in.html",
        SECURITY_DEFAULT_REMEMBER_ME=False,
        SECURITY_REGISTERABLE=False,
        SECURITY_STATIC_FOLDER=None,  # what the library brings and no page here uses
        SECURITY_FRESHNESS=timedelta(-1),
        SESSION_COOKIE_NAME="__Host-candour" if secure else "candour",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        WTF_CSRF_TIME_LIMIT=None,  # a form is good while the session lasts
    )
    init_headers(app, config)
    init_bodies(app)
    csrf.init_app(app)
    Security(app, SQLAlchemyUserDatastore(db, UserRow, RoleRow), login_form=SignInForm)
    # No token in a header, address or body signs in.
    app.login_manager.request_loader(lambda _: None)  # type: ignore[attr-defined]
    if config.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.proxies, x_proto=config.proxies)  # type: ignore[method-assign]
    app.before_request(_check_access)
    app.jinja_env.globals["next_step"] = link_for_page
    app.register_error_handler(Refused, _show_refusal)
    app.register_error_handler(CSRFError, _show_stale_form)
    app.register_error_handler(HTTPException, _show_error)
    app.register_error_handler(Exception, _show_fault)
    user_authenticated.connect(_begin_session, app)
    user_logged_out.connect(_end_session, app)


def undeclared(app: Flask) -> list[str]:
    """A sentence on each view that does not say who may open it; empty if all do."""
    return sorted(
        f"{endpoint} lacks @open_to(...): say who may read it"
        for endpoint, view in app.view_functions.items()
        if endpoint not in FOREIGN and access_of(view) is None
    )


def _check_access() -> Any:  # noqa: ANN401 - a response or nothing
    """Before every view: an error page or redirect for what is refused, None to go on.

    Refuses a visitor who may not open the view, a view without a declaration, a form that another
    site has sent, JSON, and NUL.
    """
    endpoint = request.endpoint
    if endpoint is None:
        return None  # no such page: the error page answers
    access = FOREIGN.get(endpoint) or access_of(current_app.view_functions[endpoint])
    if access is None:
        log.error("%s lacks @open_to(...): say who may read it", endpoint)
        return _error_page_for(403)
    if not access.from_anywhere and is_sent_from_elsewhere(current_app.config["CANDOUR"].base_url):
        return _error_page(*_FROM_ELSEWHERE, 403)
    if request.is_json:
        return _error_page_for(415)
    if _holds_nul(with_form=access.needs_sign_in or endpoint in FOREIGN):
        return _error_page_for(400)
    return _check_role(access) if access.needs_sign_in else None


def _check_role(access: PageAccess) -> Any:  # noqa: ANN401 - a response or nothing
    """A redirect to sign-in for a visitor not signed in, a 403 page for a low role, else None.

    Signs out a browser whose session has ended.
    """
    if current_user.is_authenticated and not sessions.is_valid(current_user.id, now()):
        sessions.end_this_session()
        logout_user()
    role = current_role()
    if role is None:
        way_back = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("security.login", next=way_back))
    return None if access.admits(role) else _error_page_for(403)


def _holds_nul(*, with_form: bool) -> bool:
    """Whether the request holds the character NUL, which nobody types and PostgreSQL refuses.

    `with_form`: whether to look at the form as well; an employee's form is cleaned instead.
    """
    texts = [request.path, *_all_texts(request.args)]
    if with_form:
        texts += [*_all_texts(request.form), *request.files]
    return any("\0" in text for text in texts)


def _all_texts(values: MultiDict[str, str]) -> list[str]:
    """All names and values of a query or form, the values of repeated names included."""
    return [text for pair in values.items(multi=True) for text in pair]


def _error_page_for(code: int) -> Any:  # noqa: ANN401 - a page, or a problem for a program
    """The error page for a status, with the texts of `_ERROR_TEXTS`; JSON for a program."""
    title, message = _ERROR_TEXTS.get(code, _NOT_FOUND_TEXT)
    return _error_page(title, message, code)


# A page, or a problem for a program.
def _error_page(title: str, message: str, code: int) -> Any:  # noqa: ANN401
    """A page with this title, message and status; a problem (RFC 9457) for a program."""
    if wants_json():
        return _problem(code, f"{title}. {message}")
    return render_template("errors/page.html", title=title, message=message), code


def _show_refusal(refused: Refused) -> Any:  # noqa: ANN401 - a page, or a problem for a program
    """Rolls back and shows a refusal: 404 for what is missing, 403 where not allowed, else 409."""
    db.session.rollback()
    status = 409
    if isinstance(refused, NotFound):
        status = 404
    elif isinstance(refused, NotAllowed):
        status = 403
    if wants_json():
        return _problem(status, refused.sentence, code=refused.code, errors=list(refused.details))
    return render_template("errors/refused.html", refused=refused, is_missing=status == 404), status


def _problem(status: int, detail: str, **more: object) -> Response:
    """A problem document in JSON that says what went wrong, for a program (RFC 9457).

    `more` may hold a `code`, which tells refusals apart, for their type is always about:blank.
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    text = json.dumps(document, ensure_ascii=False)
    return Response(text, status, content_type="application/problem+json")


def _show_stale_form(error: CSRFError) -> Any:  # noqa: ANN401 - a page, or a problem for a program
    """The error page (400) for a form whose CSRF token is missing or too old."""
    del error
    message = (
        "The form is too old, or you were signed out meanwhile. Go back, reload the page and send"
        " it again."
    )
    return _error_page("Please send the form again", message, 400)


def _show_error(error: HTTPException) -> Any:  # noqa: ANN401 - redirects pass through
    """The error page for an HTTP error; redirects pass through, 405 keeps `Allow`."""
    code = error.code or 500
    if error.response is not None or code < 400:
        return error.get_response()
    if isinstance(error, DamagedForm):
        return _error_page(_ERROR_TEXTS[400][0], str(error.description), 400)
    response = current_app.make_response(_error_page_for(code))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _show_fault(error: Exception) -> Any:  # noqa: ANN401 - a page, or a problem for a program
    """Rolls back, logs an unexpected error under a random reference, and shows that with 500."""
    db.session.rollback()
    reference = secrets.token_hex(4)
    log.error("fault %s in %s: %s", reference, request.endpoint, type(error).__name__)
    message = (
        "Something went wrong on our side. Nothing was lost. If it stays, tell whoever runs this"
        f" server: {reference}."
    )
    return _error_page("That did not work", message, 500)


def _begin_session(
    app: Flask, user: UserRow, authn_via: list[str] | None = None, **_: object
) -> None:
    """On sign-in: starts a stored session in this browser, which is known now, and audits it."""
    by_link = "link" in (authn_via or [])
    # After a link that has set a password, that password is asked before it is changed again.
    may_replace = by_link and app.config["CANDOUR"].is_demo
    for kept in (session, g):  # whoever knew the token before must not know it now
        kept.pop(app.config["WTF_CSRF_FIELD_NAME"], None)
    sessions.begin_session(user.id, now(), by_link=may_replace)
    remember_browser(user.id)
    record("signed in by link" if by_link else "signed in", {"user": user.email}, user.email)


def _end_session(app: Flask, **_: object) -> None:
    """On sign-out: deletes this browser's session."""
    del app
    sessions.end_this_session()
