"""The `candour` command: gathers every concept's commands."""

import logging
import sys
from datetime import datetime

import click
import waitress
from flask import current_app
from flask_migrate import upgrade
from sqlalchemy.exc import DBAPIError

from survey.access import commands as access
from survey.answering import commands as answering
from survey.app import create_app
from survey.config import Config
from survey.findings import commands as findings
from survey.invitations import commands as invitations
from survey.jobs.loop import Loop
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.mail import commands as mail
from survey.organisation import commands as organisation
from survey.people import commands as people
from survey.providers import commands as providers
from survey.questionnaires import commands as questionnaires
from survey.schedule import tick as do_what_is_due

CONCEPTS = (access, people, organisation, providers, questionnaires, invitations, answering, findings, mail)
WEB_THREADS = 8
REMEDY = "If it is new, or Candour was upgraded: candour init. Otherwise see whether it runs and has room: CANDOUR_DATABASE_URL."
SECONDS_BETWEEN_PASSES = 5


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="candour")
def candour() -> None:
    """Ask your own staff how well the IT provider serves them, and hold both sides to their word."""
    ctx = click.get_current_context()
    if not {"-h", "--help"} & set(sys.argv[1:]):
        ctx.with_resource(create_app(Config.from_environment()).app_context())


@candour.command()
def init() -> None:
    """Create or upgrade the database. Safe to repeat.

    Example: candour init
    """
    file = current_app.config["CANDOUR"].database_file
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    upgrade()
    click.echo("The database is ready.")


@candour.command()
@click.option("--now", "moment", metavar="ISO8601", help="Pretend that it is this time, for example 2027-01-11T09:00Z.")
def tick(moment: str | None) -> None:
    """Do one pass of all due work, then exit: open, close, count, send.

    Example: candour tick
    """
    for line in do_what_is_due(current_app.config["CANDOUR"], _moment(moment)):
        click.echo(line)


@candour.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--web-only", is_flag=True, help="Serve pages only; `candour tick` or another process does the timed work.")
def serve(host: str, port: int, *, web_only: bool) -> None:
    """Serve the pages and do the timed work, in one process.

    Example: candour serve --host 127.0.0.1 --port 8000
    """
    run(host, port, with_jobs=not web_only)


def run(host: str, port: int, *, with_jobs: bool = True) -> None:
    """Serves until interrupted; the timed work runs beside it in a thread of its own."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the documented way to hand an app to a thread
    config = app.config["CANDOUR"]

    def due_work() -> None:
        with app.app_context():
            do_what_is_due(config, now(), seconds=SECONDS_BETWEEN_PASSES * 6)

    loop = Loop(due_work, SECONDS_BETWEEN_PASSES)
    try:
        server = waitress.create_server(app, host=host, port=port, threads=WEB_THREADS, ident=None)
    except OSError as error:
        raise Refused(f"Port {port} on {host} is not free ({error.strerror}). Choose another: --port") from error
    if with_jobs:
        loop.start()
    click.echo(f"Serving on http://{host}:{port} (stop with Ctrl-C)", err=True)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
        if with_jobs:
            loop.stop()


def _moment(text: str | None) -> datetime:
    if text is None:
        return now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is not a time. Write it like 2027-01-11T09:00Z.") from error
    if moment.tzinfo is None:
        raise Refused(f"{text!r} lacks its zone. Write it like 2027-01-11T09:00Z or 2027-01-11T09:00+01:00.")
    return moment


for concept in CONCEPTS:
    for command in concept.COMMANDS:
        candour.add_command(command)


def main() -> None:
    """Runs the command line: exit 0 on success, 1 on a refusal, 2 on wrong usage."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        candour()
    except Refused as refused:
        click.echo(refused.message, err=True)
        for line in refused.details:
            click.echo(f"  {line}", err=True)
        sys.exit(1)
    except DBAPIError as error:
        click.echo(f"The database did not do what was asked ({type(error).__name__}). Nothing half done was kept. {REMEDY}", err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - whatever it was, no traceback reaches a person
        click.echo(f"Something went wrong that Candour did not foresee ({type(error).__name__}). Nothing half done was kept.", err=True)
        sys.exit(1)
