"""A wave answered through the real application in an order that we know, and everything that an
attacker could keep of it.

    ground = Ground(folder, templates)                      # in a test: the fixture `ground`
    world = answered_world(ground, "sqlite", n=12, seed=1)  # or with fault=..., see below
    world.copies[5].rows("invitation")                      # as a backup after the fifth answer
    world.after.rows("response")                            # as it lies there after counting
    world.close()

Persons are numbers: person 0 answered first, person 1 second, ... `world.n - 1` last; everybody
else who was invited has not answered. `world.owner_of_scores`, `world.owner_of_text`,
`world.owner_of_ballot` say to whom a row belongs (the truth), so an attack gives
`by_order([world.owner_of_scores[row["scores"]] for row in rows], reference)`, where `reference` is
one of `world.references`: the orders of persons that an attacker may know.

A seeded fault is a function that takes the application and gives a context: entered (with the
application's context pushed) when the empty database is there, left when everything has been kept.
`patched(module, "name", value)` is such a context.
"""

import contextlib
import json
import logging
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import create_engine, inspect, make_url, text

from survey.app import create_app
from survey.config import Config
from survey.counting import service as counting
from survey.database import db
from survey.invitations.service.invitations import invitations_of
from survey.kernel.clock import now
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.smtp.service.catcher import Catcher
from survey.responses.rules import Answers, score_string
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.cast import SCALES, found_company
from tests.conftest import settings_of
from tests.outside import browser

Fault = Callable[[Flask], AbstractContextManager[object]]
DATABASES = ("sqlite", "postgresql")
DEPARTMENTS = {12: {"Sales": 8, "Service": 7}, 60: {"Sales": 30, "Service": 25, "Finance": 20}}
URLENCODED = "application/x-www-form-urlencoded"
_CODE = re.compile(r"http\S+#(\w+)")
_LETTERS = "bcdfghjkmnpqrstvwxz"


def patched(target: object, name: str, value: object) -> AbstractContextManager[object]:
    """The product with one of its functions replaced."""
    return patch.object(target, name, value)


@dataclass(frozen=True)
class Ground:
    """Where worlds are made: a folder, and the address of an empty database of each kind."""

    folder: Path
    blank: Mapping[str, str]

    def fresh(self, database: str) -> tuple[str, Path]:
        """A database of a world's own, and its folder."""
        folder = Path(tempfile.mkdtemp(prefix=f"{database}-", dir=self.folder))
        if database == "sqlite":
            shutil.copy(make_url(self.blank["sqlite"]).database or "", folder / "candour.db")
            return f"sqlite:///{folder / 'candour.db'}", folder
        name = f"w_{os.urandom(8).hex()}"
        url = make_url(self.blank["postgresql"])
        self.serve(f"CREATE DATABASE {name} TEMPLATE {url.database}")
        return url.set(database=name).render_as_string(hide_password=False), folder

    def serve(self, statement: str) -> None:
        """Runs a statement on the PostgreSQL server, outside any of our databases."""
        engine = create_engine(
            make_url(self.blank["postgresql"]).set(database="postgres"),
            isolation_level="AUTOCOMMIT",
        )
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@dataclass(frozen=True)
class Copy:
    """What was there at one moment: after so many answers (`answered`), or when all was counted.

    On SQLite `folder/database` holds the files as they lay there; on PostgreSQL the rows were read
    as `pg_dump` would, with `ctid` and `xmin`, and the states `before`, `counted` and `after` hold
    the server's files of our tables as well. These three also keep `keys`, `mail`, `logs` and
    `dump.sql`.
    """

    answered: int
    folder: Path
    stored: Mapping[str, list[dict[str, Any]]] | None = None
    relations: Mapping[str, str] = field(
        default_factory=dict
    )  # PostgreSQL: file in `database/` of each table and index

    @cached_property
    def tables(self) -> Mapping[str, list[dict[str, Any]]]:
        """Every row of every table, in the order in which the database gives them by itself."""
        return self.stored if self.stored is not None else _sqlite_rows(self.folder / "database")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of one table; none when there is no such table."""
        return list(self.tables.get(table, []))

    @property
    def files(self) -> list[Path]:
        """Every file that was kept."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@dataclass
