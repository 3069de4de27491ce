"""The demo's inbox: every letter that would have been sent, on this machine only."""

from flask import Blueprint, Response, abort, current_app, make_response, render_template

from survey.access.rules.open_to import open_to
from survey.access.rules.policy import POLICY
from survey.mail.smtp.service.catcher import Catcher, CaughtLetter

blueprint = Blueprint("mail", __name__)
FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups"
    " allow-popups-to-escape-sandbox"
)


@blueprint.get("/mail")
@open_to("everyone")
def inbox() -> str:
    """Shows all letters that the demo's mail catcher holds, newest first; 404 outside the demo."""
    return render_template("mail/inbox.html", letters=_catcher().letters())


@blueprint.get("/mail/<letter_id>")
@open_to("everyone")
def letter(letter_id: str) -> Response:
    """Shows one caught letter: headers, text with working links, and the HTML part in a frame.

    404 when there is no such letter. The frame runs nothing.
    """
    caught = _letter(letter_id)
    response = make_response(render_template("mail/letter.html", letter=caught))
    response.headers["Content-Security-Policy"] = POLICY + "; frame-src 'self'"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.get("/mail/<letter_id>/html")
@open_to("everyone")
def html(letter_id: str) -> Response:
    """The HTML part of one caught letter, for the frame; its links open in new tabs.

    A strict policy lets nothing in it run. 404 when there is no such letter.
    """
    caught = _letter(letter_id)
    in_new_tabs = caught.html.replace("<head>", '<head><base target="_blank">', 1)
    response = make_response(in_new_tabs)
    response.headers["Content-Security-Policy"] = FRAMED
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _catcher() -> Catcher:
    """The demo's mail catcher; 404 outside the demo."""
    config = current_app.config["CANDOUR"]
    if not config.is_demo:
        abort(404)
    return Catcher(config.folder / "mail")


def _letter(letter_id: str) -> CaughtLetter:
    """The caught letter with this id; 404 when there is none, or outside the demo."""
    return _catcher().letter(letter_id) or abort(404)
