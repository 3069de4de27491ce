"""The doctor: looks at everything an installation stands on, without changing or sending anything, and says what to do."""

import os
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from survey.config import PREFIX, Config
from survey.database import db, revealing_server_settings, revision_of, revisions
from survey.invitations.service.invitations import TO_STAFF
from survey.jobs.heartbeat import last_pass
from survey.kernel.clock import now
from survey.kernel.hints import EXPORT_KEY, PUT_KEY_BACK
from survey.kernel.plurals import choose_form, how_many
from survey.mail import service as mail
from survey.mail.service import examine_mail, mailbox_state
from survey.vault.keys.service.safe_keeping import key_fault
from survey.vault.service.spare_copies import copies_to_destroy, spare_copies
from survey.waves import service as waves
from survey.waves.rules.waves import Wave, WaveState

LARGEST_LAG = timedelta(seconds=2)
LATEST_PASS = timedelta(minutes=5)
WAITING = ("ready", "leased")
RUNNING = frozenset({WaveState.OPEN, WaveState.CLOSED})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at: what was found, and what to do about it; `is_wrong` is None for what is only worth knowing."""

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
    """A setting as it is in force, secrets masked, and where it came from."""

    name: str
    value: str
    source: str


def examine(config: Config, kinds: frozenset[str]) -> tuple[Diagnosis, ...]:
    """Every check; `kinds` are the kinds of letter that this program can write. What needs the database waits until that is in order."""
    database = tuple(_database(config))
    checks = [
        *database,
        *_key_folder(config),
        *_base_url(config),
        *_certificate(config),
        *_mail(config),
    ]
    if not any(check.is_wrong for check in database):
        checks += _engine(config)
        for look in (
            _clock,
            _logging,
            lambda: _zones(config),
            lambda: _keys(config),
            _copies,
            lambda: _letters(kinds),
            _timetable,
            _bounces,
        ):
            checks += _looked(look)
    return tuple(checks)


def list_settings(config: Config) -> tuple[SettingInForce, ...]:
    """All settings, each with its value and where it came from."""
    named = (
        (field, f"{PREFIX}{field.name.upper()}")
        for field in fields(config)
        if field.name != "sources"
    )
    return tuple(
        SettingInForce(
            name,
            _masked(
                getattr(config, field.name),
                is_secret=not field.repr,
                is_address=field.name.endswith("_url"),
            ),
            config.sources.get(name, "default"),
        )
        for field, name in named
    )


def _looked(look: Callable[[], Iterator[Diagnosis]]) -> tuple[Diagnosis, ...]:
    try:
        return tuple(look())
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


def _database(config: Config) -> Iterator[Diagnosis]:
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


def _key_folder(config: Config) -> Iterator[Diagnosis]:
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


def _base_url(config: Config) -> Iterator[Diagnosis]:
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


def _certificate(config: Config) -> Iterator[Diagnosis]:
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


def _mail(config: Config) -> Iterator[Diagnosis]:
    for found in examine_mail(config, now()):
        yield Diagnosis(found.name, found.is_wrong, found.says, found.remedy)


def _clock() -> Iterator[Diagnosis]:
    if db.engine.dialect.name == "sqlite":
        yield Diagnosis(
            "clock", False, f"{now():%Y-%m-%d %H:%M:%S} UTC, the same for the database."
        )
        return
    before = now()
    there: datetime = db.session.execute(select(func.clock_timestamp())).scalar_one()
    lag = max(before - there, there - now(), timedelta(0))
    is_off = lag > LARGEST_LAG
    says = (
        f"This machine and the database differ by {lag.total_seconds():.1f} s."
        if lag
        else "This machine and the database agree."
    )
    yield Diagnosis("clock", is_off, says, "Set both clocks by NTP." if is_off else "")


def _logging() -> Iterator[Diagnosis]:
    told = revealing_server_settings()
    for line in told:
        yield Diagnosis(
            "database's log",
            True,
            line,
            "In postgresql.conf, then reload. Until then no wave can be opened.",
        )
    if not told:
        yield Diagnosis(
            "database's log",
            False,
            "The database writes nothing down that leads from a person to an answer.",
        )


def _zones(config: Config) -> Iterator[Diagnosis]:
    unknown: set[str] = set()
    for name in {
        config.timezone,
        *(one.timezone for one in waves.list_surveys()),
        *(one.timezone for one in waves.list_waves()),
    }:
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


def _keys(config: Config) -> Iterator[Diagnosis]:
    for item in waves.list_waves():
        if item.state in RUNNING and config.key_dir is not None:
            yield from _key(item, config.key_dir)


def _key(item: Wave, key_dir: Path) -> Iterator[Diagnosis]:
    name = f"key of {item.slug}"
    fault = key_fault(item, key_dir)
    if fault:
        yield Diagnosis(
            name,
            True,
            f"{fault} Its answers cannot be opened.",
            PUT_KEY_BACK.format(wave=item.slug),
        )
    elif item.key_missing_since:
        says = (
            f"It is there, but was missing since {item.key_missing_since:%Y-%m-%d %H:%M} UTC, and"
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
    if not spare_copies(item):
        yield Diagnosis(
            name,
            None,
            "There is no spare copy; losing the key loses the wave.",
            EXPORT_KEY.format(wave=item.slug),
        )


def _copies() -> Iterator[Diagnosis]:
    for item in waves.list_waves():
        copies = copies_to_destroy(item)
        if copies:
            says = (
                f"Nothing needs {', '.join(copy.file for copy in copies)} any more, and with an old"
                " backup it opens every answer."
            )
            yield Diagnosis(
                f"key of {item.slug}",
                True,
                says,
                f"Destroy it, then: candour keys confirm-destroyed {item.slug}",
            )


def _letters(kinds: frozenset[str]) -> Iterator[Diagnosis]:
    channel = mail.channel_state()
    checks = []
    if channel.pause:
        checks.append(
            Diagnosis(
                "mail",
                True,
                channel.pause.says,
                f"{channel.pause.remedy_at_a_shell} To resume: candour mail resume",
            )
        )
    for kind in {
        *mail.letter_counts().unknown_kinds
    } - kinds:  # without a number, which might be one that is told nowhere
        says = f"Letters of the kind {kind!r} wait, which this version cannot write."
        checks.append(Diagnosis("mail", True, says, "Install the version that queued them."))
    for item in waves.list_waves():
        if pause := mail.pause_of(item.slug):
            says = (
                f"The mail of {item.slug} is paused:"
                f" {pause.because}.{' Its dates do not move.' if item.takes_answers(now()) else ''}"
            )
            checks.append(
                Diagnosis(
                    "mail",
                    True,
                    says,
                    f"{pause.remedy_at_a_shell} To resume: candour mail resume {item.slug}",
                )
            )
        letters = mail.delivery_status(item.slug)
        unsent = sum(letters.counts(kind).get(state, 0) for kind in TO_STAFF for state in WAITING)
        if unsent and not item.takes_answers(now()) and item.state is not WaveState.PLANNED:
            says = (
                f"{how_many(unsent, 'letter')} about {item.slug}"
                f" {choose_form(unsent, 'was', 'were')} not sent before it closed."
            )
            checks.append(
                Diagnosis(
                    "mail",
                    True,
                    says,
                    "They are taken back when it is counted: candour tick, or candour waves close"
                    f" {item.slug}",
                )
            )
    yield from checks or [
        Diagnosis(
            "mail",
            False,
            "Nothing is stuck, and sending is not paused. Try it: candour mail test ADDRESS",
        )
    ]


def _bounces() -> Iterator[Diagnosis]:
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


def _timetable() -> Iterator[Diagnosis]:
    passed, run = last_pass(), "Run candour serve or candour worker, or candour tick every minute."
    if passed is None:
        yield Diagnosis(
            "timetable",
            None,
            "It was never gone through, so no wave opens, closes or is counted by itself.",
            run,
        )
        return
    says = f"It was last gone through at {passed:%Y-%m-%d %H:%M:%S} UTC."
    yield Diagnosis(
        "timetable", now() - passed > LATEST_PASS, says, run if now() - passed > LATEST_PASS else ""
    )


def _engine(config: Config) -> Iterator[Diagnosis]:
    from survey.jobs.engine import SCHEMA, engine_database, scheduled_names

    name, place = (
        "engine's database",
        "engine.db beside the database" if config.database_file else f"the schema {SCHEMA}",
    )
    if config.database_file and not config.database_file.with_name("engine.db").is_file():
        yield Diagnosis(
            name, None, f"There is none yet; candour serve or candour worker makes it: {place}."
        )
        return
    database = engine_database(config.engine_url)
    try:
        jobs = scheduled_names(database)
    except ProgrammingError:
        yield Diagnosis(
            name, None, f"There is none yet; candour serve or candour worker makes it: {place}."
        )
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


def _masked(value: object, *, is_secret: bool, is_address: bool) -> str:
    if value is None or value == "":
        return "not set"
    if not is_secret:
        return str(value)
    if not is_address:
        return "(secret)"
    plain = re.sub(r"^([^:/]+://[^:@/]*):.*@", r"\1:(secret)@", str(value))
    return re.sub(r"(password=)[^&]*", r"\1(secret)", plain)