class World:
    """One wave, answered by n people in a known order, with everything that was kept of it."""

    database: str
    n: int
    seed: int
    app: Flask
    url: str
    folder: Path
    ground: Ground
    wave: Wave
    invited: tuple[
        str, ...
    ] = ()  # addresses of everybody; the first n of `people` have answered, in this order
    people: tuple[str, ...] = ()
    invitation_ids: tuple[str, ...] = ()  # by person
    person_ids: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    answers: tuple[Mapping[str, str], ...] = ()  # what each person posted
    wire: tuple[tuple[int, int], ...] = ()  # octets of each person's request, and of its reply
    words: tuple[str, ...] = ()  # a word in each person's comment that stands nowhere else
    copies: tuple[Copy, ...] = ()  # copies[i]: after i answers
    before: Copy = field(default=Copy(0, Path()))  # all have answered, nothing is counted
    counted: Copy = field(default=Copy(0, Path()))  # the count is committed, nothing is cleaned yet
    after: Copy = field(default=Copy(0, Path()))  # counted and cleaned
    wal: str = ""  # PostgreSQL: pg_waldump from the opening to the end of the count
    ballot_owner: Mapping[bytes, int] = field(default_factory=dict)
    owner_of_scores: Mapping[str, int] = field(default_factory=dict)

    def owner_of_text(self, said: str) -> int:
        """Whose comment this is."""
        return next(person for person, word in enumerate(self.words) if word in said)

    def owner_of_ballot(self, ballot_id: bytes) -> int:
        """Whose ballot this is: known to whoever has a copy from before and one from after each
        answer.
        """
        return self.ballot_owner[bytes(ballot_id)]

    def answer_rows(self, copy: Copy | None = None) -> dict[str, list[tuple[dict[str, Any], int]]]:
        """The counted responses and comments with their owners, as stored after counting or in this
        copy.
        """
        seen = copy or self.after
        return {
            "response": [
                (row, self.owner_of_scores[row["scores"]]) for row in seen.rows("response")
            ],
            "comment": [(row, self.owner_of_text(row["text"])) for row in seen.rows("comment")],
        }

    @property
    def kept(self) -> tuple[Copy, ...]:
        """All copies, oldest first."""
        return (*self.copies, self.before, self.counted, self.after)

    @cached_property
    def references(self) -> Mapping[str, tuple[int, ...]]:
        """The orders of persons that an attacker may know.

        Of answering, of ballots, invitations, persons and names.
        """
        everybody = tuple(range(self.n))
        natural = {row["id"]: at for at, row in enumerate(self.copies[0].rows("invitation"))}
        return {
            "submission": everybody,
            "ballot": tuple(self.ballot_owner[key] for key in sorted(self.ballot_owner)),
            "invitation": tuple(sorted(everybody, key=lambda person: self.invitation_ids[person])),
            "invitation as stored": tuple(
                sorted(everybody, key=lambda person: natural[self.invitation_ids[person]])
            ),
            "person": tuple(sorted(everybody, key=lambda person: self.person_ids[person])),
            "name": tuple(sorted(everybody, key=lambda person: self.people[person])),
        }

    @contextmanager
    def live(self) -> Iterator[Flask]:
        """The application on the world's database as it is now, with its context pushed."""
        with contextlib.chdir(self.folder), self.app.app_context():
            try:
                yield self.app
            finally:
                db.session.remove()
                db.engine.dispose()

    def close(self) -> None:
        """Takes the world's files away; a database of PostgreSQL goes with its server."""
        shutil.rmtree(self.folder)


def answered_world(
    ground: Ground, database: str, *, n: int, seed: int, fault: Fault | None = None
) -> World:
    """Builds a world: invites, mails, answers in random order through HTTP, counts.

    Keeps copies after every answer.
    """
    url, folder = ground.fresh(database)
    with contextlib.chdir(folder), ExitStack() as stack:
        app = create_app(Config.from_environment(settings_of(url, folder), folder))
        stack.enter_context(_logging_to(folder / "logs"))
        stack.enter_context(app.app_context())
        stack.callback(db.engine.dispose)
        stack.callback(db.session.remove)
        if fault:
            stack.enter_context(fault(app))
        wave = _opened(app, n)
        world = World(database, n, seed, app, url, folder, ground, wave)
        begun = (
            stack.enter_context(_log_held(folder.name.lower())) if database == "postgresql" else ""
        )
        _cast(world)
        _answer(world)
        world.before = _keep_all(world, "before", n)
        with patched(
            counting,
            "overwrite_deleted_rows",
            _keeping_first(world, counting.overwrite_deleted_rows),
        ):
            counting.close_wave(
                wave.slug,
                wave.closes_at + timedelta(minutes=1),
                app.config["CANDOUR"].key_dir,
                actor="test",
            )
        world.after = _keep_all(world, "after", n)
        if begun:
            world.wal = _log_since(begun)
    return world


