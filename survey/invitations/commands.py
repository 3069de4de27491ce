"""Surveys, targets and waves from the command line, as far as opening them; and what may be done about one person's data."""

import json
import sys
from datetime import datetime

import click
from flask import current_app

from survey.invitations import staff
from survey.invitations.reaching import asked_twice
from survey.invitations.service import add_survey, notes_on_mail, open_wave, preview_wave
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.people.commands import people_group
from survey.waves import service as waves
from survey.waves.copies import EXPORT, spare_copies
from survey.waves.rounds import usual_questionnaire
from survey.waves.rules import Survey, Target, Wave, WaveState

ACTOR = "command line"
WALL_CLOCK = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"])


@click.group("surveys")
def surveys_group() -> None:
    """Plan the standing programmes that ask."""


@surveys_group.command("add")
@click.argument("name")
@click.option("--provider", required=True, help="The provider's name.")
@click.option("--questionnaire", help="By default quarterly_8; for monthly-thirds monthly_3.")
@click.option(
    "--cadence",
    default="quarterly",
    show_default=True,
    help="quarterly, monthly, a rule (RFC 5545), or monthly-thirds: a third each month, added up to one result a quarter; from 90 people.",
)
@click.option("--opens", type=WALL_CLOCK, required=True, help="First opening, wall-clock time in the survey's zone.")
@click.option("--closes", type=WALL_CLOCK, help="First closing; by default 17:00 on the last day.")
@click.option("--days", type=int, default=14, show_default=True, help="How long a wave stays open.")
@click.option("--timezone", help="Time zone, for example Europe/London.")
@click.option("--audience", default="all", show_default=True, help="all, or departments separated by commas.")
@click.option("--baseline-waves", type=click.IntRange(0, 2), default=2, show_default=True, help="Early waves that only set targets.")
@click.option(
    "--reminders",
    type=click.IntRange(0, 2),
    default=1,
    show_default=True,
    help="How often who has not answered is reminded: halfway, and two working days before the close.",
)
def add(**plan: object) -> None:
    """Add a survey and plan its first wave.

    A rule such as "RRULE:FREQ=MONTHLY;INTERVAL=6" asks at its own pace. An opening that the cadence puts on a weekend or a listed holiday
    moves to the next working day; the first opening stays as it is given.

    Example: candour surveys add "IT support" --provider "Brightline IT" --opens 2027-01-11T09:00 --timezone Europe/London
    """
    plan["timezone"] = plan["timezone"] or current_app.config["CANDOUR"].timezone
    plan["questionnaire"] = plan["questionnaire"] or usual_questionnaire(str(plan["cadence"]))
    survey, first = add_survey(waves.Plan(**plan))  # type: ignore[arg-type]
    click.echo(f"{survey.name} added. First wave: {_line(first)}")
    _warn(first)


@surveys_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_surveys(*, as_json: bool) -> None:
    """List the surveys.

    Example: candour surveys list --json
    """
    found = waves.list_surveys()
    if as_json:
        rows = [
            {"slug": s.slug, "name": s.name, "cadence": s.cadence.value, "audience": s.audience, "state": s.state, "reminders": s.reminders}
            for s in found
        ]
        click.echo(json.dumps({"surveys": rows}, ensure_ascii=False))
        return
    for survey in found:
        click.echo(f"{survey.name}: {survey.cadence}, {survey.questionnaire}, {survey.audience}, {survey.state}")


@surveys_group.command("pause")
@click.argument("survey")
def pause(survey: str) -> None:
    """Let no further wave of a survey open. One that is open runs to its close.

    Example: candour surveys pause "IT support"
    """
    found = waves.pause_survey(survey, actor=ACTOR)
    click.echo(f"{found.name} is paused.{_still_open(found)} To take it up again: candour surveys resume {found.slug}")


@surveys_group.command("resume")
@click.argument("survey")
def resume(survey: str) -> None:
    """Take a paused survey up again. A wave that was missed by no more than half its period opens late; an earlier one is void.

    Example: candour surveys resume "IT support"
    """
    found = waves.resume_survey(survey, actor=ACTOR)
    planned = [_line(item) for item in waves.list_waves(found.slug) if item.state is WaveState.PLANNED]
    click.echo(f"{found.name} is taken up again. Next: {planned[0] if planned else 'nothing is planned; its rule has ended'}")


@surveys_group.command("end")
@click.argument("survey")
@click.option("--yes", is_flag=True, help="Do not ask.")
def end(survey: str, *, yes: bool) -> None:
    """End a survey for good: no further wave opens, one that is open runs to its close, its record stays.

    Example: candour surveys end "IT support"
    """
    name = waves.survey(survey).name
    if not yes and sys.stdin.isatty() and not click.confirm(f"End {name} for good? It cannot be taken up again"):
        raise Refused(f"{name} goes on; nothing was changed.")
    found = waves.end_survey(survey, actor=ACTOR)
    click.echo(f"{found.name} is ended.{_still_open(found)} Its record stays.")


