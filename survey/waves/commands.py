"""Surveys, targets, waves and holidays from the command line, as far as they need no list of people."""

import json
import sys
from pathlib import Path

import click

from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.plurals import how_many
from survey.organisation.commands import organisation_group
from survey.waves import service as waves
from survey.waves.rules.holidays import read_holiday, read_holiday_file
from survey.waves.rules.surveys import Survey
from survey.waves.rules.waves import Target, Wave, WaveState
from survey.waves.service import holidays


@organisation_group.group("holidays")
def holidays_group() -> None:
    """Days on which nobody works: no wave of a cadence opens on them, and they are no working days."""


@holidays_group.command("add")
@click.argument("day", metavar="DATE")
@click.argument("name", default="")
def add_holiday(day: str, name: str) -> None:
    """List a holiday. A planned wave that the cadence puts on it moves to the next working day; dates that somebody typed stay.

    Example: candour organisation holidays add 2027-04-12 "Works outing"
    """
    _say_changed(holidays.add_holidays([read_holiday(day, name)], now(), actor=ACTOR), "listed")


@holidays_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_holidays(*, as_json: bool) -> None:
    """List the holidays.

    Example: candour organisation holidays list --json
    """
    found = holidays.list_holidays()
    if as_json:
        click.echo(
            json.dumps(
                {"holidays": [{"date": str(one.day), "name": one.name} for one in found]},
                ensure_ascii=False,
            )
        )
        return
    for one in found:
        click.echo(f"{one.day}  {one.name}".rstrip())


@holidays_group.command("remove")
@click.argument("day", metavar="DATE")
def remove_holiday(day: str) -> None:
    """Take a holiday off the list. A planned wave that had moved because of it goes back.

    Example: candour organisation holidays remove 2027-04-12
    """
    _say_changed(holidays.remove_holidays([read_holiday(day).day], now(), actor=ACTOR), "removed")


@holidays_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_holidays(file: Path) -> None:
    """List all holidays of FILE: lines of `date,name`, or a calendar (.ics) such as governments publish. Safe to repeat.

    Example: candour organisation holidays import england-and-wales.ics
    """
    _say_changed(
        holidays.add_holidays(read_holiday_file(file.read_bytes()), now(), actor=ACTOR), "listed"
    )


def _say_changed(change: holidays.HolidayChange, done: str) -> None:
    number = len(change.holidays)
    click.echo(f"{how_many(number, 'holiday')} {done}.")
    for item in change.moved:
        click.echo(
            f"{item.slug} now opens on {item.opens:%Y-%m-%d %H:%M} and closes on"
            f" {item.closes:%Y-%m-%d %H:%M} ({item.timezone})."
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
    found = waves.list_surveys()
    if as_json:
        rows = [
            {
                "slug": s.slug,
                "name": s.name,
                "cadence": s.cadence.value,
                "audience": s.audience,
                "state": s.state,
                "reminders": s.reminders,
            }
            for s in found
        ]
        click.echo(json.dumps({"surveys": rows}, ensure_ascii=False))
        return
    for survey in found:
        click.echo(
            f"{survey.name}: {survey.cadence}, {survey.questionnaire}, {survey.audience},"
            f" {survey.state}"
        )


@surveys_group.command("pause")
@click.argument("survey")
def pause(survey: str) -> None:
    """Let no further wave of a survey open. One that is open runs to its close.

    Example: candour surveys pause "IT support"
    """
    found = waves.pause_survey(survey, actor=ACTOR)
    click.echo(
        f"{found.name} is paused.{_still_open(found)} To take it up again: candour surveys resume"
        f" {found.slug}"
    )


@surveys_group.command("resume")
@click.argument("survey")
def resume(survey: str) -> None:
    """Take a paused survey up again. A wave that was missed by no more than half its period opens late; an earlier one is void.

    Example: candour surveys resume "IT support"
    """
    found = waves.resume_survey(survey, actor=ACTOR)
    planned = [
        _line(item) for item in waves.list_waves(found.slug) if item.state is WaveState.PLANNED
    ]
    click.echo(
        f"{found.name} is taken up again. Next:"
        f" {planned[0] if planned else 'nothing is planned; its rule has ended'}"
    )


@surveys_group.command("end")
@click.argument("survey")
@click.option("--yes", is_flag=True, help="Do not ask.")
def end(survey: str, *, yes: bool) -> None:
    """End a survey for good: no further wave opens, one that is open runs to its close, its record stays.

    Example: candour surveys end "IT support"
    """
    name = waves.find_survey(survey).name
    if (
        not yes
        and sys.stdin.isatty()
        and not click.confirm(f"End {name} for good? It cannot be taken up again")
    ):
        raise Refused("not-confirmed", f"{name} goes on; nothing was changed.")
    found = waves.end_survey(survey, actor=ACTOR)
    click.echo(f"{found.name} is ended.{_still_open(found)} Its record stays.")


def _still_open(found: Survey) -> str:
    open_ = [item for item in waves.list_waves(found.slug) if item.state is WaveState.OPEN]
    return (
        f" {open_[0].slug} is open and runs to its close, {open_[0].closes:%Y-%m-%d %H:%M}"
        f" ({open_[0].timezone})."
        if open_
        else ""
    )


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
    found = waves.list_targets(survey)
    if as_json:
        rows = {
            q: {"target": t.target, "minimum": t.minimum, "stretch": t.stretch}
            for q, t in found.items()
        }
        click.echo(json.dumps({"targets": rows}))
        return
    for question, target in sorted(found.items()):
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
    found = waves.list_waves()
    if as_json:
        rows = [
            {
                "slug": w.slug,
                "survey": w.survey,
                "state": w.state.value,
                "opens": w.opens_at.isoformat(),
                "closes": w.closes_at.isoformat(),
                "invited": w.invited,
            }
            for w in found
        ]
        click.echo(json.dumps({"waves": rows}, ensure_ascii=False))
        return
    for item in found:
        click.echo(_line(item))


@waves_group.command("skip")
@click.argument("wave")
@click.option("--reason", required=True, help="Shown wherever the wave would be.")
def skip(wave: str, reason: str) -> None:
    """Leave a planned wave out. The next one of its cadence is planned instead.

    Example: candour waves skip it-support-2027-q2 --reason "the office moves"
    """
    item = waves.skip_wave(wave, reason, actor=ACTOR)
    following = [
        _line(one)
        for one in waves.list_waves(waves.find_survey(item.survey).slug)
        if one.state is WaveState.PLANNED
    ]
    click.echo(f"{item.slug} is {item.void_words}.{f' Next: {following[0]}' if following else ''}")


@waves_group.command("extend")
@click.argument("wave")
@click.option("--days", type=int, required=True, help="1 to 7.")
def extend(wave: str, days: int) -> None:
    """Extend an open wave, once.

    Example: candour waves extend it-support-2027-q1 --days 3
    """
    item = waves.extend_wave(wave, days, now())
    click.echo(f"{item.slug} now closes on {item.closes:%Y-%m-%d %H:%M} ({item.timezone}).")


def _line(item: Wave) -> str:
    return (
        f"{item.slug}  {item.state}  {item.opens:%Y-%m-%d %H:%M} to {item.closes:%Y-%m-%d %H:%M} "
        f" {item.invited} invited"
    )
