"""Pausing and ending a survey, skipping a wave, holidays, and who reads a wave's comments."""

from collections.abc import Iterator, Sequence

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor, current_role
from survey.access.service.programs import tell_program
from survey.kernel.clock import now
from survey.kernel.errors import NotFound, Refused
from survey.kernel.plurals import how_many
from survey.organisation.service import accounts_that_may_read
from survey.waves import service as waves
from survey.waves.forms import ReadersForm
from survey.waves.rules.checks import check_skips, check_state_change
from survey.waves.rules.holidays import Holiday, read_holiday, read_holiday_file
from survey.waves.rules.waves import Wave, WaveState, printed_time
from survey.waves.service import holidays

blueprint = Blueprint("waves", __name__)


@blueprint.route("/organisation/holidays", methods=["GET", "POST"])
@open_to("manager")
def list_holidays() -> str | tuple[str, int] | Response:
    """Shows the listed holidays; a POST adds one, or all of a file, and moves planned waves.

    A refusal is shown on the page, with status 400.
    """
    problem = None
    if request.method == "POST":
        try:
            change = holidays.add_holidays(_holidays_of_form(), now(), actor=current_actor())
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(" ".join(_sentences_about(change, "listed")))
            return redirect(url_for("waves.list_holidays"), 303)
    page = render_template(
        "waves/holidays.html", holidays=holidays.list_holidays(), problem=problem
    )
    return (page, 400) if problem else page


@blueprint.post("/organisation/holidays/remove")
@open_to("manager")
def remove_holiday() -> Response:
    """Takes the day in the form off the listed holidays; planned waves may move back."""
    day = read_holiday(request.form.get("day", "")).day
    change = holidays.remove_holidays([day], now(), actor=current_actor())
    flash(" ".join(_sentences_about(change, "removed")))
    return redirect(url_for("waves.list_holidays"), 303)


def _holidays_of_form() -> Sequence[Holiday]:
    """The holidays in the uploaded file, else the typed one; refuses what cannot be read."""
    file = request.files.get("file")
    if file and file.filename:
        return read_holiday_file(file.read())
    return [read_holiday(request.form.get("day", ""), request.form.get("name", ""))]


def _sentences_about(change: holidays.HolidayChange, verb: str) -> Iterator[str]:
    """Sentences on how many days were listed or removed (`verb`) and which waves moved."""
    number = len(change.holidays)
    if number:
        yield f"{how_many(number, 'day')} {verb}."
    else:
        yield "Nothing changed: that is listed already."
    for wave in change.moved:
        yield f"{wave.slug} now opens on {printed_time(wave.opens, wave.timezone)}."


CHANGES = {
    "pause": ("paused", waves.pause_survey),
    "resume": ("active", waves.resume_survey),
    "end": ("ended", waves.end_survey),
}


@blueprint.route("/surveys/<survey>/<change>", methods=["GET", "POST"])
@open_to("manager")
def change_survey(survey: str, change: str) -> str | Response:
    """Shows what pausing, resuming or ending a survey does, with a button; a POST does it.

    `survey` is the slug of one, `change` one of pause, resume and end; 404 for any other change.
    Refuses to bring a survey into the state it is in, and any change of one that was ended.
    """
    new_state, make_change = CHANGES.get(change) or abort(404)
    chosen = waves.find_survey(survey)
    if request.method == "POST":
        changed = make_change(survey, actor=current_actor())
        done = "taken up again" if new_state == "active" else changed.state
        flash(f"{changed.name} is {done}.")
        return redirect(url_for("launching.surveys"), 303)
    check_state_change(chosen, new_state)
    its_waves = waves.list_waves(chosen.slug)
    return render_template(
        "waves/change_survey.html",
        survey=chosen,
        change=change,
        running=next((wave for wave in its_waves if wave.state is WaveState.OPEN), None),
        planned=[wave for wave in its_waves if wave.state is WaveState.PLANNED],
        printed=printed_time,
    )


@blueprint.route("/waves/<wave>/skip", methods=["GET", "POST"])
@open_to("manager")
def skip_wave(wave: str) -> str | Response | tuple[str, int]:
    """Shows what skipping a planned wave does and asks for a reason; a POST skips it.

    `wave` is the slug of one. Refuses a wave that is not planned any more.
    """
    planned = waves.find_wave(wave)
    check_skips(planned)
    reason = request.form.get("reason", "")
    problem = None
    if request.method == "POST":
        try:
            skipped = waves.skip_wave(planned.slug, reason, actor=current_actor())
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"{skipped.slug} is skipped.")
            return redirect(url_for("launching.surveys"), 303)
    page = render_template(
        "waves/skip_wave.html",
        wave=planned,
        opens=printed_time(planned.opens, planned.timezone),
        problem=problem,
        reason=reason,
    )
    return (page, 400) if problem else page


@blueprint.get("/waves/<wave>/readers")
@open_to("manager")
def readers(wave: str) -> str:
    """Shows who reads the comments of a wave, and to administrators the form to name others."""
    return _readers_page(waves.find_wave(wave), ReadersForm(accounts_that_may_read()))


@blueprint.post("/waves/<wave>/readers")
@open_to("admin")
def name_readers(wave: str) -> str | Response | tuple[str, int]:
    """Names who reads the comments of a wave from now on; a refused form keeps what was typed."""
    form = ReadersForm(accounts_that_may_read())
    try:
        changed = waves.name_readers(
            wave,
            form.typed_readers(),
            form.role.data or "",
            form.reason.data or "",
            now(),
            actor=current_actor(),
        )
    except NotFound:
        raise
    except Refused as refused:
        tell_program(refused)
        return _readers_page(waves.find_wave(wave), form, refused), 400
    flash(changed.reader_changes[-1].in_words)
    return redirect(url_for("waves.readers", wave=changed.slug), 303)


def _readers_page(wave: Wave, form: ReadersForm, problem: Refused | None = None) -> str:
    """The page about the readers of a wave's comments; `problem` is why a form was refused."""
    return render_template(
        "waves/readers.html",
        wave=wave,
        form=form,
        problem=problem,
        readers=waves.readers_in_words(wave),
        may_name=current_role() == "admin",
    )
