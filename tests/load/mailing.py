"""How fast invitations leave, and at what cost, beside the least that can be done.

That is a bare smtplib loop that hands finished octets to the same server and keeps nothing, the
same that commits one row a letter, and a loop that does all that Candour does, by hand.
"""

import os
import smtplib
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask_migrate import upgrade
from sqlalchemy import text

from survey.app import create_app
from survey.database import db, transaction
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from tests.cast import found_company
from tests.conftest import settings
from tests.load import by_hand
from tests.mail.test_crash import sink, taken

DELAY = 0.020
WHATS = {DELAY: "a server that answers after 20 ms", 0.0: "a server that answers at once"}
# By delay: the share of the bare loop's rate to reach, and the most processor time in terms of the
# same by hand; 0: not judged.
BOUNDS = {DELAY: (0.9, 0), 0.0: (0.0, 4)}


@dataclass(frozen=True, slots=True)
class Turn:
    """One block of letters: how long it took by the clock, and by the processor."""

    seconds: float
    processor: float


def timed(work: Callable[[], object]) -> Turn:
    """What one block costs."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Turn(time.perf_counter() - clock, time.process_time() - processor)


def run(*, block: int = 200, rounds: int = 7) -> Iterator[dict[str, Any]]:
    """One line for each kind of server; blocks of ours and of the floors take turns."""
    for delay, what in WHATS.items():
        bound, most = BOUNDS[delay]
        with tempfile.TemporaryDirectory() as folder:
            yield {
                "id": "mail",
                "what": what,
                **measured(Path(folder), delay, block, rounds),
                "bound": bound,
                "most": most,
            }


def measured(folder: Path, delay: float, block: int, rounds: int) -> dict[str, Any]:
    """Rates and processor time of ours and of the three loops."""
    with sink(folder, "--octets", "--delay", str(delay)) as (port, log):
        app = create_app(
            settings(
                f"sqlite:///{folder / 'candour.db'}",
                folder,
                CANDOUR_MAIL_URL=f"smtp://127.0.0.1:{port}",
            )
        )
        with app.app_context():
            upgrade()
            first = found_company({"Sales": block * (2 * rounds + 1)})
            open_wave(first.slug, first.opens_at, app.config["CANDOUR"].key_dir, actor="bench")
            hold()
            make_due(block)
            hand_over(block)
            octets = [(letter["to"], letter["octets"].encode()) for letter in taken(log)]
            sample = by_hand.Sample(octets[0][1])
            turns: dict[str, list[Turn]] = {
                "ours": [],
                "floor": [],
                "floor that commits": [],
                "by hand": [],
            }
            for _ in range(rounds):
                turns["floor"].append(timed(lambda: loop(port, octets)))
                make_due(block)
                turns["ours"].append(timed(lambda: hand_over(block)))
                turns["floor that commits"].append(
                    timed(lambda: loop(port, octets, folder / "floor.db"))
                )
                make_due(block)
                turns["by hand"].append(
                    timed(
                        lambda: whole(block, by_hand.hand_over(port, folder / "candour.db", sample))
                    )
                )
            db.session.remove()
            db.engine.dispose()
    rates = {
        name: statistics.median(block / turn.seconds for turn in found)
        for name, found in turns.items()
    }
    processor = {
        name: statistics.median(turn.processor / block for turn in found)
        for name, found in turns.items()
    }
    return {
        "value": rates["ours"],
        "floor": rates["floor"],
        "ratio": statistics.median(
            b.seconds / a.seconds for a, b in zip(turns["ours"], turns["floor"], strict=True)
        ),
        "committing_floor": rates["floor that commits"],
        "hand_rate": rates["by hand"],
        "processor_ratio": processor["ours"] / processor["floor"],
        "processor_by_hand": processor["ours"] / processor["by hand"],
        "processor_ms": 1000 * processor["ours"],
        "n": block,
        "rounds": rounds,
        "versions": {"Python": sys.version.split()[0], "SQLAlchemy": version("sqlalchemy")},
        "load": round(os.getloadavg()[0], 1),
    }


def hold() -> None:
    """Nothing is due until a block is."""
    with transaction() as session:
        session.execute(text("UPDATE wave SET closes = '2099-01-25 17:00:00'"))
        session.execute(text("UPDATE outbox SET next_at = '2099-01-01 00:00:00'"))


def make_due(number: int) -> None:
    """So many letters are due now."""
    with transaction() as session:
        due = "SELECT id FROM outbox WHERE state = 'ready' LIMIT :n"
        session.execute(
            text(f"UPDATE outbox SET next_at = '2020-01-01 00:00:00' WHERE id IN ({due})"),
            {"n": number},
        )


def hand_over(number: int) -> None:
    """Hands over all that is due."""
    whole(number, mail.deliver_letters().sent)


def whole(number: int, sent: int) -> None:
    """Refuses to compare anything if not all letters left."""
    if sent != number:
        raise RuntimeError(f"{sent} of {number} letters left")


def loop(port: int, letters: list[tuple[str, bytes]], file: Path | None = None) -> None:
    """The floor: one reused connection, finished octets."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as line, kept(file) as keep:
        for to, octets in letters:
            line.sendmail("feedback@northwind.example", [to], octets)
            keep(to)


@contextmanager
def kept(file: Path | None) -> Iterator[Callable[[str], object]]:
    """Keeps one durable row a letter, or nothing."""
    if file is None:
        yield lambda _: None
        return
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS sent (address TEXT)")
        yield lambda to: connection.execute("INSERT INTO sent VALUES (?)", (to,))
