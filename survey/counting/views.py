"""Pages for closing a wave by hand, and for the ceremony of the strict tier.

In the ceremony sealed ballots go out to the representative, and come back opened once.
"""

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from survey.access.rules.open_to import LARGEST_REQUEST, open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.counting.service import close_wave, count_returned, export_sealed_ballots
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.responses.service.responses import number_of_ballots
from survey.vault.rules.ceremony_files import fingerprint
from survey.waves import service as waves
from survey.waves.rules.checks import check_closes
from survey.waves.rules.waves import WaveState, printed_time

LARGEST_UPLOAD = 32 * 1024**2  # about 4,000 answers
_LARGEST_FORM = LARGEST_UPLOAD + LARGEST_REQUEST
blueprint = Blueprint("counting", __name__)


@blueprint.url_value_preprocessor
def allow_uploads(endpoint: str | None, values: object) -> None:
    """Raises the size limit of a request that uploads ballots before the form is read.

    It runs before anything (the CSRF check, too) reads the form.
    """
    del values
    if endpoint == "counting.count":
        request.max_content_length = request.max_form_memory_size = _LARGEST_FORM


@blueprint.get("/waves/<wave>/ceremony")
@open_to("manager")
def ceremony(wave: str) -> str:
    """The page of the strict tier's ceremony: the wave's state and what its representative does."""
    return _ceremony_page(wave)


@blueprint.post("/waves/<wave>/ceremony/sealed")
@open_to("manager")
def sealed(wave: str) -> Response:
    """Sends the file of sealed ballots for the representative; POST, because it is audited."""
    content = export_sealed_ballots(wave, actor=current_actor())
    file_name = f"{waves.find_wave(wave).slug}.sealed"
    headers = {"Content-Disposition": f"attachment; filename={file_name}"}
    return Response(content, mimetype="application/octet-stream", headers=headers)


@blueprint.post("/waves/<wave>/ceremony")
@open_to("manager", largest=_LARGEST_FORM)
def count(wave: str) -> BaseResponse | tuple[str, int]:
    """Counts the wave from the uploaded file that its representative opened, and redirects.

    Where it is refused, the page comes back with the problem and status 400.
    """
    file = request.files.get("file")
    content = file.read() if file else b""
    try:
        counted = count_returned(
            wave,
            content,
            current_app.config["CANDOUR"].key_dir,
            actor=current_actor(),
        )
    except Refused as refused:
        tell_program(refused)
        return _ceremony_page(wave, refused), 400
    flash(f"{counted.slug} is {counted.state}.")
    return redirect(url_for("console.results", wave=counted.slug), 303)


def _ceremony_page(wave_slug: str, problem: Refused | None = None) -> str:
    """The ceremony's page, with the refusal of a file (`problem`) if there was one."""
    wave = waves.find_wave(wave_slug)
    return render_template(
        "counting/ceremony.html",
        wave=wave,
        problem=problem,
        closes=printed_time(wave.closes, wave.timezone),
        ballots=number_of_ballots(wave.id) if wave.state is WaveState.CLOSED else None,
        holders=" or ".join(key.name for key in wave.co_keys),
        fingerprint=fingerprint,
        most=LARGEST_UPLOAD // 1024**2,
    )


@blueprint.route("/waves/<wave>/close", methods=["GET", "POST"])
@open_to("manager")
def close_by_hand(wave: str) -> str | BaseResponse | tuple[str, int]:
    """GET asks for a reason; POST closes the wave and counts it, now or by the timed work.

    Closing early needs a reason, and such a wave does not count for the consequence ladder
    (planned). A wave of many ballots is only closed here. One of the strict tier waits for its
    representative.
    """
    this_wave = waves.find_wave(wave)
    check_closes(this_wave, now(), "a reason may still be typed")
    problem, reason = None, request.form.get("reason", "")
    if request.method == "POST":
        try:
            closed = close_wave(
                wave,
                now(),
                current_app.config["CANDOUR"].key_dir,
                actor=current_actor(),
                early=reason,
                leave_large=True,
            )
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"{closed.slug} is {closed.state}.")
            return redirect(url_for("console.results", wave=closed.slug), 303)
    page = render_template(
        "counting/close_by_hand.html",
        wave=this_wave,
        closes=printed_time(this_wave.closes, this_wave.timezone),
        problem=problem,
        reason=reason,
    )
    return (page, 400) if problem else page
