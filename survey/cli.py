"""The `candour` command: gathers every room's commands, and loads each when it is asked for."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from survey.kernel import shutdown
from survey.kernel.clock import now
from survey.kernel.errors import Refused, refuse_on_ctrl_c
from survey.kernel.files import keep_new_files_private
from survey.kernel.hints import details_for_command, words_for_command
from survey.kernel.memory import protect_memory
from survey.kernel.plurals import choose_form, how_many
from survey.kernel.progress import Progress

if TYPE_CHECKING:
    from flask import Flask

    from survey.backup.rules import Comparison, Restored
    from survey.config import Config

log = logging.getLogger(__name__)
REMEDY = (
    "If it is new, or Candour was upgraded: candour init. Otherwise see whether it runs and has"
    " room: CANDOUR_DATABASE_URL."
)
MAIL_WAITS = (
    "Mail is paused: letters that left already may wait in the copy again, and nobody knows who has"
    " stopped their mails since. Look: candour mail status. Then: candour mail resume"
)
EVERY_30_SECONDS, EVERY_5_SECONDS = "*/30 * * * * *", "*/5 * * * * *"
RESUME = "Stopped. Nothing is lost: what was under way has ended, what waits goes on with: candour"


# One function for each name: it imports the group, and every other module that adds commands to it.
def _audit() -> click.Group:
    """Imports and gives the commands of `candour audit`."""
    import survey.access.commands
    import survey.findings.anchors.commands  # adds verify, record-restore

    return survey.access.commands.audit_group


def _ceremony() -> click.Group:
    """Imports and gives the commands of `candour ceremony`."""
    from survey.counting.commands import ceremony_group

    return ceremony_group


def _cokey() -> click.Group:
    """Imports and gives the commands of `candour cokey`."""
    from survey.vault.commands import cokey_group

    return cokey_group


def _findings() -> click.Group:
    """Imports and gives the commands of `candour findings`."""
    from survey.findings.commands import findings_group

    return findings_group


def _followups() -> click.Group:
    """Imports and gives the commands of `candour followups`."""
    from survey.followups.commands import followups_group

    return followups_group


def _keys() -> click.Group:
    """Imports and gives the commands of `candour keys`."""
    from survey.vault.commands import keys_group

    return keys_group


def _mail() -> click.Group:
    """Imports and gives the commands of `candour mail`."""
    import survey.console.commands  # adds status, retry, pause, resume
    import survey.mail.commands

    return survey.mail.commands.mail_group


def _organisation() -> click.Group:
    """Imports and gives the commands of `candour organisation`."""
    import survey.organisation.commands
    import survey.waves.commands  # adds holidays

    return survey.organisation.commands.organisation_group


def _people() -> click.Group:
    """Imports and gives the commands of `candour people`."""
    import survey.invitations.commands  # adds correct, export, erase
    import survey.people.commands

    return survey.people.commands.people_group


def _providers() -> click.Group:
    """Imports and gives the commands of `candour providers`."""
    from survey.providers.commands import providers_group

    return providers_group


def _questionnaires() -> click.Group:
    """Imports and gives the commands of `candour questionnaires`."""
    from survey.questionnaires.commands import questionnaires_group

    return questionnaires_group


def _responses() -> click.Group:
    """Imports and gives the commands of `candour responses`."""
    from survey.findings.history.commands import responses_group

    return responses_group


def _surveys() -> click.Group:
    """Imports and gives the commands of `candour surveys`."""
    import survey.launching.commands  # adds add
    import survey.waves.commands

    return survey.waves.commands.surveys_group


def _targets() -> click.Group:
    """Imports and gives the commands of `candour targets`."""
    from survey.waves.commands import targets_group

    return targets_group


def _users() -> click.Group:
    """Imports and gives the commands of `candour users`."""
    from survey.access.commands import users_group

    return users_group


def _waves() -> click.Group:
    """Imports and gives the commands of `candour waves`."""
    import survey.console.commands  # adds status
    import survey.counting.commands  # adds close, void
    import survey.launching.commands  # adds plan, open
    import survey.waves.commands

    return survey.waves.commands.waves_group


# The rooms' commands: what `candour --help` says of them, and what loads them.
ROOMS: dict[str, tuple[str, Callable[[], click.Group]]] = {
    "audit": ("Look after the audit log.", _audit),
    "ceremony": (
        "Strict tier: sealed ballots out to the representative, once opened ones back.",
        _ceremony,
    ),
    "cokey": (
        (
            "Strict tier: a second key, held by an employee representative, without which nobody"
            " opens a wave."
        ),
        _cokey,
    ),
    "findings": ("Read and share what a wave found.", _findings),
    "followups": ("Record what the provider replied, and tell staff what changes.", _followups),
    "keys": (
        "Look after the wave keys: spare copies, kept apart from the database and from the server.",
        _keys,
    ),
    "mail": ("See what waits, went and failed; test the mail server.", _mail),
    "organisation": ("Say who asks: mails and the promise to employees print it.", _organisation),
    "people": ("Import and correct the staff directory.", _people),
    "providers": ("Name the managed service providers and whom to write to there.", _providers),
    "questionnaires": ("List, show, export and import what is asked.", _questionnaires),
    "responses": ("Bring in answers that another tool collected.", _responses),
    "surveys": ("Plan the standing programmes that ask.", _surveys),
    "targets": ("Say what a measure is held to.", _targets),
    "users": ("Say who may sign in.", _users),
    "waves": ("Open, close and watch the waves of a survey.", _waves),
}


class Commands(click.Group):
    """The group of all commands; imports a room's commands only when its name is asked for.

    The help line of each room is in `ROOMS`.
    """

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads and gives the command of this name; None where there is none."""
        if cmd_name in ROOMS:
            _, load = ROOMS[cmd_name]
            return load()
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of all commands for `--help`, without loading any."""
        click.Group(commands=self.commands).format_commands(ctx, formatter)


@click.group(
    cls=Commands,
    commands=[click.Group(name, help=line) for name, (line, _) in ROOMS.items()],
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Ask your own staff how well the IT provider serves them, and hold both sides to their"
        " word."
    ),
)
@click.version_option(package_name="candour")
def candour() -> None:
    """Makes the application and enters its context, except for help and offline commands."""
    ctx = click.get_current_context()
    wants_help = {"-h", "--help"} & set(sys.argv[1:])
    is_offline = getattr(_typed_command(ctx), "offline", False)
    if not wants_help and not is_offline:
        from survey.app import create_app
        from survey.config import Config

        ctx.with_resource(create_app(Config.from_environment()).app_context())


@candour.command()
def init() -> None:
    """Create or upgrade the database. Safe to repeat.

    Example: candour init
    """
    from flask_migrate import upgrade

    file = _config().database_file
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    upgrade()
    click.echo("The database is ready.")


@candour.command()
@click.option(
    "--now",
    "pretended",
    metavar="ISO8601",
    help="Pretend that it is this time, for example 2027-01-11T09:00Z.",
)
def tick(pretended: str | None) -> None:
    """Do one pass of all due work, then exit: open, close, count, send.

    Example: candour tick
    """
    from survey.jobs.heartbeat import last_pass
    from survey.mail.service import WatchedChannel, channel_for
    from survey.schedule import tick as do_what_is_due

    protect_memory()
    config, progress = _config(), Progress("Sending letters")
    # A database that is away or not set up ends it here, in one line; else each piece of work would
    # print a line of its own.
    last_pass()
    stopped = (
        "Stopped. Nothing is lost: what has not left waits, and what was on its way is settled"
        " within a minute. Go on: candour tick"
    )
    with refuse_on_ctrl_c(stopped):
        lines = do_what_is_due(
            config,
            _read_time(pretended) if pretended is not None else now(),
            real=None if pretended else now(),
            channel=WatchedChannel(channel_for(config), progress),
        )
    progress.close()
    for line in lines:
        click.echo(line)


@candour.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
def backup(file: Path | None) -> None:
    """Copy the SQLite database to FILE while it is in use. The wave keys are never in it.

    Without FILE the copy goes into the folder CANDOUR_BACKUP_DIR, where copies older than
    CANDOUR_BACKUP_DAYS are deleted. PostgreSQL is copied by its own tool; the command to run is
    printed.

    Example: candour backup
    """
    from survey.backup.service.copying import back_up

    stopped = (
        "Stopped. Nothing of the copy was kept, and the database is as it was. Again: candour"
        f" backup {file or ''}"
    )
    config = _config()
    with refuse_on_ctrl_c(stopped.rstrip()):
        copy = back_up(config, file, now())
    click.echo(
        f"{copy.file}: {copy.size:,} bytes. Not in it, and never to be kept beside it: the wave"
        " keys."
    )
    if not copy.is_recorded:
        click.echo("The audit log could not take note of it; see: candour doctor", err=True)
    if config.days_of_copies and copy.file.parent == config.backup_dir:
        click.echo(f"It is deleted after {how_many(config.backup_days, 'day')}.")
    else:
        click.echo(
            "Candour does not delete it: if a survey was open, it still names who had answered."
            " Delete it yourself when that survey has been counted."
        )


@candour.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Go on without asking; keep what is newer.")
@click.option(
    "--as-it-was",
    "losing",
    type=click.IntRange(min=0),
    metavar="ANSWERS",
    help="Put the surveys back as they were; so many answers are lost, as listed.",
)
@click.option(
    "--by-hand",
    is_flag=True,
    help="FILE was put back by another tool, such as pg_restore: do what is left to do.",
)
def restore(file: Path, *, yes: bool, losing: int | None, by_hand: bool) -> None:
    """Put a copy made by `candour backup` in the database's place; keep what is newer.

    Every process of Candour must be stopped before. Lists first what the copy and the present
    database hold, and asks. Answers, results, stops, erasures and accounts that are newer are
    carried over. What was there is kept beside it under another name, until the count.

    PostgreSQL is put back by its own tool; the command to run is printed. Afterwards --by-hand ends
    sessions and links, pauses mail, and records it.

    Example: candour restore /backup/candour-2027-01-11.db
    """
    from survey.backup.service.restoring import note_foreign_restore, restore_copy

    if by_hand:
        note_foreign_restore()
        click.echo("Everybody has to sign in again; links to sign in are void.")
        click.echo(MAIL_WAITS)
        return

    def decide(comparison: "Comparison") -> bool:
        """Prints what both hold and asks; True to keep the newer, False to lose it as typed."""
        _say_compared(comparison)
        if losing is not None:
            comparison.check_losing(losing)
            return False
        comparison.check_carrying()
        if comparison.present or comparison.fault:
            _ask_to_restore(yes=yes)
        return True

    restored = restore_copy(_config(), file, now(), decide=decide)
    _say_restored(file, restored)


def _say_compared(comparison: "Comparison") -> None:
    """Prints what the copy and the present database hold, and what only one of them has."""
    click.echo("The copy:")
    for line in comparison.copy.lines():
        click.echo(f"  {line}")
    if comparison.present:
        click.echo("The present database:")
        for line in comparison.present.lines():
            click.echo(f"  {line}")
        for line in comparison.only_present:
            click.echo(f"  not in the copy: {line}")
    elif comparison.fault:
        click.echo(
            f"The present database cannot be read: {comparison.fault}. Nothing can be compared and"
            " nothing carried over: answers, stops and erasures since the copy was made are lost."
        )


def _ask_to_restore(*, yes: bool) -> None:
    """Asks for a word at a terminal; refuses another word, and where there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("restore-not-confirmed", "Nothing was changed, for nobody said yes.")
    if click.prompt('Type "restore" to go on', default="", show_default=False) != "restore":
        raise Refused("restore-not-wanted", "Nothing was changed.")


