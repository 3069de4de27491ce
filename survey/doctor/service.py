"""The doctor: checks everything an installation stands on, and says what to do.

It changes nothing and sends nothing.
"""

import glob
import os
import re
import shlex
import ssl
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from survey.config import PREFIX, Config
from survey.copies.service import (
    ELSEWHERE_COUNTS,
    copies_made_elsewhere,
    due_copies,
    set_aside_copies,
)
from survey.database import db, revealing_server_settings, revision_of, revisions
from survey.findings.anchors.service import check_audit_log
from survey.invitations.service.invitations import TO_STAFF
from survey.jobs.heartbeat import last_pass
from survey.kernel.clock import now
from survey.kernel.errors import Refused
from survey.kernel.hints import EXPORT_KEY, PUT_KEY_BACK, hint_for_command
from survey.kernel.memory import unencrypted_swap
from survey.kernel.plurals import choose_form, how_many
from survey.mail import service as mail
from survey.mail.service import examine_mail, mailbox_state
from survey.organisation.rules.network import network_advice
from survey.organisation.service import check_readers_still_there, confirmed_organisation
from survey.vault.keys.service.safe_keeping import key_fault
from survey.vault.service.spare_copies import copies_to_destroy, spare_copies
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

LARGEST_LAG = timedelta(seconds=2)
LATEST_PASS = timedelta(minutes=5)
FOR_OTHERS = 0o077  # of a file's mode: whatever its group and everybody else may do
MOST_NAMED = 3
WAITING = ("ready", "leased")
RUNNING = frozenset({WaveState.OPEN, WaveState.CLOSED})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of one check: what was found, and what to do about it.

    `is_wrong` is None for what is only worth knowing.
    """

    name: str
    is_wrong: bool | None
    says: str
    remedy: str = ""

    @property
    def verdict(self) -> str:
        """`good`, `note` or `wrong`."""
        return {True: "wrong", False: "good", None: "note"}[self.is_wrong]


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A setting as it is in force, its secrets masked, and where it came from."""

    name: str
    value: str
    source: str


def examine(config: Config, letter_types: frozenset[str]) -> tuple[Diagnosis, ...]:
    """Runs all checks and gives their results; some only where the database is in order.

    `letter_types` are the names of the letter types that this program can write.
    """
    database = tuple(_check_database(config))
    results = [
        *database,
        *_check_key_folder(config),
        *_check_private_files(config),
        *_check_swap(),
        *_check_base_url(config),
        *_check_certificate(config),
        *_check_mail_server(config),
    ]
    if not any(result.is_wrong for result in database):
        results += _check_engine(config)
        for check in (
            _check_clock,
            _check_logging,
            lambda: _check_zones(config),
            lambda: _check_keys(config),
            _check_spare_copies,
            lambda: _check_copies(config),
            lambda: _check_letters(letter_types),
            _check_organisation,
            _check_comment_readers,
            _check_timetable,
            _check_bounces,
            _check_audit_log,
        ):
            results += _run(check)
    return tuple(results)


def list_settings(config: Config) -> tuple[SettingInForce, ...]:
    """All settings as they are in force, secrets masked, and where each came from."""
    settings = []
    for field in fields(config):
        if field.name == "sources":
            continue
        name = f"{PREFIX}{field.name.upper()}"
        value = _mask(
            getattr(config, field.name),
            is_secret=not field.repr,
            is_address=field.name.endswith("_url"),
        )
        settings.append(SettingInForce(name, value, config.sources.get(name, "default")))
    return tuple(settings)


def _run(check: Callable[[], Iterator[Diagnosis]]) -> tuple[Diagnosis, ...]:
    """Runs a check and gives its results; one that says so where the database failed at it."""
    try:
        return tuple(check())
    except SQLAlchemyError as error:
        db.session.rollback()
        return (
            Diagnosis(
                "database",
                True,
                f"A question to the database failed ({type(error).__name__}).",
                "Look at the database's own log.",
            ),
        )


