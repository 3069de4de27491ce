"""Surveys, targets, waves and holidays on the command line, as far as they need no staff list."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.organisation.commands import organisation_group
from survey.organisation.rules.organisation import read_comment_readers
from survey.waves import service as waves
from survey.waves.rules.holidays import read_holiday, read_holiday_file
from survey.waves.rules.surveys import Survey
from survey.waves.rules.waves import Target, Wave, WaveState
from survey.waves.service import holidays


@organisation_group.group(
    "holidays",
    help=(
        "Days on which nobody works: no wave of a cadence opens on them, and they are no working"
        " days."
    ),
)
def holidays_group() -> None:
    """The commands about the listed holidays."""


@holidays_group.command("add")
@click.argument("day", metavar="DATE")
@click.argument("name", default="")
def add_holiday(day: str, name: str) -> None:
    """List a holiday.

    A planned wave that the cadence puts on it moves to the next working day; dates that somebody
    typed stay.

    Example: candour organisation holidays add 2027-04-12 "Works outing"
    """
    change = holidays.add_holidays([read_holiday(day, name)], now(), actor=ACTOR)
    _print_change(change, "listed")


@holidays_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_holidays(*, as_json: bool) -> None:
    """List the holidays.

    Example: candour organisation holidays list --json
    """
    listed = holidays.list_holidays()
    if as_json:
        rows = [{"date": str(holiday.day), "name": holiday.name} for holiday in listed]
        click.echo(json.dumps({"holidays": rows}, ensure_ascii=False))
        return
    for holiday in listed:
        click.echo(f"{holiday.day}  {holiday.name}".rstrip())


@holidays_group.command("remove")
@click.argument("day", metavar="DATE")
def remove_holiday(day: str) -> None:
    """Take a holiday off the list. A planned wave that had moved because of it goes back.

    Example: candour organisation holidays remove 2027-04-12
    """
    change = holidays.remove_holidays([read_holiday(day).day], now(), actor=ACTOR)
    _print_change(change, "removed")


@holidays_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_holidays(file: Path) -> None:
    """List all holidays of FILE. Safe to repeat.

    FILE holds lines of `date,name`, or is a calendar (.ics) such as governments publish.

    Example: candour organisation holidays import england-and-wales.ics
    """
    in_file = read_holiday_file(file.read_bytes())
    _print_change(holidays.add_holidays(in_file, now(), actor=ACTOR), "listed")


def _print_change(change: holidays.HolidayChange, verb: str) -> None:
    """Prints how many days were listed or removed (`verb`) and which waves moved because of it."""
    number = len(change.holidays)
    click.echo(f"{how_many(number, 'holiday')} {verb}.")
    for wave in change.moved:
        click.echo(
            f"{wave.slug} now opens on {wave.opens:%Y-%m-%d %H:%M} and closes on"
            f" {wave.closes:%Y-%m-%d %H:%M} ({wave.timezone})."
        )


ACTOR = "command line"
WALL_CLOCK = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"])


@click.group("surveys")
def surveys_group() -> None:
    """Plan the standing programmes that ask."""


@surveys_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_surveys(*, as_json: bool) -> None:
    """List the surveys.

    Example: candour surveys list --json
    """
    surveys = waves.list_surveys()
    if as_json:
        rows = [
            {
                "slug": survey.slug,
                "name": survey.name,
                "cadence": survey.cadence.value,
                "audience": survey.audience,
                "state": survey.state,
                "reminders": survey.reminders,
            }
            for survey in surveys
        ]
        click.echo(json.dumps({"surveys": rows}, ensure_ascii=False))
        return
    for survey in surveys:
        click.echo(
            f"{survey.name}: {survey.cadence}, {survey.questionnaire}, {survey.audience},"
            f" {survey.state}"
        )


@surveys_group.command("pause")
@click.argument("name", metavar="SURVEY")
def pause(name: str) -> None:
    """Let no further wave of a survey open. One that is open runs to its close.

    Example: candour surveys pause "IT support"
    """
    survey = waves.pause_survey(name, actor=ACTOR)
    click.echo(
        f"{survey.name} is paused.{_still_open(survey)} To take it up again: candour surveys resume"
        f" {survey.slug}"
    )


@surveys_group.command("resume")
@click.argument("name", metavar="SURVEY")
def resume(name: str) -> None:
    """Take a paused survey up again.

    A wave that was missed by no more than half its period opens late; an earlier one is void.

    Example: candour surveys resume "IT support"
    """
    survey = waves.resume_survey(name, actor=ACTOR)
    planned = _planned_wave(survey)
    following = _line(planned) if planned else "nothing is planned; its rule has ended"
    click.echo(f"{survey.name} is taken up again. Next: {following}")


@surveys_group.command("end")
@click.argument("name", metavar="SURVEY")
@click.option("--yes", is_flag=True, help="Do not ask.")
def end(name: str, *, yes: bool) -> None:
    """End a survey for good.

    No further wave opens, one that is open runs to its close, its record stays.

    Example: candour surveys end "IT support"
    """
    survey = waves.find_survey(name)
    if not yes and sys.stdin.isatty():
        question = f"End {survey.name} for good? It cannot be taken up again"
        if not click.confirm(question):
            raise Refused("not-confirmed", f"{survey.name} goes on; nothing was changed.")
    survey = waves.end_survey(name, actor=ACTOR)
    click.echo(f"{survey.name} is ended.{_still_open(survey)} Its record stays.")


def _still_open(survey: Survey) -> str:
    """A sentence on the survey's open wave and when it closes; an empty text where none is open."""
    for wave in waves.list_waves(survey.slug):
        if wave.state is WaveState.OPEN:
            return (
                f" {wave.slug} is open and runs to its close, {wave.closes:%Y-%m-%d %H:%M}"
                f" ({wave.timezone})."
            )
    return ""