def _say_restored(file: Path, restored: "Restored") -> None:
    """Prints what a restore did, what is lost, and what to do next."""
    where = f" What was there before is kept: {restored.set_aside}" if restored.set_aside else ""
    click.echo(f"The database is that of {file}.{where}")
    if restored.set_aside:
        click.echo(
            "If a survey was open, it still names who had answered. It is deleted with the count of"
            f" that survey, else after {how_many(_config().backup_days, 'day')}."
        )
    kept = [f"{name} {number:,}" for name, number in restored.carried.items() if number]
    if kept:
        click.echo(f"Carried over from what was there: {', '.join(kept)}.")
    for name, number in restored.lost.items():
        click.echo(f"Lost: {name} {'nobody knows how many' if number is None else number}.")
    for slug in restored.voided:
        click.echo(f"{slug} is void: it had been counted, and its key is gone.")
    click.echo("Everybody has to sign in again; links to sign in are void.")
    if restored.is_mail_paused:
        click.echo(MAIL_WAITS)
    click.echo("Then: candour doctor, and start the service.")


@candour.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(*, as_json: bool) -> None:
    """Check database, keys, settings, clock, time zones and mail, and say what to do.

    Changes nothing, sends nothing.

    Exits with 1 when anything is wrong.

    Example: candour doctor --json
    """
    from survey.app import LETTERS
    from survey.doctor.service import examine, list_settings

    config = _config()
    letter_types = frozenset(letter_type(config).name for letter_type in LETTERS)
    checks, settings = examine(config, letter_types), list_settings(config)
    wrong = sum(check.verdict == "wrong" for check in checks)
    if as_json:
        document = {
            "healthy": not wrong,
            "checks": [
                {
                    "name": check.name,
                    "verdict": check.verdict,
                    "says": check.says,
                    "remedy": check.remedy or None,
                }
                for check in checks
            ],
            "settings": [asdict(setting) for setting in settings],
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        for check in checks:
            remedy = f" {check.remedy}" if check.remedy else ""
            click.echo(f"{check.verdict:<6}{check.name}: {check.says}{remedy}")
        for setting in settings:
            click.echo(f"      {setting.name} = {setting.value} ({setting.source})")
    if wrong:
        raise Refused(
            "doctor-found-faults",
            f"{how_many(wrong, 'thing')} {choose_form(wrong, 'is', 'are')} wrong; each says above"
            " what to do.",
        )


@candour.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--web-only",
    is_flag=True,
    help="Serve pages only; `candour worker` or `candour tick` does the timed work.",
)
def serve(host: str, port: int, *, web_only: bool) -> None:
    """Serve the pages and do the timed work, in one process.

    Example: candour serve --host 127.0.0.1 --port 8000
    """
    run(host, port, with_jobs=not web_only)