def _keeping_first(world: World, scrub: Callable[..., None]) -> Callable[..., None]:
    def kept_then_scrubbed(*tables: str) -> None:
        world.counted = _keep_all(world, "counted", world.n)
        scrub(*tables)

    return kept_then_scrubbed


def postgres_binary(name: str) -> str:
    """A program of the very server that runs."""
    return str(
        Path(str(db.session.scalar(text("SELECT setting FROM pg_config WHERE name = 'BINDIR'"))))
        / name
    )


def server_folder() -> Path:
    """Where the PostgreSQL server keeps everything, write-ahead log included."""
    return Path(str(db.session.scalar(text("SHOW data_directory"))))


def _opened(app: Flask, n: int) -> Wave:
    item = open_wave(
        found_company(DEPARTMENTS[n]).slug, now(), app.config["CANDOUR"].key_dir, actor="test"
    )
    assert mail.deliver_letters().problem == ""
    return item


def _cast(world: World) -> None:
    """Who is who: the order of answering, everybody's code (from the caught letter) and answers."""
    source = Random(world.seed)
    letters = {
        letter.to: letter.text
        for letter in Catcher(world.app.config["CANDOUR"].folder / "mail").letters()
    }
    code_of = {
        _address(to): found.group(1)
        for to, said in letters.items()
        if (found := _CODE.search(said))
    }
    asked = invitations_of(world.wave.id)
    invitation_of = {person.email: invitation for invitation, person in asked}
    world.invited = tuple(invitation_of)
    world.people = tuple(source.sample(sorted(invitation_of), world.n))
    world.invitation_ids = tuple(invitation_of[address].id for address in world.people)
    world.person_ids = tuple(str(invitation_of[address].person_id) for address in world.people)
    world.codes = tuple(code_of[address] for address in world.people)
    words: dict[str, None] = {}
    while len(words) < world.n:
        words["".join(source.choice(_LETTERS) for _ in range(12))] = None
    world.words = tuple(words)
    questions, scores = waves.questions_of(world.wave).questions, dict[str, Mapping[str, str]]()
    while len(scores) < world.n:
        given = {name: source.choice("12345") for name in SCALES}
        scores[
            score_string(questions, Answers({name: int(value) for name, value in given.items()}))
        ] = given
    world.owner_of_scores = {string: person for person, string in enumerate(scores)}
    world.answers = tuple(
        {**given, "OPN1": f"said {word} once{' again' * source.randrange(120)}"}
        for given, word in zip(scores.values(), words, strict=True)
    )


def _address(to: str) -> str:
    return to.rpartition("<")[2].rstrip(">")


def _answer(world: World) -> None:
    known: dict[bytes, int] = {}
    copies, wire = [_keep(world, 0)], []
    address = f"/s/{world.wave.slug}"
    for person, (code, answers) in enumerate(zip(world.codes, world.answers, strict=True)):
        visitor = browser(world.app)
        sent = as_the_page_sends(visitor.get(address).text, {"token": code, **answers})
        response = visitor.post(address, data=sent, content_type=URLENCODED)
        assert response.status_code == 303, response.text
        wire.append((len(sent), len(response.data)))
        for ballot in db.session.execute(text("SELECT id FROM ballot")).scalars():
            known.setdefault(bytes(ballot), person)
        db.session.rollback()
        copies.append(_keep(world, person + 1))
    world.copies, world.ballot_owner, world.wire = tuple(copies), known, tuple(wire)


def as_the_page_sends(page: str, fields: Mapping[str, str]) -> bytes:
    """The body of a form as the page's script makes it: as many octets as the page says."""
    whole = urlencode({**fields, "pad": ""})
    size = re.search(r'data-size="(\d+)"', page)
    return (whole + "x" * (int(size[1]) - len(whole) if size else 0)).encode()


def _keep(world: World, answered: int, name: str = "") -> Copy:
    """A copy of the database as an attacker takes it while the product runs."""
    folder = world.folder / "kept" / (name or f"{answered:03}")
    (folder / "database").mkdir(parents=True)
    if world.database == "postgresql":
        return Copy(answered, folder, _postgres_rows())
    for path in world.folder.glob("candour.db*"):
        shutil.copy(path, folder / "database")
    return Copy(answered, folder)


