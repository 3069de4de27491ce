"""Adding a survey, planning a one-off wave and opening a wave from the command line."""

from datetime import datetime

import click
from flask import current_app

from survey.invitations.service.recipients import warn_of_people_asked_twice
from survey.kernel.clock import now
from survey.kernel.hints import EXPORT_KEY
from survey.launching.service.opening import open_wave
from survey.launching.service.preview import notes_on_mail, preview_wave
from survey.launching.service.surveys import add_survey
from survey.vault.service.spare_copies import spare_copies
from survey.waves import service as waves
from survey.waves.commands import ACTOR, WALL_CLOCK, _line, surveys_group, waves_group
from survey.waves.rules.thirds import usual_questionnaire
from survey.waves.rules.waves import Wave


@surveys_group.command("add")
@click.argument("name")
@click.option("--provider", required=True, help="The provider's name.")
@click.option("--questionnaire", help="By default quarterly_8; for monthly-thirds monthly_3.")
@click.option(
    "--cadence",
    default="quarterly",
    show_default=True,
    help=(
        "quarterly, monthly, a rule (RFC 5545), or monthly-thirds: a third each month, added up to"
        " one result a quarter; from 90 people."
    ),
)
@click.option(
    "--opens",
    type=WALL_CLOCK,
    required=True,
    help="First opening, wall-clock time in the survey's zone.",
)
@click.option("--closes", type=WALL_CLOCK, help="First closing; by default 17:00 on the last day.")
@click.option("--days", type=int, default=14, show_default=True, help="How long a wave stays open.")
@click.option("--timezone", help="Time zone, for example Europe/London.")
@click.option(
    "--audience", default="all", show_default=True, help="all, or departments separated by commas."
)
@click.option(
    "--baseline-waves",
    type=click.IntRange(0, 2),
    default=2,
    show_default=True,
    help="Early waves that only set targets.",
)
@click.option(
    "--reminders",
    type=click.IntRange(0, 2),
    default=1,
    show_default=True,
    help=(
        "How often who has not answered is reminded: halfway, and two working days before the"
        " close."
    ),
)
def add(**plan: object) -> None:
    """Add a survey and plan its first wave.

    A rule such as "RRULE:FREQ=MONTHLY;INTERVAL=6" asks at its own pace. An opening that the cadence
    puts on a weekend or a listed holiday moves to the next working day; the first opening stays as
    it is given.

    Example: candour surveys add "IT support" --provider "Brightline IT"
    --opens 2027-01-11T09:00 --timezone Europe/London
    """
    plan["timezone"] = plan["timezone"] or current_app.config["CANDOUR"].timezone
    plan["questionnaire"] = plan["questionnaire"] or usual_questionnaire(str(plan["cadence"]))
    survey, first = add_survey(waves.SurveyPlan(**plan))  # type: ignore[arg-type]
    click.echo(f"{survey.name} added. First wave: {_line(first)}")
    _warn_of_people_asked_twice(first)


@waves_group.command("plan")
@click.argument("survey")
@click.option("--opens", type=WALL_CLOCK, required=True)
@click.option("--closes", type=WALL_CLOCK, required=True)
def plan(survey: str, opens: datetime, closes: datetime) -> None:
    """Plan a one-off wave beside the cadence.

    Example: candour waves plan "IT support" --opens 2027-02-01T09:00 --closes 2027-02-12T17:00
    """
    wave = waves.plan_wave(survey, opens, closes)
    click.echo(f"Planned: {_line(wave)}")
    _warn_of_people_asked_twice(wave)


@waves_group.command("open")
@click.argument("wave")
def open_(wave: str) -> None:
    """Open a wave: freeze its terms and queue the invitations.

    They leave with the next `candour tick`, or by themselves under `serve`.

    Example: candour waves open it-support-2027-q1
    """
    config, preview = current_app.config["CANDOUR"], preview_wave(wave)
    for note in (*preview.warnings, *notes_on_mail(preview, config, now())):
        click.echo(f"Note: {note}", err=True)
    opened = open_wave(wave, now(), config.key_dir, actor=ACTOR)
    click.echo(
        f"{opened.slug} is open until {opened.closes:%Y-%m-%d %H:%M} ({opened.timezone});"
        f" {opened.invited} invitations are queued."
    )
    for group in opened.groups:
        click.echo(f"  {group.name}: {group.invited} invited")
    click.echo(
        f"The key that opens the answers lies in {config.key_dir}. If it is lost before the count,"
        " the wave is lost."
    )
    if not spare_copies(opened):
        export = EXPORT_KEY.format(wave=opened.slug)
        click.echo(
            f"Note: there is no spare copy of this key. Make one, to be kept elsewhere: {export}",
            err=True,
        )


def _warn_of_people_asked_twice(wave: Wave) -> None:
    """Prints a note, on standard error, for each other wave that asks some of the same people."""
    for warning in warn_of_people_asked_twice(wave):
        click.echo(f"Note: {warning}", err=True)