@candour.command()
def worker() -> None:
    """Do the timed work without serving pages: open, remind, close, count, send.

    Several may run on one database.

    Example: candour worker
    """
    protect_memory()
    with _until_signalled(), _engine():
        click.echo(
            "Working: what is due is done every 30 seconds, letters leave every 5 (stop with"
            " Ctrl-C)",
            err=True,
        )
        while not shutdown.wait_for_shutdown(60):
            pass
    click.echo(f"{RESUME} worker", err=True)


def run(host: str, port: int, *, with_jobs: bool = True) -> None:
    """Serves pages until SIGTERM or Ctrl-C, by default with timed work; refuses a taken port."""
    from survey.server import create_server

    protect_memory()
    app = _app()
    try:
        server = create_server(app, host, port, proxies=_config().proxies)
    except OSError as error:
        raise Refused(
            "port-taken", f"Port {port} on {host} is not free ({error.strerror})."
        ) from error
    with _until_signalled(), _engine() if with_jobs else nullcontext():
        click.echo(f"Serving on http://{host}:{port} (stop with Ctrl-C)", err=True)
        try:
            server.run()
        finally:
            server.close()
    click.echo(f"{RESUME} serve{'' if with_jobs else ' --web-only'}", err=True)


@contextmanager
def _engine() -> Iterator[None]:
    """Runs the timed work in threads during the block; then waits for what is under way.

    For at most a minute. Logs what could not be done.
    """
    from survey.database import db
    from survey.jobs.engine import Engine, ScheduledJob
    from survey.schedule import deliver_due_letters, do_long_jobs, is_usual
    from survey.schedule import tick as do_what_is_due

    app, config = _app(), _config()
    log_timetable, log_letters = _log_changes(), _log_changes()

    def run_timetable() -> None:
        with app.app_context():
            log_timetable(do_what_is_due(config, now(), seconds=0, real=now()))

    def run_outbox() -> None:
        with app.app_context():
            lines = deliver_due_letters()
        # Without lines nothing was due or tried, as between two tries of a server that is away:
        # what the log says still holds.
        if lines:
            log_letters(tuple(line for line in lines if not is_usual(line)))

    def run_long_jobs() -> None:
        with app.app_context():
            for line in do_long_jobs(config):
                log.warning(line)

    jobs = (
        ScheduledJob("timetable", EVERY_30_SECONDS, run_timetable),
        ScheduledJob("letters", EVERY_5_SECONDS, run_outbox),
        ScheduledJob("works", EVERY_5_SECONDS, run_long_jobs),
    )
    db.session.remove()
    engine = Engine(config.engine_url, jobs)
    engine.start()
    try:
        yield
    finally:
        shutdown.request_shutdown()
        engine.stop()


