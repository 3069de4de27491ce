"""What the browser is told on every page, and which host names are answered."""

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from survey.access.rules.policy import POLICY
from survey.config import Config

_PATHS_OF_MONITORS = {"/healthz", "/readyz", "/metrics"}  # answered under any host name
_LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]"}


def init_headers(app: Flask, config: Config) -> None:
    """Adds security headers to every response, and refuses forged host names with 400.

    A header that a view chose itself is kept.
    """
    host = urlsplit(config.base_url).hostname or ""
    allowed = _LOCAL_HOSTS | {host} if config.is_local else {host}

    @app.before_request
    def refuse_forged_hosts() -> None:
        """Answers 400 to a foreign host name, except on the paths of monitors."""
        if request.path in _PATHS_OF_MONITORS:
            return
        is_bare_ipv6 = request.host.endswith("]")  # no port behind it
        name = request.host if is_bare_ipv6 else request.host.rsplit(":", 1)[0]
        if name.lower() not in allowed:
            abort(400)

    @app.after_request
    def add_headers(response: Response) -> Response:
        """Adds each security header that the view did not choose itself."""
        headers = response.headers
        headers.setdefault("Content-Security-Policy", POLICY)
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store")
        if not config.is_local:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response
