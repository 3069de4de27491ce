"""Settings: read once from the environment and `.env`, checked all together, frozen."""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from survey.kernel.addresses import address_fault, needs_utf8
from survey.kernel.errors import Refused
from survey.kernel.files import write_once
from survey.kernel.hosts import is_loopback
from survey.kernel.plurals import choose_form, how_many
from survey.kernel.sign_in_key import read_key_file

PREFIX = "CANDOUR_"
MICROSOFT_SCOPE, GOOGLE_SCOPE = "https://outlook.office365.com/.default", "https://mail.google.com/"
MAIL_SCHEMES = ("smtp+starttls", "smtps", "smtp", "catcher")
BACKUP_DAYS = 30
BOUNCE_SCHEMES = ("imaps", "imap+starttls", "imap")
_BOUNCE_ADDRESS = re.compile(r"(?=[^@])[\w.+=-]*\*?[\w.+=-]*@[\w-]+(\.[\w-]+)+", re.ASCII)


@dataclass(frozen=True)
class Config:
    """All settings of an installation, frozen; docs/settings.md explains each name."""

    database_url: str = field(repr=False)
    base_url: str
    secret_key: str = field(repr=False)
    key_dir: Path | None
    mail_url: str = field(repr=False)
    mail_from: str
    mail_per_minute: int | None = None
    mail_ca_file: Path | None = None
    mail_oauth_client_id: str = ""
    mail_oauth_client_secret: str = field(default="", repr=False)
    mail_oauth_key_file: Path | None = None
    mail_oauth_token_url: str = ""
    mail_oauth_scope: str = ""
    bounce_address: str = ""
    bounce_url: str = field(default="", repr=False)
    timezone: str = "UTC"
    proxies: int = 0
    backup_dir: Path | None = None
    backup_days: int = BACKUP_DAYS
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether `base_url` is plain HTTP on this machine's own address, as in a demo or test.

        Pages are then served to this machine alone.
        """
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and is_loopback(parts.hostname or "")

    @property
    def is_demo(self) -> bool:
        """Whether mails go to the built-in catcher instead of to people."""
        return self.mail_url.startswith("catcher:")

    @property
    def database_file(self) -> Path | None:
        """The path of the SQLite database; None on PostgreSQL."""
        url = make_url(self.database_url)
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    @property
    def days_of_copies(self) -> int | None:
        """After how many days the program itself deletes copies; None where it keeps none.

        It keeps copies of an SQLite database, in the folder that is set for them.
        """
        return self.backup_days if self.database_file and self.backup_dir else None

    @property
    def engine_url(self) -> str:
        """The address of the job engine's database: `engine.db` beside ours, or our PostgreSQL.

        On PostgreSQL the engine has a schema for itself. Deleting it loses nothing.
        """
        if self.database_file:
            return f"sqlite:///{self.database_file.parent / 'engine.db'}"
        return self.database_url

    @property
    def folder(self) -> Path:
        """The folder of the installation's small files: the SQLite database's, else `instance`."""
        return self.database_file.parent if self.database_file else Path.cwd() / "instance"

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> "Config":
        """Reads settings from the environment and from `.env` in `cwd`; refuses with all faults.

        If `environ` is given, it takes the place of both. Each fault comes with its remedy. On
        SQLite, where no secret key is set, makes one and stores it beside the database.
        """
        cwd = cwd or Path.cwd()
        in_file: dict[str, str] = {}
        if environ is None:
            environ = os.environ
            lines = dotenv_values(cwd / ".env")
            in_file = {name: value for name, value in lines.items() if value is not None}
        ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
        return _Reader(in_file | ours, cwd, set(in_file)).read()


def _split(address: str) -> SplitResult:
    """The parts of a URL; all empty where the text cannot be read as one."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _has_good_port(parts: SplitResult) -> bool:
    """Whether a URL has no port, or one from 1 to 65535."""
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _is_plain(text: str) -> bool:
    """Whether a text is printable ASCII and not empty."""
    return bool(text) and text.isascii() and text.isprintable()