def _keep_all(world: World, name: str, answered: int) -> Copy:
    """The database, its files and a dump; the keys, letters and logs."""
    copy = _keep(world, answered, name)
    for part, place in {
        "keys": "keys",
        "mail": world.app.config["CANDOUR"].folder / "mail",
        "logs": "logs",
    }.items():
        shutil.copytree(world.folder / place, copy.folder / part)
    if world.database == "sqlite":
        (copy.folder / "dump.sql").write_text(_sqlite_dump(copy.folder / "database"))
        return copy
    return Copy(answered, copy.folder, copy.stored, _keep_server_files(world, copy.folder))


def _keep_server_files(world: World, folder: Path) -> dict[str, str]:
    """Table, TOAST and index files of our database; gives the name of each one's file."""
    database = make_url(world.url)
    dump = [
        postgres_binary("pg_dump"),
        "--dbname",
        database.set(drivername="postgresql").render_as_string(hide_password=False),
    ]
    (folder / "dump.sql").write_bytes(
        subprocess.run(dump, capture_output=True, check=True, timeout=60).stdout
    )
    base = server_folder()
    ours = text(
        "SELECT oid::regclass::text, pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r',"
        " 'i', 't', 'S') AND oid >= 16384"
    )
    found = {str(name): str(path) for name, path in db.session.execute(ours)}
    db.session.rollback()
    world.ground.serve("CHECKPOINT")
    for path in found.values():
        for part in (base / path).parent.glob(f"{Path(path).name}*"):
            if re.fullmatch(rf"{Path(path).name}(\.\d+|_vm|_fsm)?", part.name):
                shutil.copy(part, folder / "database")
    return {name.strip('"'): Path(path).name for name, path in found.items()}


def _postgres_rows() -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table in inspect(db.engine).get_table_names():
        rows = db.session.execute(
            text(f'SELECT ctid::text AS ctid, xmin::text AS xmin, t.* FROM "{table}" t')
        ).mappings()
        found[table] = [dict(row) for row in rows]
    db.session.rollback()
    return found


def _sqlite_rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    with _sqlite(folder) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            )
        ]
        connection.row_factory = sqlite3.Row
        return {
            table: [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]
            for table in tables
        }


def _sqlite_dump(folder: Path) -> str:
    with _sqlite(folder) as connection:
        return "\n".join(connection.iterdump())


@contextmanager
def _sqlite(folder: Path) -> Iterator[sqlite3.Connection]:
    """A copy of the copy: opening it plays its log back, which would change what was kept."""
    with tempfile.TemporaryDirectory() as scratch:
        for path in folder.glob("candour.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, scratch)
        with contextlib.closing(sqlite3.connect(Path(scratch) / "candour.db")) as connection:
            yield connection


@contextmanager
def _log_held(name: str) -> Iterator[str]:
    """The position in the server's write-ahead log; from here on nothing of it is thrown away."""
    slot = "".join(re.findall("[a-z0-9]", name))
    held = "SELECT pg_current_wal_lsn() FROM pg_create_physical_replication_slot(:slot, true)"
    begun = db.session.scalar(text(held), {"slot": slot})
    db.session.commit()
    try:
        yield str(begun)
    finally:
        db.session.rollback()
        db.session.execute(text("SELECT pg_drop_replication_slot(:slot)"), {"slot": slot})
        db.session.commit()


def _log_since(begun: str) -> str:
    """The server's write-ahead log of our database from a position on, one record a line."""
    ended, number = db.session.execute(
        text(
            "SELECT pg_current_wal_flush_lsn()::text, (SELECT oid FROM pg_database WHERE datname ="
            " current_database())"
        )
    ).one()
    command = [
        postgres_binary("pg_waldump"),
        "--path",
        str(server_folder() / "pg_wal"),
        "--start",
        begun,
        "--end",
        str(ended),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return "\n".join(
        line
        for line in done.stdout.splitlines()
        if f"/{number}/" in line or "rmgr: Transaction" in line
    )


@contextmanager
def _logging_to(folder: Path) -> Iterator[None]:
    """Everything that the product and its libraries log at the level of an ordinary installation
    and one below, as a file.
    """
    folder.mkdir()
    handler = logging.FileHandler(folder / "application.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()


def leaves(value: object) -> Iterator[object]:
    """Every value in a stored value, those inside JSON included."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value
