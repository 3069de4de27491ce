"""The two databases, the application on each, and nothing that leaves this machine."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Connection, Dialect, create_engine, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from survey.app import create_app
from survey.config import Config
from survey.database import db
from survey.findings.document.rules.compute import canonical_json
from survey.findings.service import documents
from survey.kernel import child
from tests.servers import postgres_server

pytest_plugins = ["tests.speeds"]


def settings_of(database_url: str, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a test installation on loopback."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    return {
        "CANDOUR_DATABASE_URL": database_url,
        "CANDOUR_BASE_URL": "http://localhost",
        "CANDOUR_SECRET_KEY": "test-" * 8,
        "CANDOUR_KEY_DIR": str(folder / "keys"),
        "CANDOUR_MAIL_URL": "catcher://",
        "CANDOUR_MAIL_FROM": "Dana Reyes <feedback@northwind.example>",
        "CANDOUR_TIMEZONE": "Europe/London",
        **more,
    }


def settings(database_url: str, folder: Path, **more: str) -> Config:
    """The settings of a test installation on loopback."""
    return Config.from_environment(settings_of(database_url, folder, **more), folder)


class Templates(Mapping[str, str]):
    """The address of one empty, migrated database of each kind, made when first asked for, and then
    copied for every test.
    """

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        self._folder, self._ending = folder, ending
        self._made: dict[str, str] = {}

    @cached_property
    def postgres(self) -> str:
        """A real PostgreSQL server of this process's own, started now.

        Its address without a database name.
        """
        return self._ending.enter_context(postgres_server())

    def __getitem__(self, kind: str) -> str:
        if kind not in self._made:
            self._made[kind] = self._migrated(
                f"sqlite:///{self._folder / 'blank.db'}" if kind == "sqlite" else self._blank()
            )
        return self._made[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(("sqlite", "postgresql"))

    def __len__(self) -> int:
        return 2

    def _blank(self) -> str:
        with served(self.postgres) as connection:
            connection.execute(text("CREATE DATABASE blank"))
        return self.postgres.replace("/postgres?", "/blank?")

    def _migrated(self, url: str) -> str:
        app = create_app(settings(url, self._folder))
        with app.app_context():
            upgrade()
            db.engine.dispose()
        return url


@contextmanager
def served(postgres: str) -> Iterator[Connection]:
    """A connection to the server itself, on which every statement stands alone."""
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Templates]:
    """The empty databases of this process; no server runs before one of PostgreSQL is asked for."""
    with ExitStack() as ending:
        yield Templates(tmp_path_factory.mktemp("templates"), ending)


@pytest.fixture(scope="session")
def postgres(templates: Templates) -> str:
    """A real PostgreSQL server of this process's own; gives its address without a database name."""
    return templates.postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, templates: Templates, tmp_path: Path
) -> Iterator[str]:
    """A fresh database for one test, once of each kind."""
    if request.param == "sqlite":
        shutil.copy(templates["sqlite"].removeprefix("sqlite:///"), tmp_path / "candour.db")
        yield f"sqlite:///{tmp_path / 'candour.db'}"
        return
    name, blank = f"t_{os.urandom(8).hex()}", templates["postgresql"]
    with served(templates.postgres) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE blank"))
        yield blank.replace("/blank?", f"/{name}?")
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _alike(self: Dialect, other: object) -> bool:
    return type(self) is type(other)


def _by_kind(self: Dialect) -> int:
    return hash(type(self))


# SQLAlchemy keeps the text of each statement by its engine; every test has an engine of its own,
# and one text serves them all.
for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
    kind.__eq__, kind.__hash__ = _alike, _by_kind  # type: ignore[method-assign]
STATEMENTS: LRUCache[Any, Any] = LRUCache(2000)


class KeptTemplates(BytecodeCache):
    """Compiled templates in memory.

    Every test has an application of its own, and all render the same files.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        code = self._codes.get((bucket.key, bucket.checksum))
        if code is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


TEMPLATES = KeptTemplates()


def _built_once(
    build: Callable[..., Callable[..., object]],
) -> Callable[..., Callable[..., object]]:
    """Werkzeug compiles how an address is built for every rule of every application.

    The rules are the same in all.
    """
    made: dict[tuple[object, ...], Callable[..., object]] = {}

    def compile_builder(rule: Rule, append_unknown: bool = True) -> Callable[..., object]:  # noqa: FBT001, FBT002
        key = (rule.rule, repr(rule.defaults), repr(rule._trace), append_unknown)
        if key not in made:
            made[key] = build(rule, append_unknown)
        return made[key]

    return compile_builder


Rule._compile_builder = _built_once(Rule._compile_builder)  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def published_form() -> Iterator[None]:
    """Holds every findings document that a test freezes to docs/findings.schema.json."""

    def checked(document: Mapping[str, Any]) -> str:
        from tests.findings.schema import check_stored

        check_stored(made := canonical_json(document))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "canonical_json", checked)
        yield


@pytest.fixture(scope="session", autouse=True)
def same_process() -> Iterator[None]:
    """Ballots are opened in the test's own process, as if it were the child process for it.

    A new Python for each count would take minutes in all. What is about the child asks for
    `real_children`; commands and servers in processes of their own have real ones anyway.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "IS_CHILD", True)
        yield


@pytest.fixture
def real_children(same_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ballots are opened in a child process, as in production."""
    monkeypatch.setattr(child, "IS_CHILD", False)


QUICK = {
    "argon2__time_cost": 1,
    "argon2__memory_cost": 64,
    "argon2__parallelism": 1,
}  # of passwords, which take 0.3 s by intent


@pytest.fixture
def app(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The application on a fresh database, with its context pushed.

    What it writes beside the database stays in the test's folder.
    """
    monkeypatch.chdir(tmp_path)
    app = create_app(settings(database_url, tmp_path))
    app.jinja_env.bytecode_cache = TEMPLATES
    app.extensions["security"].pwd_context.update(**QUICK)
    with app.app_context():
        db.engine.update_execution_options(compiled_cache=STATEMENTS)
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without script."""
    return app.test_client()