class _Reader:
    """Reads one setting after the other and collects the faults.

    `values` are the settings as they were typed, by their full names; `in_file` are the names that
    `.env` holds. A method that reads a setting gives its value even where it has a fault.
    """

    def __init__(self, values: Mapping[str, str], cwd: Path, in_file: set[str]) -> None:
        self.values, self.cwd, self.in_file = values, cwd, in_file
        self.faults: list[str] = []
        self.sources: dict[str, str] = {}

    def text(self, name: str, default: str = "") -> str:
        """A setting's value without outer blanks, else the default; notes where it came from."""
        key = PREFIX + name.upper()
        value = self.values.get(key, "").strip()
        if not value:
            self.sources[key] = "default"
        elif key in self.in_file and not os.environ.get(key):
            self.sources[key] = ".env"
        else:
            self.sources[key] = "environment"
        return value or default

    def fault(self, name: str, text: str) -> None:
        """Adds what is wrong with a setting, and what to do, to the faults that `read` refuses."""
        self.faults.append(f"{PREFIX}{name.upper()}: {text}")

    def read(self) -> Config:
        """Reads all settings; refuses with the list of every fault in them.

        On SQLite, where no secret key is set, makes and stores one.
        """
        base_url = self.base_url()
        parts = _split(base_url)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        database_url = self.database_url()
        is_sqlite = database_url.startswith("sqlite:///")
        database_file = Path(database_url.removeprefix("sqlite:///")) if is_sqlite else None
        mail_url = self.mail_url(local=local)
        settings = {
            "database_url": database_url,
            "base_url": base_url,
            "key_dir": self.key_dir(database_file, local=local),
            "mail_url": mail_url,
            "mail_from": self.mail_from(local=local),
            "mail_per_minute": self.number("mail_per_minute", lowest=1),
            "mail_ca_file": self.existing_file("mail_ca_file"),
            **self.mail_oauth(mail_url),
            "bounce_address": self.bounce_address(),
            "bounce_url": self.bounce_url(),
            "timezone": self.zone(),
            "proxies": self.number("proxies", lowest=0) or 0,
            "backup_days": self.number("backup_days", lowest=1) or BACKUP_DAYS,
        }
        settings["backup_dir"] = self.backup_dir(settings["key_dir"])
        self.check_names()
        secret_key = self.secret_key(is_required=database_file is None)
        if self.faults:
            count = len(self.faults)
            raise Refused(
                "settings-faulty",
                f"{how_many(count, 'setting')} {choose_form(count, 'needs', 'need')} attention.",
                details=tuple(self.faults),
            )
        if not secret_key and database_file is not None:
            secret_key = kept_secret(database_file.parent / "secret_key")
        return Config(secret_key=secret_key, sources=self.sources, **settings)  # type: ignore[arg-type]

    def check_names(self) -> None:
        """Adds a fault for each name that begins with CANDOUR_ and is no setting."""
        known = {PREFIX + field.name.upper() for field in fields(Config)} - {PREFIX + "SOURCES"}
        for key in sorted(set(self.values) - known):
            if key.startswith(PREFIX):
                self.faults.append(f"{key}: no such setting; remove it or correct its name.")

    def secret_key(self, *, is_required: bool) -> str:
        """The secret that signs sessions; empty where none is set. A fault: under 32 characters.

        Where it is required, an empty one is a fault too; elsewhere the installation makes its own.
        """
        value = self.text("secret_key")
        if is_required and not value:
            self.fault(
                "secret_key",
                "missing. Set it to 32 or more random characters, the same on every machine.",
            )
        elif value and len(value) < 32:
            self.fault(
                "secret_key",
                f"only {len(value)} characters. Set it to 32 or more random ones.",
            )
        return value

    def base_url(self) -> str:
        """The address of the pages, without a final slash.

        A fault: one with a path, and http:// on any but this machine.
        """
        value = self.text("base_url", "http://127.0.0.1:8000").rstrip("/")
        parts = _split(value)
        has_more_than_host = (
            parts.path or parts.query or parts.fragment or parts.username is not None
        )
        is_address = (
            parts.scheme in {"http", "https"}
            and parts.hostname
            and not has_more_than_host
            and _has_good_port(parts)
            and " " not in value
        )
        if not is_address:
            self.fault(
                "base_url",
                f"{value!r} is not an address like https://feedback.example.com (no path).",
            )
        elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            self.fault(
                "base_url", f"{value!r} would send codes and passwords in clear. Use https://."
            )
        return value

    def database_url(self) -> str:
        """The database's address: of SQLite with the whole path, of PostgreSQL with our driver.

        A fault: another kind of database, and SQLite without a file.
        """
        value = self.text("database_url", "sqlite:///instance/candour.db")
        try:
            url = make_url(value)
        except (ArgumentError, ValueError):
            self.fault(
                "database_url",
                "not a database address. Examples: sqlite:///instance/candour.db,"
                " postgresql+psycopg://user:password@host/candour.",
            )
            return value
        if url.get_backend_name() == "sqlite":
            if not url.database or url.database == ":memory:":
                self.fault(
                    "database_url",
                    "an SQLite database needs a file: sqlite:///instance/candour.db.",
                )
                return value
            return f"sqlite:///{(self.cwd / url.database).resolve()}"
        if url.get_backend_name() == "postgresql":
            return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        self.fault(
            "database_url", f"{url.get_backend_name()} is not supported. Use SQLite or PostgreSQL."
        )
        return value

    def key_dir(self, database_file: Path | None, *, local: bool) -> Path | None:
        """The folder of the wave keys; None, and a fault, where it is missing on a server.

        On this machine alone it is by default `keys` beside the SQLite database. On a server a
        folder inside the database's folder is a fault.
        """
        value = self.text("key_dir")
        if not value:
            if local and database_file is not None:
                return database_file.parent / "keys"
            self.fault(
                "key_dir",
                "missing. Name a folder on another volume than the database; the keys of open waves"
                " are kept there.",
            )
            return None
        folder = (self.cwd / value).resolve()
        if not local and database_file is not None and folder.is_relative_to(database_file.parent):
            self.fault(
                "key_dir",
                f"{folder} lies inside the database's folder, so a backup of one would hold both."
                " Name another place.",
            )
        return folder

    def backup_dir(self, key_dir: object) -> Path | None:
        """The folder of the copies that the program deletes in time; None where none is set.

        A fault: the key folder, one inside it, and one that holds it.
        """
        value = self.text("backup_dir")
        if not value:
            return None
        folder = (self.cwd / value).resolve()
        if isinstance(key_dir, Path) and (
            folder.is_relative_to(key_dir) or key_dir.is_relative_to(folder)
        ):
            self.fault(
                "backup_dir",
                f"{folder} and the key folder lie in each other; a key beside a copy of the"
                " database opens its ballots. Name another place.",
            )
        return folder

    def mail_url(self, *, local: bool) -> str:
        """The address of the mail server; the built-in catcher by default where pages are local.

        A fault: the catcher on a server, and plain smtp:// to another machine.
        """
        value = self.text("mail_url", "catcher://" if local else "")
        if not value:
            self.fault(
                "mail_url", "missing. Example: smtp+starttls://user:password@mail.example.com:587."
            )
            return value
        parts = _split(value)
        if parts.scheme not in MAIL_SCHEMES:
            self.fault("mail_url", f"must start with {', '.join(f'{s}://' for s in MAIL_SCHEMES)}.")
        elif not _has_good_port(parts):
            self.fault("mail_url", "the port is not a number from 1 to 65535.")
        elif parts.scheme == "catcher":
            if not local:
                self.fault(
                    "mail_url",
                    "catcher:// keeps mails on this machine; it is for demos on 127.0.0.1 only.",
                )
        elif not parts.hostname:
            self.fault("mail_url", "names no mail server.")
        elif parts.scheme == "smtp" and not is_loopback(parts.hostname):
            self.fault(
                "mail_url",
                "plain smtp:// is for this machine only. Use smtp+starttls:// or smtps://.",
            )
        return value

    def mail_oauth(self, mail_url: str) -> dict[str, object]:
        """Reads the `mail_oauth_...` settings by name; adds faults where some lack or clash.

        They are for the sign-in by token: a client id with a secret or a key file, or a service
        account's key file; nothing that contradicts it.
        """
        typed = {
            name: self.text(f"mail_oauth_{name}")
            for name in ("client_id", "client_secret", "token_url", "scope")
        }
        file, key = self.existing_file("mail_oauth_key_file"), None
        if file and file.is_file():
            try:
                key = read_key_file(file)
            except ValueError as error:
                self.fault("mail_oauth_key_file", str(error))
        settings: dict[str, object] = {f"mail_oauth_{name}": value for name, value in typed.items()}
        settings["mail_oauth_key_file"] = file
        mail = _split(mail_url)
        if not file and not any(typed.values()):
            if mail.username and not mail.password:
                self.fault(
                    "mail_url",
                    "has a user but no password. Add it, or sign in by token:"
                    " CANDOUR_MAIL_OAUTH_*.",
                )
            return settings
        self.check_oauth_user(mail)
        if file and not key:
            return settings
        account = bool(key and key.account)
        self.check_oauth_proof(typed, file=bool(file), account=account)
        token_url = typed["token_url"] or (key.token_url if key else "")
        settings["mail_oauth_token_url"] = self.oauth_token_url(token_url)
        lacks_certificate = key and not account and not key.thumbprint
        if "microsoft" in typed["token_url"] and lacks_certificate:
            self.fault(
                "mail_oauth_key_file",
                "Microsoft needs the certificate too. Put it into the same file, below the key.",
            )
        if not typed["scope"]:
            settings["mail_oauth_scope"] = GOOGLE_SCOPE if account else MICROSOFT_SCOPE
        elif not _is_plain(typed["scope"]) or '"' in typed["scope"]:
            self.fault("mail_oauth_scope", f"not a scope. Example: {MICROSOFT_SCOPE}.")
        return settings

    def check_oauth_proof(self, typed: Mapping[str, str], *, file: bool, account: bool) -> None:
        """Adds faults where client id, secret and key file are missing or exclude each other.

        They prove who we are. `file`: a key file is set; `account`: it is a service account's,
        which needs neither client id nor secret.
        """
        if account:
            for name in ("client_id", "client_secret"):
                if typed[name]:
                    self.fault(
                        f"mail_oauth_{name}",
                        "the service account's key file says who signs in. Remove this, or the key"
                        " file.",
                    )
            return
        if not typed["client_id"]:
            self.fault(
                "mail_oauth_client_id",
                "missing. Set it to the id that the application has where you registered it.",
            )
        if file and typed["client_secret"]:
            self.fault(
                "mail_oauth_client_secret",
                "there is a CANDOUR_MAIL_OAUTH_KEY_FILE too. Remove one of the two.",
            )
        if not file and not typed["client_secret"]:
            self.fault(
                "mail_oauth_client_secret",
                "missing. Set it, or name a key file in CANDOUR_MAIL_OAUTH_KEY_FILE.",
            )

    def oauth_token_url(self, value: str) -> str:
        """The address that gives tokens; a fault where it is missing or not https://.

        Plain http:// is taken on this machine.
        """
        parts = _split(value)
        if not value:
            self.fault(
                "mail_oauth_token_url",
                "missing. Example: https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.",
            )
        elif (
            not parts.hostname
            or parts.username is not None
            or not _has_good_port(parts)
            or parts.fragment
            or not value.isprintable()
        ):
            self.fault(
                "mail_oauth_token_url",
                "not an address like https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.",
            )
        elif parts.scheme != "https" and not (
            parts.scheme == "http" and is_loopback(parts.hostname)
        ):
            self.fault(
                "mail_oauth_token_url", "would send what signs us in in clear. Use https://."
            )
        return value

    def check_oauth_user(self, mail: SplitResult) -> None:
        """Adds a fault unless the mail server's address names a mailbox and no password.

        Only where the token is for reading bounces may the mail server be signed in to otherwise.
        """
        reads_bounces = self.values.get(f"{PREFIX}BOUNCE_URL")
        has_mailbox = _is_plain(unquote(mail.username or ""))
        if mail.scheme == "catcher":
            self.fault(
                "mail_url",
                "catcher:// needs no sign-in. Remove CANDOUR_MAIL_OAUTH_*, or name the mail"
                " server.",
            )
        elif not reads_bounces and mail.password:
            self.fault(
                "mail_url",
                "has a password, and CANDOUR_MAIL_OAUTH_* signs in by token. Remove one of the"
                " two.",
            )
        elif not reads_bounces and mail.hostname and not has_mailbox:
            self.fault(
                "mail_url",
                "names no mailbox to sign in to. Example:"
                " smtp+starttls://it-feedback%40example.com@smtp.office365.com:587.",
            )

    def mail_from(self, *, local: bool) -> str:
        """The sender's name and address; a fault if missing, malformed or accented before the @."""
        value = self.text("mail_from", "Candour <candour@localhost.example>" if local else "")
        if not value:
            self.fault(
                "mail_from",
                'missing. Example: "Dana Reyes <it-feedback@example.com>", a person whose mailbox'
                " is read.",
            )
        elif not value.isprintable() or address_fault(parseaddr(value)[1]):
            self.fault(
                "mail_from",
                f"{value!r} is not an address. Example: Dana Reyes <it-feedback@example.com>.",
            )
        elif needs_utf8(parseaddr(value)[1]):
            self.fault(
                "mail_from",
                f"{value!r} has accents before the @, which many mail servers do not take. Use"
                " plain letters there.",
            )
        return value

    def bounce_address(self) -> str:
        """The address that bounces go to, which may hold one `*`; empty where none is set."""
        value = self.text("bounce_address")
        filled = value.replace("*", "0" * 32)
        if value and (not _BOUNCE_ADDRESS.fullmatch(value) or address_fault(filled)):
            self.fault(
                "bounce_address",
                f"{value!r} is not an address. Examples: bounces@example.com,"
                " bounces+*@example.com.",
            )
        return value

    def bounce_url(self) -> str:
        """The IMAP address of the bounce mailbox; empty where none is set.

        A fault: plain imap:// to another machine, and no server, user or good port.
        """
        value = self.text("bounce_url")
        parts = _split(value)
        if not value:
            return value
        if parts.scheme not in BOUNCE_SCHEMES:
            self.fault(
                "bounce_url", f"must start with {', '.join(f'{s}://' for s in BOUNCE_SCHEMES)}."
            )
        elif parts.query or parts.fragment:
            self.fault(
                "bounce_url", "percent-encode ? and # in user, password and folder (%3F, %23)."
            )
        elif not _has_good_port(parts):
            self.fault("bounce_url", "the port is not a number from 1 to 65535.")
        elif not parts.hostname or not parts.username:
            self.fault(
                "bounce_url",
                "names no server or no user. Example:"
                " imaps://bounces:password@mail.example.com/INBOX.",
            )
        elif parts.scheme == "imap" and not is_loopback(parts.hostname):
            self.fault(
                "bounce_url",
                "plain imap:// is for this machine only. Use imaps:// or imap+starttls://.",
            )
        return value

    def number(self, name: str, *, lowest: int) -> int | None:
        """A whole number from `lowest` up; None where it is not set, or has a fault."""
        value = self.text(name)
        if not value:
            return None
        if not value.isascii() or not value.isdigit() or int(value) < lowest:
            self.fault(name, f"{value!r} is not a whole number from {lowest} up.")
            return None
        return int(value)

    def existing_file(self, name: str) -> Path | None:
        """The whole path of a file; None where none is set. A fault where there is no such file."""
        value = self.text(name)
        if value and not (self.cwd / value).is_file():
            self.fault(name, f"there is no file {value}.")
        return (self.cwd / value).resolve() if value else None

    def zone(self) -> str:
        """The name of the time zone, UTC by default; a fault where it is unknown."""
        value = self.text("timezone", "UTC")
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fault("timezone", f"{value!r} is not a time zone. Example: Europe/London.")
        return value


def kept_secret(path: Path) -> str:
    """Reads the installation's secret from this file; makes and stores one where it is missing.

    Only its owner can read the file.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = secrets.token_urlsafe(48).encode()
        write_once(path, fresh)  # another process of ours may be faster
    return path.read_text().strip()
