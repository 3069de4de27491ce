"""Whether a program asks and not a person: it gets a problem (RFC 9457) where a browser gets a page."""

from flask import request

from survey.kernel.errors import Refused


def wants_json() -> bool:
    """Whether a program asks, and not a browser, which prefers HTML."""
    accepted = request.accept_mimetypes
    offered = ["text/html", "application/json", "application/problem+json"]
    return accepted.best_match(offered, "text/html") != "text/html"


def tell_program(refused: Refused) -> None:
    """Before a form is shown again: raises the refusal when a program asks, which has no use for the form."""
    if wants_json():
        raise refused
