"""The `candour` command: gathers every concept's commands."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from pathlib import Path

import click
import waitress
from flask import current_app
from sqlalchemy.exc import DBAPIError

from survey.access import commands as access
from survey.answering import commands as answering
from survey.app import LETTERS, create_app
from survey.backup import back_up
from survey.backup import restore as put_back
from survey.config import Config
from survey.database import db
from survey.doctor import examine, settings
from survey.findings import commands as findings
from survey.followups import commands as followups
from survey.invitations import commands as invitations
from survey.jobs.engine import Engine, Job
from survey.jobs.pulse import last_pass
from survey.kernel import ending
from survey.kernel.clock import now
from survey.kernel.errors import Refused, interruptible
from survey.kernel.plurals import either, how_many
from survey.kernel.progress import Progress
from survey.mail import commands as mail
from survey.mail.sender import channel_for
from survey.mail.watched import Watched
from survey.organisation import commands as organisation
from survey.people import commands as people
from survey.providers import commands as providers
from survey.questionnaires import commands as questionnaires
from survey.schedule import is_usual, letters, long_works
from survey.schedule import tick as do_what_is_due
from survey.waves import commands as waves

CONCEPTS = (access, people, organisation, providers, questionnaires, invitations, answering, waves, findings, followups, mail)
log = logging.getLogger(__name__)
WEB_THREADS = 8
REMEDY = "If it is new, or Candour was upgraded: candour init. Otherwise see whether it runs and has room: CANDOUR_DATABASE_URL."
EVERY_30_SECONDS, EVERY_5_SECONDS = "*/30 * * * * *", "*/5 * * * * *"
RESUME = "Stopped. Nothing is lost: what was under way has ended, what waits goes on with: candour"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="candour")
def candour() -> None:
    """Ask your own staff how well the IT provider serves them, and hold both sides to their word."""
    ctx = click.get_current_context()
    if not {"-h", "--help"} & set(sys.argv[1:]) and not getattr(_asked(), "offline", False):
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
    import_module("flask_migrate").upgrade()  # it holds 16 MiB that no other command needs
    click.echo("The database is ready.")


@candour.command()
@click.option("--now", "moment", metavar="ISO8601", help="Pretend that it is this time, for example 2027-01-11T09:00Z.")
def tick(moment: str | None) -> None:
    """Do one pass of all due work, then exit: open, close, count, send.

    Example: candour tick
    """
    config, progress = current_app.config["CANDOUR"], Progress("Sending letters")
    last_pass()  # a database that is away or not set up ends it here, in one line, not each piece of work in one of its own
    stopped = "Stopped. Nothing is lost: what has not left waits, and what was on its way is settled within a minute. Go on: candour tick"
    with interruptible(stopped):
        lines = do_what_is_due(config, _moment(moment), real=None if moment else now(), channel=Watched(channel_for(config), progress))
    progress.close()
    for line in lines:
        click.echo(line)


@candour.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the SQLite database to FILE while it is in use. The wave keys are never in it.

    PostgreSQL is copied by its own tool; the command to run is printed.

    Example: candour backup /backup/candour-2027-01-11.db
    """
    with interruptible(f"Stopped. Nothing of the copy was kept, and the database is as it was. Again: candour backup {file}"):
        size = back_up(current_app.config["CANDOUR"], file)
    click.echo(f"{file}: {size:,} bytes. Not in it, and never to be kept beside it: the wave keys.")


