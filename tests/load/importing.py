"""How long a staff list takes to be stored, beside the csv module filling a table at once, and how
long others wait meanwhile.
"""

import csv
import io
import os
import platform
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from flask_migrate import upgrade

from survey.app import create_app
from survey.database import db, transaction
from survey.people.service.directory import import_people
from survey.people.tables import StopRow
from tests.conftest import settings

MOST = {1_000: 0.1, 500_000: 60.0}


def run(sizes: tuple[int, ...] = tuple(MOST), rounds: int = 3) -> Iterator[dict[str, Any]]:
    """One line for each size: seconds of ours and of the floor, and the longest that somebody else
    waited to write.
    """
    for size in sizes:
        found = [one(size) for _ in range(rounds)]
        ours, floors, waits = ([figures[at] for figures in found] for at in range(3))
        yield {
            "id": f"P8-{size}",
            "what": f"import of {size:,} people",
            "median": round(median(ours), 3),
            "min": round(min(ours), 3),
            "floor": round(median(floors), 3),
            "ratio": round(median(ours) / median(floors), 1),
            "longest wait of others": round(max(waits), 3),
            "most": MOST.get(size),
            "n": rounds,
            "versions": {"Python": platform.python_version(), "sqlalchemy": version("sqlalchemy")},
            "load": round(os.getloadavg()[0], 1),
        }


def one(size: int) -> tuple[float, float, float]:
    """The three figures, on a database of its own."""
    rows = "".join(f"p{n}@northwind.example,Person {n},Department {n % 40}\n" for n in range(size))
    content = f"email,name,department\n{rows}".encode()
    with tempfile.TemporaryDirectory(prefix="candour-import-") as name:
        folder = Path(name)
        app = create_app(settings(f"sqlite:///{folder / 'candour.db'}", folder))
        with app.app_context():
            upgrade()
            db.session.remove()
            with writing(app) as waits:
                begun = time.perf_counter()
                assert import_people(content).added == size
                ours = time.perf_counter() - begun
            db.session.remove()
            db.engine.dispose()
        return ours, floor(content, folder / "floor.db"), max(waits, default=0.0)


def floor(content: bytes, file: Path) -> float:
    """Seconds of the csv module and one executemany, which check nothing."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "CREATE TABLE person (email TEXT PRIMARY KEY, name TEXT, department TEXT)"
        )
        begun = time.perf_counter()
        rows = csv.reader(io.StringIO(content.decode()))
        next(rows)
        with connection:
            connection.executemany("INSERT INTO person VALUES (?, ?, ?)", rows)
        return time.perf_counter() - begun


@contextmanager
def writing(app: Flask) -> Iterator[list[float]]:
    """Somebody else who writes a row now and then, as answers do.

    Collects the seconds that each write took.
    """
    waits: list[float] = []
    ended = threading.Event()

    def write() -> None:
        with app.app_context():
            while not ended.wait(0.02):
                begun = time.perf_counter()
                with transaction() as session:
                    session.add(StopRow(person_id=f"somebody {len(waits)}"))
                waits.append(time.perf_counter() - begun)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield waits
    finally:
        ended.set()
        thread.join()
