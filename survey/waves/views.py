"""Pausing, resuming and ending a survey, skipping a planned wave, and the listed holidays."""

from collections.abc import Iterator, Sequence

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.waves import service as waves
from survey.waves.rules.checks import check_skips, check_state_change
from survey.waves.rules.holidays import Holiday, read_holiday, read_holiday_file
from survey.waves.rules.waves import WaveState, printed_time
from survey.waves.service import holidays

blueprint = Blueprint("waves", __name__)


@blueprint.route("/organisation/holidays", methods=["GET", "POST"])
@open_to("manager")
def list_holidays() -> str | tuple[str, int] | Response:
    """The days on which nobody works; adds one, or all of a file."""
    problem = None
    if request.method == "POST":
        try:
            change = holidays.add_holidays(_given(), now(), actor=current_actor())
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(" ".join(_changes(change, "listed")))
            return redirect(url_for("waves.list_holidays"), 303)
    page = render_template(
        "waves/holidays.html", holidays=holidays.list_holidays(), problem=problem
    )
    return (page, 400) if problem else page


@blueprint.post("/organisation/holidays/remove")
@open_to("manager")
def remove_holiday() -> Response:
    """Takes a day off the list."""
    day = read_holiday(request.form.get("day", "")).day
    flash(
        " ".join(_changes(holidays.remove_holidays([day], now(), actor=current_actor()), "removed"))
    )
    return redirect(url_for("waves.list_holidays"), 303)


def _given() -> Sequence[Holiday]:
    file = request.files.get("file")
    if file and file.filename:
        return read_holiday_file(file.read())
    return [read_holiday(request.form.get("day", ""), request.form.get("name", ""))]


def _changes(change: holidays.HolidayChange, done: str) -> Iterator[str]:
    number = len(change.holidays)
    yield (
        f"{how_many(number, 'day')} {done}."
        if number
        else "Nothing changed: that is listed already."
    )
    for item in change.moved:
        yield f"{item.slug} now opens on {printed_time(item.opens, item.timezone)}."


CHANGES = {
    "pause": ("paused", waves.pause_survey),
    "resume": ("active", waves.resume_survey),
    "end": ("ended", waves.end_survey),
}


@blueprint.route("/surveys/<survey>/<change>", methods=["GET", "POST"])
@open_to("manager")
def change_survey(survey: str, change: str) -> str | Response:
    """A page of its own that says what pausing, resuming or ending a survey does; the button does it."""
    to, make_it = CHANGES.get(change) or abort(404)
    found = waves.find_survey(survey)
    if request.method == "POST":
        changed = make_it(survey, actor=current_actor())
        flash(f"{changed.name} is {'taken up again' if to == 'active' else changed.state}.")
        return redirect(url_for("launching.surveys"), 303)
    check_state_change(found, to)
    ours = waves.list_waves(found.slug)
    running = next((item for item in ours if item.state is WaveState.OPEN), None)
    planned = [item for item in ours if item.state is WaveState.PLANNED]
    facts = {
        "survey": found,
        "change": change,
        "running": running,
        "planned": planned,
        "printed": printed_time,
    }
    return render_template("waves/change_survey.html", **facts)


@blueprint.route("/waves/<wave>/skip", methods=["GET", "POST"])
@open_to("manager")
def skip_wave(wave: str) -> str | Response | tuple[str, int]:
    """A page of its own that says what skipping a planned wave does; the button does it."""
    item = waves.find_wave(wave)
    check_skips(item)
    problem = None
    if request.method == "POST":
        try:
            skipped = waves.skip_wave(
                item.slug, request.form.get("reason", ""), actor=current_actor()
            )
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"{skipped.slug} is skipped.")
            return redirect(url_for("launching.surveys"), 303)
    facts = {
        "wave": item,
        "opens": printed_time(item.opens, item.timezone),
        "problem": problem,
        "reason": request.form.get("reason", ""),
    }
    page = render_template("waves/skip_wave.html", **facts)
    return (page, 400) if problem else page