@candour.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Put a copy made by `candour backup` in the database's place. Every process of Candour must be stopped before.

    What was there is kept beside it under another name.

    Example: candour restore /backup/candour-2027-01-11.db
    """
    db.session.remove()
    db.engine.dispose()
    kept = put_back(current_app.config["CANDOUR"], file, now())
    click.echo(f"The database is that of {file}." + (f" What was there before is kept: {kept}" if kept else ""))
    click.echo("Letters that left after the copy was made may leave again; to look first: candour mail pause")
    click.echo("Then: candour init, candour doctor, and start the service.")


@candour.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(*, as_json: bool) -> None:
    """Check database, keys, settings, clock, time zones and mail, and say what to do. Changes nothing, sends nothing.

    Exits with 1 when anything is wrong.

    Example: candour doctor --json
    """
    config = current_app.config["CANDOUR"]
    checks, named = examine(config, frozenset(kind(config).name for kind in LETTERS)), settings(config)
    wrong = sum(check.verdict == "wrong" for check in checks)
    if as_json:
        told = [{"name": c.name, "verdict": c.verdict, "says": c.says, "remedy": c.remedy or None} for c in checks]
        click.echo(json.dumps({"healthy": not wrong, "checks": told, "settings": [asdict(one) for one in named]}, ensure_ascii=False))
    else:
        for check in checks:
            click.echo(f"{check.verdict:<6}{check.name}: {check.says}{f' {check.remedy}' if check.remedy else ''}")
        for one in named:
            click.echo(f"      {one.name} = {one.value} ({one.source})")
    if wrong:
        raise Refused(f"{how_many(wrong, 'thing')} {either(wrong, 'is', 'are')} wrong; each says above what to do.")


@candour.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--web-only", is_flag=True, help="Serve pages only; `candour worker` or `candour tick` does the timed work.")
def serve(host: str, port: int, *, web_only: bool) -> None:
    """Serve the pages and do the timed work, in one process.

    Example: candour serve --host 127.0.0.1 --port 8000
    """
    run(host, port, with_jobs=not web_only)


@candour.command()
def worker() -> None:
    """Do the timed work without serving pages: open, remind, close, count, send. Several may run on one database.

    Example: candour worker
    """
    with _until_told(), _engine():
        click.echo("Working: what is due is done every 30 seconds, letters leave every 5 (stop with Ctrl-C)", err=True)
        while not ending.wait(60):
            pass
    click.echo(f"{RESUME} worker", err=True)


def run(host: str, port: int, *, with_jobs: bool = True) -> None:
    """Serves until interrupted or told to end; the timed work runs beside it."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the documented way to hand an app to a thread
    try:
        server = waitress.create_server(app, host=host, port=port, threads=WEB_THREADS, ident=None)
    except OSError as error:
        raise Refused(f"Port {port} on {host} is not free ({error.strerror}). Choose another: --port") from error
    with _until_told(), _engine() if with_jobs else nullcontext():
        click.echo(f"Serving on http://{host}:{port} (stop with Ctrl-C)", err=True)
        try:
            server.run()
        finally:
            server.close()
    click.echo(f"{RESUME} serve{'' if with_jobs else ' --web-only'}", err=True)


@contextmanager
def _engine() -> Iterator[None]:
    """The engine, running until the end of the block; it ends what is under way."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    config = app.config["CANDOUR"]
    of_timetable, of_letters = _said_once(), _said_once()

    def timetable() -> None:
        with app.app_context():
            of_timetable(do_what_is_due(config, now(), seconds=0, real=now()))

    def outbox() -> None:
        with app.app_context():
            lines = letters()
        if lines:  # else nothing was due or tried, as between two tries of a server that is away: what was said still holds
            of_letters(tuple(line for line in lines if not is_usual(line)))

    def works() -> None:
        with app.app_context():
            for line in long_works(config):
                log.warning(line)

    jobs = (
        Job("timetable", EVERY_30_SECONDS, timetable),
        Job("letters", EVERY_5_SECONDS, outbox),
        Job("works", EVERY_5_SECONDS, works),
    )
    db.session.remove()
    engine = Engine(config.engine_url, jobs)
    engine.start()
    try:
        yield
    finally:
        ending.end()
        engine.stop()


def _said_once() -> Callable[[tuple[str, ...]], None]:
    """Writes the lines of a pass to the log, but for those of the pass before: what cannot be done is said once, not with every pass."""
    said: tuple[str, ...] = ()

    def say(lines: tuple[str, ...]) -> None:
        nonlocal said
        for line in lines:
            if line not in said:
                log.warning(line)
        said = lines

    return say


@contextmanager
def _until_told() -> Iterator[None]:
    """A block that SIGTERM and Ctrl-C end in good order; told a second time, the process ends at once, which loses nothing either."""

    def told(number: int, _frame: object) -> None:
        if ending.is_ending():
            os._exit(128 + number)
        ending.end()
        raise KeyboardInterrupt

    ending.begin()
    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _asked() -> click.Command:
    """The command that was typed; one marked `offline` runs without settings and database."""
    found: click.Command = candour
    for word in sys.argv[1:]:
        found = found.commands.get(word, found) if isinstance(found, click.Group) else found
    return found


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
