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
BOUNCE_SCHEMES = ("imaps", "imap+starttls", "imap")
_BOUNCE_ADDRESS = re.compile(r"(?=[^@])[\w.+=-]*\*?[\w.+=-]*@[\w-]+(\.[\w-]+)+", re.ASCII)


@dataclass(frozen=True)
class Config:
    """Everything that an installation may set; see docs/settings.md for each name."""

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
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether pages are served to this machine alone, over plain HTTP: a demo, a trial or a test."""
        parts = urlsplit(self.base_url)
        return parts.scheme == "http" and is_loopback(parts.hostname or "")

    @property
    def is_demo(self) -> bool:
        """Whether mails go to the built-in catcher instead of to people."""
        return self.mail_url.startswith("catcher:")

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        url = make_url(self.database_url)
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    @property
    def engine_url(self) -> str:
        """The engine's own database: a file beside ours, on PostgreSQL a schema of its own. Deleting it loses nothing."""
        return (
            f"sqlite:///{self.database_file.parent / 'engine.db'}"
            if self.database_file
            else self.database_url
        )

    @property
    def folder(self) -> Path:
        """Where the installation keeps its own small files: beside the SQLite database, else `instance`."""
        return self.database_file.parent if self.database_file else Path.cwd() / "instance"

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> "Config":
        """The settings of this process; raises `Refused` that lists every fault at once, each with its remedy."""
        cwd = cwd or Path.cwd()
        file = (
            {k: v for k, v in dotenv_values(cwd / ".env").items() if v is not None}
            if environ is None
            else {}
        )
        environ = os.environ if environ is None else environ
        return _Reader(
            file | {k: v for k, v in environ.items() if k.startswith(PREFIX)}, cwd, set(file)
        ).read()