def _log_changes() -> Callable[[tuple[str, ...]], None]:
    """Makes a function that logs a pass's lines, but not those of the pass before.

    So what cannot be done is logged once, not with every pass.
    """
    last_lines: tuple[str, ...] = ()

    def log_new(lines: tuple[str, ...]) -> None:
        nonlocal last_lines
        for line in lines:
            if line not in last_lines:
                log.warning(line)
        last_lines = lines

    return log_new


@contextmanager
def _until_signalled() -> Iterator[None]:
    """Lets SIGTERM or Ctrl-C end the block without error; a second one ends the process at once.

    That loses nothing either. Restores the signal handlers afterwards.
    """

    def end(number: int, _frame: object) -> None:
        if shutdown.is_shutting_down():
            os._exit(128 + number)
        shutdown.request_shutdown()
        raise KeyboardInterrupt

    shutdown.withdraw_shutdown()
    signals = (signal.SIGTERM, signal.SIGINT)
    handlers_before = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in handlers_before.items():
            signal.signal(number, handler)


def _typed_command(ctx: click.Context) -> click.Command:
    """The innermost command that `sys.argv` names; `candour` itself where it names none.

    Loads the commands of its room. One marked `offline` runs without settings and database.
    """
    command: click.Command = candour
    for word in sys.argv[1:]:
        if isinstance(command, click.Group):
            command = command.get_command(ctx, word) or command
    return command


