"""What an organisation sets for all its waves: its holidays and, under Advanced, who holds a second key (the strict tier)."""

from collections.abc import Iterator, Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.current import current_actor
from survey.access.open_to import open_to
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.waves import cokeys, holidays
from survey.waves.calendars import Holiday, read_file, read_holiday
from survey.waves.rules import printed

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
            problem = refused
        else:
            flash(" ".join(_changes(change, "listed")))
            return redirect(url_for("waves.list_holidays"), 303)
    page = render_template("organisation/holidays.html", holidays=holidays.list_holidays(), problem=problem)
    return (page, 400) if problem else page


@blueprint.post("/organisation/holidays/remove")
@open_to("manager")
def remove_holiday() -> Response:
    """Takes a day off the list."""
    day = read_holiday(request.form.get("day", "")).day
    flash(" ".join(_changes(holidays.remove_holidays([day], now(), actor=current_actor()), "removed")))
    return redirect(url_for("waves.list_holidays"), 303)


@blueprint.route("/organisation/cokey", methods=["GET", "POST"])
@open_to("admin")
def cokey() -> str | Response | tuple[str, int]:
    """What a second key means, who holds one, and registering one."""
    problem = None
    if request.method == "POST":
        try:
            found = cokeys.register(request.form.get("name", ""), request.form.get("public", ""), actor=current_actor())
        except Refused as refused:
            problem = refused.message
        else:
            flash(f"The next wave is sealed to the key of {found.key.name} as well. Compare the fingerprint by voice: {found.fingerprint}")
            return redirect(url_for("waves.cokey"), 303)
    page = render_template("organisation/cokey.html", keys=cokeys.list_registered(), most=cokeys.MOST, problem=problem)
    return (page, 400) if problem else page


@blueprint.post("/organisation/cokey/end")
@open_to("admin")
def end_cokey() -> Response:
    """Ends a key for the waves to come."""
    found = cokeys.end(request.form.get("name", ""), actor=current_actor())
    flash(f"The key of {found.key.name} is ended.{f' {found.seals} still needs it.' if found.seals else ''}")
    return redirect(url_for("waves.cokey"), 303)


def _given() -> Sequence[Holiday]:
    file = request.files.get("file")
    if file and file.filename:
        return read_file(file.read())
    return [read_holiday(request.form.get("day", ""), request.form.get("name", ""))]


def _changes(change: holidays.Change, done: str) -> Iterator[str]:
    number = len(change.holidays)
    yield f"{how_many(number, 'day')} {done}." if number else "Nothing changed: that is listed already."
    for item in change.moved:
        yield f"{item.slug} now opens on {printed(item.opens, item.timezone)}."