def _still_open(found: Survey) -> str:
    open_ = [item for item in waves.list_waves(found.slug) if item.state is WaveState.OPEN]
    return f" {open_[0].slug} is open and runs to its close, {open_[0].closes:%Y-%m-%d %H:%M} ({open_[0].timezone})." if open_ else ""


@click.group("targets")
def targets_group() -> None:
    """Say what a measure is held to."""


@targets_group.command("set")
@click.argument("survey")
@click.argument("question")
@click.option("--target", type=float, required=True, help="Share aimed for, for example 0.8.")
@click.option("--minimum", type=float, help="Inadequate below.")
@click.option("--stretch", type=float, help="Excellent above.")
def set_target(survey: str, question: str, target: float, minimum: float | None, stretch: float | None) -> None:
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
    found = waves.targets(survey)
    if as_json:
        rows = {q: {"target": t.target, "minimum": t.minimum, "stretch": t.stretch} for q, t in found.items()}
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


@waves_group.command("plan")
@click.argument("survey")
@click.option("--opens", type=WALL_CLOCK, required=True)
@click.option("--closes", type=WALL_CLOCK, required=True)
def plan(survey: str, opens: datetime, closes: datetime) -> None:
    """Plan a one-off wave beside the cadence.

    Example: candour waves plan "IT support" --opens 2027-02-01T09:00 --closes 2027-02-12T17:00
    """
    planned = waves.plan_wave(survey, opens, closes)
    click.echo(f"Planned: {_line(planned)}")
    _warn(planned)


@waves_group.command("open")
@click.argument("wave")
def open_(wave: str) -> None:
    """Open a wave: freeze its terms and queue the invitations. They leave with the next `candour tick`, or by themselves under `serve`.

    Example: candour waves open it-support-2027-q1
    """
    config, plan = current_app.config["CANDOUR"], preview_wave(wave)
    for warning in (*plan.warnings, *notes_on_mail(plan, config, now())):
        click.echo(f"Note: {warning}", err=True)
    key_dir = config.key_dir
    item = open_wave(wave, now(), key_dir, actor=ACTOR)
    click.echo(f"{item.slug} is open until {item.closes:%Y-%m-%d %H:%M} ({item.timezone}); {item.invited} invitations are queued.")
    for group in item.groups:
        click.echo(f"  {group.name}: {group.invited} invited")
    click.echo(f"The key that opens the answers lies in {key_dir}. If it is lost before the count, the wave is lost.")
    if not spare_copies(item):
        click.echo(f"Note: there is no spare copy of this key. Make one, to be kept elsewhere: {EXPORT.format(item.slug)}", err=True)


@waves_group.command("skip")
@click.argument("wave")
@click.option("--reason", required=True, help="Shown wherever the wave would be.")
def skip(wave: str, reason: str) -> None:
    """Leave a planned wave out. The next one of its cadence is planned instead.

    Example: candour waves skip it-support-2027-q2 --reason "the office moves"
    """
    item = waves.skip(wave, reason, actor=ACTOR)
    following = [_line(one) for one in waves.list_waves(waves.survey(item.survey).slug) if one.state is WaveState.PLANNED]
    click.echo(f"{item.slug} is {item.void_reason}.{f' Next: {following[0]}' if following else ''}")


@waves_group.command("extend")
@click.argument("wave")
@click.option("--days", type=int, required=True, help="1 to 7.")
def extend(wave: str, days: int) -> None:
    """Extend an open wave, once.

    Example: candour waves extend it-support-2027-q1 --days 3
    """
    item = waves.extend(wave, days, now())
    click.echo(f"{item.slug} now closes on {item.closes:%Y-%m-%d %H:%M} ({item.timezone}).")


@people_group.command("correct")
@click.argument("old")
@click.argument("new")
def correct(old: str, new: str) -> None:
    """Correct an address. In an open wave the codes sent to the old one end, and who has not answered is invited afresh.

    Example: candour people correct ada@nortwind.example ada@northwind.example
    """
    person = staff.correct_address(old, new)
    click.echo(f"{person.name} is now {person.email}.")


@people_group.command("export")
@click.argument("email")
def export(email: str) -> None:
    """Print everything that is stored about one person, as JSON: for them, when they ask.

    Example: candour people export ada@northwind.example > ada.json
    """
    click.echo(json.dumps(staff.export_person(email), ensure_ascii=False, indent=2))


@people_group.command("erase")
@click.argument("email")
def erase(email: str) -> None:
    """Erase everything that leads to one person. Their answers, if any, stay: nothing links to them.

    Example: candour people erase ada@northwind.example
    """
    staff.erase_person(email)
    click.echo("Erased. Numbers of those invited stay as they were.")


def _warn(planned: Wave) -> None:
    for line in asked_twice(planned):
        click.echo(f"Note: {line}", err=True)


def _line(item: Wave) -> str:
    return f"{item.slug}  {item.state}  {item.opens:%Y-%m-%d %H:%M} to {item.closes:%Y-%m-%d %H:%M}  {item.invited} invited"


COMMANDS = (surveys_group, targets_group, waves_group)