def _app() -> "Flask":
    """The real application object behind `current_app`, which another thread can use."""
    from flask import current_app

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the documented way
    return app


def _config() -> "Config":
    """The settings of the running application."""
    config: Config = _app().config["CANDOUR"]
    return config


def _read_time(text: str) -> datetime:
    """Reads an ISO 8601 time; refuses other text and a time without its zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(
            "moment-unreadable", f"{text!r} is not a time. Write it like 2027-01-11T09:00Z."
        ) from error
    if time.tzinfo is None:
        raise Refused(
            "moment-without-zone",
            f"{text!r} lacks its zone. Write it like 2027-01-11T09:00Z or 2027-01-11T09:00+01:00.",
        )
    return time


def main() -> None:
    """Runs the typed command; exits with 1 on a refusal or error, 2 on wrong usage, else 0.

    Prints a sentence instead of a traceback.
    """
    keep_new_files_private()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        candour()
    except Refused as refused:
        click.echo(words_for_command(refused), err=True)
        for line in details_for_command(refused):
            click.echo(f"  {line}", err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - whatever it was, no traceback reaches a person
        from sqlalchemy.exc import DBAPIError

        error_name = type(error).__name__
        if isinstance(error, DBAPIError):
            sentence = (
                f"The database did not do what was asked ({error_name}). Nothing half done was"
                f" kept. {REMEDY}"
            )
        else:
            sentence = (
                f"Something went wrong that Candour did not foresee ({error_name}). Nothing half"
                " done was kept."
            )
        click.echo(sentence, err=True)
        sys.exit(1)
