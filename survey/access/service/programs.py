"""Whether a program asks: it gets a problem (RFC 9457) where a browser gets a page."""

from flask import request

from survey.kernel.errors import Refused


def wants_json() -> bool:
    """Whether the request prefers JSON to HTML: a program asks, and not a browser."""
    accepted = request.accept_mimetypes
    offered = ["text/html", "application/json", "application/problem+json"]
    return accepted.best_match(offered, "text/html") != "text/html"


def tell_program(refused: Refused) -> None:
    """Raises the refusal again when a program asks; does nothing for a browser.

    Called before a form is shown again to a person.
    """
    if wants_json():
        raise refused