def _planned_wave(survey: Survey) -> Wave | None:
    """The survey's first planned wave; None where nothing is planned."""
    its_waves = waves.list_waves(survey.slug)
    return next((wave for wave in its_waves if wave.state is WaveState.PLANNED), None)


@click.group("targets")
def targets_group() -> None:
    """Say what a measure is held to."""


@targets_group.command("set")
@click.argument("survey")
@click.argument("question")
@click.option("--target", type=float, required=True, help="Share aimed for, for example 0.8.")
@click.option("--minimum", type=float, help="Inadequate below.")
@click.option("--stretch", type=float, help="Excellent above.")
def set_target(
    survey: str, question: str, target: float, minimum: float | None, stretch: float | None
) -> None:
    """Set a target for the waves not yet opened.

    Example: candour targets set "IT support" OVR1 --target 0.8 --minimum 0.7 --stretch 0.9
    """
    waves.set_target(survey, question, Target(target, minimum, stretch))
    click.echo(f"{question}: target {target:.0%}, from the next wave on.")


@targets_group.command("list")
@click.argument("survey")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_targets(survey: str, *, as_json: bool) -> None:
    """List the targets that the next wave will freeze.

    Example: candour targets list "IT support"
    """
    targets = waves.list_targets(survey)
    if as_json:
        rows = {question: asdict(target) for question, target in targets.items()}
        click.echo(json.dumps({"targets": rows}))
        return
    for question, target in sorted(targets.items()):
        click.echo(f"{question}: {target.target:.0%}")


@click.group("waves")
def waves_group() -> None:
    """Open, close and watch the waves of a survey."""


@waves_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_waves(*, as_json: bool) -> None:
    """List all waves, oldest first.

    Example: candour waves list --json
    """
    all_waves = waves.list_waves()
    if as_json:
        rows = [
            {
                "slug": wave.slug,
                "survey": wave.survey,
                "state": wave.state.value,
                "opens": wave.opens_at.isoformat(),
                "closes": wave.closes_at.isoformat(),
                "invited": wave.invited,
            }
            for wave in all_waves
        ]
        click.echo(json.dumps({"waves": rows}, ensure_ascii=False))
        return
    for wave in all_waves:
        click.echo(_line(wave))


@waves_group.command("skip")
@click.argument("slug", metavar="WAVE")
@click.option("--reason", required=True, help="Shown wherever the wave would be.")
def skip(slug: str, reason: str) -> None:
    """Leave a planned wave out. The next one of its cadence is planned instead.

    Example: candour waves skip it-support-2027-q2 --reason "the office moves"
    """
    wave = waves.skip_wave(slug, reason, actor=ACTOR)
    planned = _planned_wave(waves.find_survey(wave.survey))
    following = f" Next: {_line(planned)}" if planned else ""
    click.echo(f"{wave.slug} is {wave.void_words}.{following}")


@waves_group.command("extend")
@click.argument("slug", metavar="WAVE")
@click.option("--days", type=int, required=True, help="1 to 7.")
def extend(slug: str, days: int) -> None:
    """Extend an open wave, once.

    Example: candour waves extend it-support-2027-q1 --days 3
    """
    wave = waves.extend_wave(slug, days, now())
    click.echo(f"{wave.slug} now closes on {wave.closes:%Y-%m-%d %H:%M} ({wave.timezone}).")


@waves_group.command("readers")
@click.argument("slug", metavar="WAVE")
@click.argument("readers", metavar="MAIL[,MAIL]")
@click.option("--reason", required=True, help="Why: it is kept in the log.")
@click.option("--readers-role", default="", metavar="ROLE", help="The role beside their names.")
def name_readers(slug: str, readers: str, *, reason: str, readers_role: str) -> None:
    """Name who reads the comments of a wave that has opened, instead of those it promised.

    One or two accounts of managers, each as MAIL or "NAME <MAIL>". The promise to employees and the
    findings print it.

    \b
    Example: candour waves readers it-support-2027-q1 "Ed Stone <ed@northwind.example>"
             --readers-role "Head of finance" --reason "Mira has left"
    """  # noqa: D301 - click reads the backspace as: keep these lines as they are
    wave = waves.name_readers(
        slug, read_comment_readers(readers), readers_role, reason, now(), actor=ACTOR
    )
    click.echo(wave.reader_changes[-1].in_words)


def _line(wave: Wave) -> str:
    """A wave as one line of a list: slug, state, opening, closing and how many are invited."""
    dates = f"{wave.opens:%Y-%m-%d %H:%M} to {wave.closes:%Y-%m-%d %H:%M}"
    return f"{wave.slug}  {wave.state}  {dates}  {wave.invited} invited"