def _split(address: str) -> SplitResult:
    """The parts of an address; none when it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _port_is_good(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _is_plain(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()


class _Reader:
    """Reads one setting after the other and collects the faults."""

    def __init__(self, values: Mapping[str, str], cwd: Path, in_file: set[str]) -> None:
        self.values, self.cwd, self.in_file = values, cwd, in_file
        self.faults: list[str] = []
        self.sources: dict[str, str] = {}

    def text(self, name: str, default: str = "") -> str:
        key = PREFIX + name.upper()
        value = self.values.get(key, "").strip()
        self.sources[key] = (
            "default"
            if not value
            else ".env"
            if key in self.in_file and not os.environ.get(key)
            else "environment"
        )
        return value or default

    def fault(self, name: str, text: str) -> None:
        self.faults.append(f"{PREFIX}{name.upper()}: {text}")

    def read(self) -> Config:
        base_url = self.base_url()
        local = _split(base_url).scheme == "http" and is_loopback(_split(base_url).hostname or "")
        database_url = self.database_url()
        database_file = (
            Path(database_url.removeprefix("sqlite:///"))
            if database_url.startswith("sqlite:///")
            else None
        )
        mail_url = self.mail_url(local=local)
        config = {
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
        }
        known = {PREFIX + f.name.upper() for f in fields(Config)} - {PREFIX + "SOURCES"}
        self.faults += [
            f"{key}: no such setting; remove it or correct its name."
            for key in sorted(set(self.values) - known)
            if key.startswith(PREFIX)
        ]
        needs_secret = database_file is None
        secret_key = self.text("secret_key")
        if needs_secret and not secret_key:
            self.fault(
                "secret_key",
                "missing. Set it to 32 or more random characters, the same on every machine.",
            )
        elif secret_key and len(secret_key) < 32:
            self.fault(
                "secret_key",
                f"only {len(secret_key)} characters. Set it to 32 or more random ones.",
            )
        if self.faults:
            count = len(self.faults)
            raise Refused(
                "settings-faulty",
                f"{how_many(count, 'setting')} {choose_form(count, 'needs', 'need')} attention.",
                details=tuple(self.faults),
            )
        if not secret_key and database_file is not None:
            secret_key = kept_secret(database_file.parent / "secret_key")
        return Config(secret_key=secret_key, sources=self.sources, **config)  # type: ignore[arg-type]

    def base_url(self) -> str:
        value = self.text("base_url", "http://127.0.0.1:8000").rstrip("/")
        parts = _split(value)
        is_plain = parts.hostname and not (
            parts.path or parts.query or parts.fragment or parts.username is not None
        )
        if (
            parts.scheme not in {"http", "https"}
            or not is_plain
            or not _port_is_good(parts)
            or " " in value
        ):
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

    def mail_url(self, *, local: bool) -> str:
        value = self.text("mail_url", "catcher://" if local else "")
        if not value:
            self.fault(
                "mail_url", "missing. Example: smtp+starttls://user:password@mail.example.com:587."
            )
            return value
        parts = _split(value)
        if parts.scheme not in MAIL_SCHEMES:
            self.fault("mail_url", f"must start with {', '.join(f'{s}://' for s in MAIL_SCHEMES)}.")
        elif not _port_is_good(parts):
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
        """The sign-in by token: client id with a secret or a key, or a service account's key file; nothing that contradicts it."""
        given = {
            name: self.text(f"mail_oauth_{name}")
            for name in ("client_id", "client_secret", "token_url", "scope")
        }
        file, key = self.existing_file("mail_oauth_key_file"), None
        if file and file.is_file():
            try:
                key = read_key_file(file)
            except ValueError as error:
                self.fault("mail_oauth_key_file", str(error))
        found: dict[str, object] = {
            f"mail_oauth_{name}": value for name, value in given.items()
        } | {"mail_oauth_key_file": file}
        mail = _split(mail_url)
        if not file and not any(given.values()):
            if mail.username and not mail.password:
                self.fault(
                    "mail_url",
                    "has a user but no password. Add it, or sign in by token:"
                    " CANDOUR_MAIL_OAUTH_*.",
                )
            return found
        self.oauth_user(mail)
        if file and not key:
            return found
        account = bool(key and key.account)
        self.oauth_proof(given, file=bool(file), account=account)
        found["mail_oauth_token_url"] = self.oauth_token_url(
            given["token_url"] or (key.token_url if key else "")
        )
        if "microsoft" in given["token_url"] and key and not account and not key.thumbprint:
            self.fault(
                "mail_oauth_key_file",
                "Microsoft needs the certificate too. Put it into the same file, below the key.",
            )
        if not given["scope"]:
            found["mail_oauth_scope"] = GOOGLE_SCOPE if account else MICROSOFT_SCOPE
        elif not _is_plain(given["scope"]) or '"' in given["scope"]:
            self.fault("mail_oauth_scope", f"not a scope. Example: {MICROSOFT_SCOPE}.")
        return found

    def oauth_proof(self, given: Mapping[str, str], *, file: bool, account: bool) -> None:
        if account:
            for name in ("client_id", "client_secret"):
                if given[name]:
                    self.fault(
                        f"mail_oauth_{name}",
                        "the service account's key file says who signs in. Remove this, or the key"
                        " file.",
                    )
            return
        if not given["client_id"]:
            self.fault(
                "mail_oauth_client_id",
                "missing. Set it to the id that the application has where you registered it.",
            )
        if file and given["client_secret"]:
            self.fault(
                "mail_oauth_client_secret",
                "there is a CANDOUR_MAIL_OAUTH_KEY_FILE too. Remove one of the two.",
            )
        if not file and not given["client_secret"]:
            self.fault(
                "mail_oauth_client_secret",
                "missing. Set it, or name a key file in CANDOUR_MAIL_OAUTH_KEY_FILE.",
            )

    def oauth_token_url(self, value: str) -> str:
        parts = _split(value)
        if not value:
            self.fault(
                "mail_oauth_token_url",
                "missing. Example: https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.",
            )
        elif (
            not parts.hostname
            or parts.username is not None
            or not _port_is_good(parts)
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

    def oauth_user(self, mail: SplitResult) -> None:
        """The mailbox stands in the mail server's address; only for reading bounces may that one sign in otherwise."""
        if mail.scheme == "catcher":
            self.fault(
                "mail_url",
                "catcher:// needs no sign-in. Remove CANDOUR_MAIL_OAUTH_*, or name the mail"
                " server.",
            )
        elif not self.values.get(f"{PREFIX}BOUNCE_URL") and mail.password:
            self.fault(
                "mail_url",
                "has a password, and CANDOUR_MAIL_OAUTH_* signs in by token. Remove one of the"
                " two.",
            )
        elif (
            not self.values.get(f"{PREFIX}BOUNCE_URL")
            and mail.hostname
            and not _is_plain(unquote(mail.username or ""))
        ):
            self.fault(
                "mail_url",
                "names no mailbox to sign in to. Example:"
                " smtp+starttls://it-feedback%40example.com@smtp.office365.com:587.",
            )

    def mail_from(self, *, local: bool) -> str:
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
        elif not _port_is_good(parts):
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
        value = self.text(name)
        if not value:
            return None
        if not value.isascii() or not value.isdigit() or int(value) < lowest:
            self.fault(name, f"{value!r} is not a whole number from {lowest} up.")
            return None
        return int(value)

    def existing_file(self, name: str) -> Path | None:
        value = self.text(name)
        if value and not (self.cwd / value).is_file():
            self.fault(name, f"there is no file {value}.")
        return (self.cwd / value).resolve() if value else None

    def zone(self) -> str:
        value = self.text("timezone", "UTC")
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fault("timezone", f"{value!r} is not a time zone. Example: Europe/London.")
        return value


def kept_secret(path: Path) -> str:
    """The installation's own secret: made at the first start, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_once(
            path, secrets.token_urlsafe(48).encode()
        )  # another process of ours may be faster
    return path.read_text().strip()
