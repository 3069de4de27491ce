"""A company that many tests begin with.

Made by the first of them, and its database copied for the others.

Only for what is made before anything of the product is replaced, and leaves nothing outside the
database.
"""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from tempfile import mkdtemp
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import create_engine, func, make_url, select, text

from survey.database import db

Made = TypeVar("Made")
_KEPT: dict[
    tuple[str, str], tuple[str, Any]
] = {}  # by kind of database and name: where the copy is, and what was made


def kept(app: Flask, name: str, make: Callable[[], Made]) -> Made:
    """What `make` makes of an empty database, now or earlier in this process.

    On any other database it is made anew.
    """
    if _is_used():
        return make()
    kind = db.engine.dialect.name
    if (kind, name) not in _KEPT:
        made = make()
        assert not any(app.config["CANDOUR"].key_dir.iterdir()), (
            "a key would be missing from the copy"
        )
        _KEPT[kind, name] = _copy_of_ours(name), made
        return made
    where, made = _KEPT[kind, name]
    _put_back(where)
    return made


def _is_used() -> bool:
    used = any(
        db.session.scalar(select(func.count()).select_from(table))
        for table in db.metadata.sorted_tables
    )
    _let_go()
    return used


def _let_go() -> None:
    db.session.remove()
    db.engine.dispose()


def _copy_of_ours(name: str) -> str:
    _let_go()
    url = make_url(db.engine.url)
    if url.get_backend_name() == "sqlite":
        where = (
            Path(mkdtemp(prefix="candour-kept-", dir=Path(url.database or "").parents[1]))
            / "candour.db"
        )
        with closing(connect(url.database or "")) as ours, closing(connect(where)) as copy:
            ours.backup(copy)
            copy.execute("PRAGMA journal_mode=WAL")
        return str(where)
    _serve(f'CREATE DATABASE "kept_{name}" TEMPLATE "{url.database}"')
    return f"kept_{name}"


def _put_back(where: str) -> None:
    url = make_url(db.engine.url)
    if url.get_backend_name() == "sqlite":
        ours = Path(url.database or "")
        for path in ours.parent.glob(f"{ours.name}-*"):
            path.unlink()
        shutil.copy(where, ours)
        return
    _serve(
        f'DROP DATABASE "{url.database}" WITH (FORCE)',
        f'CREATE DATABASE "{url.database}" TEMPLATE "{where}"',
    )


def _serve(*statements: str) -> None:
    engine = create_engine(
        make_url(db.engine.url).set(database="postgres"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
