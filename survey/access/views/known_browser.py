"""The cookie by which an account knows a browser again."""

from flask import after_this_request, current_app, request
from werkzeug.wrappers import Response

from survey.access.rules.accounts import UserId
from survey.access.rules.known_browsers import KNOWN_FOR, BrowserName
from survey.access.service.known_browsers import cookie_with, known_browser
from survey.kernel.clock import now


def browser_known_to(email: str) -> BrowserName | None:
    """What the account with this address calls this browser; None if it does not know it."""
    return known_browser(email, request.cookies.get(_cookie_name(), ""), now().date())


def remember_browser(user_id: UserId) -> None:
    """Makes this browser known to this account, by a cookie that comes with the answer."""
    cookie = cookie_with(user_id, request.cookies.get(_cookie_name(), ""), now().date())

    @after_this_request
    def set_cookie(response: Response) -> Response:
        """Adds the cookie to the answer."""
        response.set_cookie(
            _cookie_name(),
            cookie,
            max_age=KNOWN_FOR,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Lax",
        )
        return response


def _cookie_name() -> str:
    """The cookie's name, bound to host and encryption as that of the session is."""
    return f"{current_app.config['SESSION_COOKIE_NAME']}-browser"