def _check_database(config: Config) -> Iterator[Diagnosis]:
    """Whether the database answers, and has the tables of this version."""
    if config.database_file and not config.database_file.is_file():
        yield Diagnosis(
            "database",
            True,
            f"There is none at {config.database_file}.",
            "Make it: candour init. Or correct CANDOUR_DATABASE_URL.",
        )
        return
    head = revisions()[-1]
    try:
        with db.engine.connect() as connection:
            current = revision_of(connection)
    except SQLAlchemyError as error:
        remedy = (
            "See whether it runs and has room, and whether CANDOUR_DATABASE_URL is right. If it is"
            " new: candour init"
        )
        yield Diagnosis("database", True, f"It does not answer ({type(error).__name__}).", remedy)
        return
    yield Diagnosis("database", False, f"It answers ({db.engine.dialect.name}).")
    if current is not None and current not in revisions():
        yield Diagnosis(
            "migrations", True, "The database was made by a newer Candour.", "Install that version."
        )
    elif current != head:
        yield Diagnosis(
            "migrations",
            True,
            f"The tables are at {current or 'nothing'}, this program needs {head}.",
            "Run: candour init",
        )
    else:
        yield Diagnosis("migrations", False, f"The tables are those of this version ({head}).")


def _check_key_folder(config: Config) -> Iterator[Diagnosis]:
    """Whether the key folder lies apart from the database, and is its owner's alone."""
    folder, name = config.key_dir, "key folder"
    if folder is None:
        yield Diagnosis(
            name,
            None,
            "None: this process neither opens, probes nor counts a wave.",
            "One process needs CANDOUR_KEY_DIR.",
        )
        return
    if config.database_file and folder.resolve().is_relative_to(
        config.database_file.parent.resolve()
    ):
        remedy = (
            "Good enough for a trial; for real surveys set CANDOUR_KEY_DIR to a folder on another"
            " volume."
        )
        yield Diagnosis(
            name,
            None if config.is_local else True,
            f"{folder} lies in the database's folder, so one backup holds both.",
            remedy,
        )
    if not folder.is_dir():
        yield Diagnosis(
            name,
            None,
            f"{folder} is not there yet; it is made when the first wave opens.",
            f"Or now: install -d -m 700 {folder}",
        )
        return
    mode = folder.stat().st_mode & 0o777
    if mode != 0o700:
        yield Diagnosis(
            name,
            True,
            f"{folder} has mode {mode:04o}; others may look into it.",
            f"As its owner: chmod 700 {folder}",
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Diagnosis(
            name,
            True,
            f"{folder} cannot be read and written by this user.",
            "Run this as the service's user, or give it the folder.",
        )
    elif mode == 0o700:
        yield Diagnosis(name, False, f"{folder} is its owner's alone, and can be written.")


def _check_private_files(config: Config) -> Iterator[Diagnosis]:
    """Whether the files of the installation are their owner's alone."""
    open_files = [
        path
        for path in _private_files(config)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & FOR_OTHERS
    ]
    if not open_files:
        says = "The database, what lies beside it, keys and secrets are their owner's alone."
        yield Diagnosis("files", False, says)
        return
    modes = ", ".join(
        f"{path} has mode {stat.S_IMODE(path.stat().st_mode):04o}"
        for path in open_files[:MOST_NAMED]
    )
    more = len(open_files) - MOST_NAMED
    and_more = f", and {how_many(more, 'more file')}" if more > 0 else ""
    yield Diagnosis(
        "files",
        True,
        f"Others on this machine may open what is not theirs: {modes}{and_more}.",
        f"As their owner: chmod go= {shlex.join(str(path) for path in open_files)}",
    )


def _private_files(config: Config) -> Iterator[Path]:
    """The files and folders of the installation that only its owner may open, there or not."""
    yield Path(".env")
    if config.key_dir:
        yield from config.key_dir.glob("*")
    if config.database_file:
        folder, name = config.database_file.parent, config.database_file.name
        yield folder / "secret_key"
        for database in (glob.escape(name), "engine.db"):
            yield from sorted(folder.glob(f"{database}*"))
    if config.is_demo:
        yield config.folder / "mail"


def _check_swap() -> Iterator[Diagnosis]:
    """A note where this machine may write the memory of its processes to a disk unencrypted."""
    places = unencrypted_swap()
    if places:
        says = (
            f"This machine swaps memory to {', '.join(places)}, unencrypted as far as can be seen;"
            " keys and answers in memory may stay on that disk."
        )
        remedy = "Encrypt it, or keep the service out of it: MemorySwapMax=0 in its systemd unit."
        yield Diagnosis("swap", None, says, remedy)
    else:
        yield Diagnosis("swap", False, "No memory is written to a disk in clear.")


def _check_base_url(config: Config) -> Iterator[Diagnosis]:
    """Where links in mails lead; a note where they open on this machine only."""
    if config.is_local:
        says = f"{config.base_url}: the links in mails open on this machine only."
        yield Diagnosis(
            "base URL",
            None,
            says,
            "For real surveys set CANDOUR_BASE_URL to an https:// address that staff can reach.",
        )
    else:
        yield Diagnosis("base URL", False, f"Links in mails start with {config.base_url}")


def _check_certificate(config: Config) -> Iterator[Diagnosis]:
    """Whether the file with the mail server's certificate can be read, where one is set."""
    if config.mail_ca_file is None:
        return
    try:
        ssl.create_default_context(cafile=config.mail_ca_file)
    except (OSError, ssl.SSLError) as error:
        says = (
            f"{config.mail_ca_file} holds no certificate that can be read ({type(error).__name__})."
        )
        yield Diagnosis(
            "mail certificate",
            True,
            says,
            "CANDOUR_MAIL_CA_FILE needs a file in PEM form that the service's user may read.",
        )
    else:
        yield Diagnosis("mail certificate", False, f"{config.mail_ca_file} can be read.")


def _check_mail_server(config: Config) -> Iterator[Diagnosis]:
    """What is wrong with mail server, sign-in, sender and links; signs in and sends nothing."""
    for result in examine_mail(config, now()):
        yield Diagnosis(result.name, result.is_wrong, result.says, result.remedy)


def _check_clock() -> Iterator[Diagnosis]:
    """Whether this machine's clock and the database's differ by at most two seconds."""
    if db.engine.dialect.name == "sqlite":
        yield Diagnosis(
            "clock", False, f"{now():%Y-%m-%d %H:%M:%S} UTC, the same for the database."
        )
        return
    before = now()
    there: datetime = db.session.execute(select(func.clock_timestamp())).scalar_one()
    lag = max(before - there, there - now(), timedelta(0))
    is_off = lag > LARGEST_LAG
    says = "This machine and the database agree."
    if lag:
        says = f"This machine and the database differ by {lag.total_seconds():.1f} s."
    yield Diagnosis("clock", is_off, says, "Set both clocks by NTP." if is_off else "")


def _check_logging() -> Iterator[Diagnosis]:
    """Whether the database server writes down what leads from a person to an answer."""
    lines = revealing_server_settings()
    for line in lines:
        yield Diagnosis(
            "database's log",
            True,
            line,
            "In postgresql.conf, then reload. Until then no wave can be opened.",
        )
    if not lines:
        yield Diagnosis(
            "database's log",
            False,
            "The database writes nothing down that leads from a person to an answer.",
        )


def _check_zones(config: Config) -> Iterator[Diagnosis]:
    """Whether this machine has the data of every time zone in use."""
    used = {
        config.timezone,
        *(survey.timezone for survey in waves.list_surveys()),
        *(wave.timezone for wave in waves.list_waves()),
    }
    unknown: set[str] = set()
    for name in used:
        try:
            ZoneInfo(name).utcoffset(now())
        except (OSError, ValueError, KeyError):
            unknown.add(name)
    if unknown:
        yield Diagnosis(
            "time zones",
            True,
            f"No data for {', '.join(sorted(unknown))}.",
            "Install the package tzdata, or the system's own.",
        )
    else:
        yield Diagnosis("time zones", False, "Data for every zone in use is here.")


def _check_keys(config: Config) -> Iterator[Diagnosis]:
    """Checks the keys of all open and closed waves, where this process has the key folder."""
    for wave in waves.list_waves():
        if wave.state in RUNNING and config.key_dir is not None:
            yield from _check_key(wave, config.key_dir)


def _check_key(wave: Wave, key_dir: Path) -> Iterator[Diagnosis]:
    """Whether a wave's key opens what was sealed; a note where there is no spare copy of it."""
    name = f"key of {wave.slug}"
    fault = key_fault(wave, key_dir)
    if fault:
        yield Diagnosis(
            name,
            True,
            f"{fault} Its answers cannot be opened.",
            PUT_KEY_BACK.format(wave=wave.slug),
        )
    elif wave.key_missing_since:
        says = (
            f"It is there, but was missing since {wave.key_missing_since:%Y-%m-%d %H:%M} UTC, and"
            " no answer is taken yet."
        )
        yield Diagnosis(
            name,
            True,
            says,
            "The next pass of the timetable takes note: candour tick, or see that serve runs.",
        )
    else:
        yield Diagnosis(name, False, "It opens what was sealed.")
    if not spare_copies(wave):
        yield Diagnosis(
            name,
            None,
            "There is no spare copy; losing the key loses the wave.",
            EXPORT_KEY.format(wave=wave.slug),
        )


def _check_spare_copies() -> Iterator[Diagnosis]:
    """Whether spare copies of keys are left that nothing needs any more."""
    for wave in waves.list_waves():
        copies = copies_to_destroy(wave)
        if copies:
            files = ", ".join(copy.file for copy in copies)
            yield Diagnosis(
                f"key of {wave.slug}",
                True,
                f"Nothing needs {files} any more, and with an old backup it opens every answer.",
                f"Destroy it, then: candour keys confirm-destroyed {wave.slug}",
            )


def _check_copies(config: Config) -> Iterator[Diagnosis]:
    """Whether copies of the database are left that must be gone, and who deletes the others."""
    name, folder = "copies", config.backup_dir
    if folder and folder.is_dir() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Diagnosis(
            name,
            True,
            f"{folder} cannot be written by this user, so old copies cannot be deleted.",
            "Run this as the service's user, or give it the folder.",
        )
        return
    due = due_copies(config, now())
    for copy in due:
        yield Diagnosis(
            name, True, f"{copy.file} must be deleted, because {copy.because}.", "Delete it."
        )
    for file in {*set_aside_copies()} - {copy.file for copy in due}:
        says = f"{file} holds who has answered so far. It goes with the count of its survey."
        yield Diagnosis(name, None, says)
    elsewhere = copies_made_elsewhere(now() - ELSEWHERE_COUNTS)
    if elsewhere:
        files = ", ".join(elsewhere[:3]) + (" and more" if len(elsewhere) > 3 else "")
        were = choose_form(len(elsewhere), "copy was", "copies were")
        yield Diagnosis(
            name,
            None,
            f"{len(elsewhere):,} {were} made lately where Candour deletes nothing: {files}.",
            "Delete each when the survey that was open has been counted; /promise says that"
            " whoever keeps copies decides.",
        )
    if config.days_of_copies:
        days = how_many(config.backup_days, "day")
        yield Diagnosis(name, False, f"Those in {config.backup_dir} are deleted after {days}.")
    else:
        yield Diagnosis(
            name,
            None,
            "Candour deletes none, so /promise says that whoever keeps copies decides.",
            "Set CANDOUR_BACKUP_DIR, and make them by: candour backup"
            if config.database_file
            else "Delete what pg_dump wrote when the survey that was open has been counted.",
        )


def _check_letters(letter_types: frozenset[str]) -> Iterator[Diagnosis]:
    """Whether sending is paused, and whether letters wait that will not go."""
    results = [*_check_channel(letter_types)]
    for wave in waves.list_waves():
        results += _check_mail_of(wave)
    if results:
        yield from results
    else:
        yield Diagnosis(
            "mail",
            False,
            "Nothing is stuck, and sending is not paused. Try it: candour mail test ADDRESS",
        )


def _check_organisation() -> Iterator[Diagnosis]:
    """Whether somebody has confirmed the facts, and what a provider sees who runs the mail."""
    try:
        organisation = confirmed_organisation()
        check_readers_still_there(organisation)
    except Refused as refused:
        yield Diagnosis(
            "organisation", None, f"No wave opens: {refused.sentence}", hint_for_command(refused)
        )
        return
    if organisation.provider_runs_mail is False:
        yield Diagnosis("organisation", False, "The facts are confirmed.")
        return
    says = "The provider runs your mail or network."
    if organisation.provider_runs_mail is None:
        says = "Nobody has said whether the provider runs your mail or network."
    yield Diagnosis(
        "organisation",
        None,
        f"{says} {network_advice('the provider')}",
        "Say it: candour organisation set ... --provider-runs-mail yes, or no"
        if organisation.provider_runs_mail is None
        else "",
    )


def _check_comment_readers() -> Iterator[Diagnosis]:
    """Whether somebody may read the comments of each wave that is not shared yet."""
    unread = {WaveState.OPEN, WaveState.CLOSED, WaveState.COUNTED}
    for wave in waves.list_waves():
        if wave.state in unread and not (wave.imported or wave.is_third or wave.comment_readers):
            yield Diagnosis(
                f"comments of {wave.slug}",
                None,
                "Nobody is named who reads them, so nobody can.",
                f'Name one or two: candour waves readers {wave.slug} MAIL[,MAIL] --reason "..."',
            )


def _check_channel(letter_types: frozenset[str]) -> Iterator[Diagnosis]:
    """Whether all mail is paused, and whether letters wait that this program cannot write."""
    pause = mail.channel_state().pause
    if pause:
        yield Diagnosis(
            "mail",
            True,
            pause.says,
            f"{pause.remedy_at_a_shell} To resume: candour mail resume",
        )
    # Without a number, which might be a confidential one.
    for letter_type in {*mail.letter_counts().unknown_kinds} - letter_types:
        yield Diagnosis(
            "mail",
            True,
            f"Letters of the kind {letter_type!r} wait, which this version cannot write.",
            "Install the version that queued them.",
        )


def _check_mail_of(wave: Wave) -> Iterator[Diagnosis]:
    """Whether a wave's mail is paused, and whether letters were not sent before it closed."""
    takes_answers = wave.takes_answers(now())
    pause = mail.pause_of(wave.slug)
    if pause:
        suffix = " Its dates do not move." if takes_answers else ""
        yield Diagnosis(
            "mail",
            True,
            f"The mail of {wave.slug} is paused: {pause.because}.{suffix}",
            f"{pause.remedy_at_a_shell} To resume: candour mail resume {wave.slug}",
        )
    letters = mail.delivery_status(wave.slug)
    unsent = sum(letters.counts(kind).get(state, 0) for kind in TO_STAFF for state in WAITING)
    if unsent and not takes_answers and wave.state is not WaveState.PLANNED:
        verb = choose_form(unsent, "was", "were")
        yield Diagnosis(
            "mail",
            True,
            f"{how_many(unsent, 'letter')} about {wave.slug} {verb} not sent before it closed.",
            "They are taken back when it is counted: candour tick, or candour waves close"
            f" {wave.slug}",
        )


def _check_bounces() -> Iterator[Diagnosis]:
    """Whether the mailbox of bounces could be read at the last look; no result without a look."""
    state = mailbox_state()
    if state.problem:
        yield Diagnosis(
            "bounce mailbox",
            True,
            f"It was not read at {state.looked_at:%Y-%m-%d %H:%M} UTC: {state.problem}.",
            "Then: candour mail bounces",
        )
    elif state.looked_at:
        yield Diagnosis(
            "bounce mailbox", False, f"It was read at {state.looked_at:%Y-%m-%d %H:%M} UTC."
        )


def _check_timetable() -> Iterator[Diagnosis]:
    """Whether the last pass of the timetable is at most five minutes old; a note if none was."""
    passed_at = last_pass()
    remedy = "Run candour serve or candour worker, or candour tick every minute."
    if passed_at is None:
        yield Diagnosis(
            "timetable",
            None,
            "It was never gone through, so no wave opens, closes or is counted by itself.",
            remedy,
        )
        return
    is_late = now() - passed_at > LATEST_PASS
    says = f"It was last gone through at {passed_at:%Y-%m-%d %H:%M:%S} UTC."
    yield Diagnosis("timetable", is_late, says, remedy if is_late else "")


def _check_audit_log() -> Iterator[Diagnosis]:
    """Whether no entry of the audit log was changed or taken out, as far as this database knows."""
    verdict = check_audit_log()
    if verdict.is_whole:
        heads = how_many(len(verdict.fitting), "published head")
        says = f"Its chain is unbroken and leads to {heads}."
        by_hand = [restore.words for restore in verdict.restores if restore.reason]
        says = " ".join((says, *by_hand))
        yield Diagnosis("audit log", is_wrong=False, says=says)
        return
    remedy = (
        "Keep the database and all copies as they are, and compare with what is kept outside:"
        " candour audit verify --against FILE"
    )
    yield Diagnosis("audit log", is_wrong=True, says=" ".join(verdict.faults), remedy=remedy)


def _check_engine(config: Config) -> Iterator[Diagnosis]:
    """Whether the database of the job engine answers; a note where it was not made yet.

    It is `engine.db` beside the SQLite database, or a schema in PostgreSQL, and knows the jobs.
    """
    from survey.jobs.engine import SCHEMA, engine_database, scheduled_names

    name, place = "engine's database", f"the schema {SCHEMA}"
    if config.database_file:
        place = "engine.db beside the database"
    none_yet = Diagnosis(
        name, None, f"There is none yet; candour serve or candour worker makes it: {place}."
    )
    if config.database_file and not config.database_file.with_name("engine.db").is_file():
        yield none_yet
        return
    database = engine_database(config.engine_url)
    try:
        jobs = scheduled_names(database)
    except ProgrammingError:
        yield none_yet
    except SQLAlchemyError as error:
        remedy = (
            "While it stands still, candour tick does the work. Stop every process, delete it and"
            " start again; that loses nothing."
        )
        yield Diagnosis(
            name,
            True,
            f"{place[0].upper()}{place[1:]} does not answer ({type(error).__name__}).",
            remedy,
        )
    else:
        yield Diagnosis(name, False, f"It answers ({len(jobs)} jobs).")
    finally:
        database.dispose()


def _mask(value: object, *, is_secret: bool, is_address: bool) -> str:
    """A setting's value as it may be printed; of an address only the password is hidden."""
    if value is None or value == "":
        return "not set"
    if not is_secret:
        return str(value)
    if not is_address:
        return "(secret)"
    plain = re.sub(r"^([^:/]+://[^:@/]*):.*@", r"\1:(secret)@", str(value))
    return re.sub(r"(password=)[^&]*", r"\1(secret)", plain)
