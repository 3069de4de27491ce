"""All that handing invitations over must do, written out for one database and one kind of letter.

The same rows as Candour's, the same commits, a fresh code and two fresh secrets for each letter,
the same three questions before each leaves, the same octets on the wire. No failure is handled,
nothing is checked, nobody could keep it up.
"""

import binascii
import secrets
import smtplib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from hashlib import sha256
from pathlib import Path

from survey.invitations.rules.codes import draw_code, grouped_code

BATCH = 100
SENDER = "feedback@northwind.example"
DUE = """
    SELECT id, recipient, wave, message_id FROM outbox WHERE state = 'ready' AND next_at <= ?
    ORDER BY priority, next_at, id LIMIT ?
"""
BEGIN = """
    UPDATE outbox SET state = 'sending', attempts = attempts + 1, date_header = ?, lease_until = ?
    WHERE id = ? AND state = 'leased'
"""


class Sample:
    """A finished letter, of which the parts that differ from person to person are replaced."""

    def __init__(self, octets: bytes) -> None:
        letter = message_from_bytes(octets, policy=policy.default)
        texts = [letter.get_body((kind,)) for kind in ("plain", "html")]
        self.plain, self.html = (
            str(text.get_content()).replace("\n", "\r\n") if text else "" for text in texts
        )
        self.head = octets.partition(b"\r\n\r\n")[0].decode()
        self.to, self.id, self.date, self.way_out = (
            letter[name] for name in ("To", "Message-ID", "Date", "List-Unsubscribe")
        )
        self.code = self.plain.partition("#")[2][:24]
        self.stop = self.html.partition("/stop/")[2].partition("#")[2][:43]

    def filled(
        self, name: str, address: str, letter_id: str, code: str, stop: str, one_click: str
    ) -> bytes:
        """Somebody's letter."""
        head = self.head.replace(self.to, f"{name} <{address}>").replace(self.id, letter_id)
        head = head.replace(self.way_out, f"{self.way_out[:-44]}{one_click}>").replace(
            self.date, time.strftime("%a, %d %b %Y %H:%M:%S +0000")
        )
        texts = (
            text.replace(self.code, code)
            .replace(grouped_code(self.code), grouped_code(code))
            .replace(self.stop, stop)
            for text in (self.plain, self.html)
        )
        plain, html = (binascii.b2a_qp(text.encode(), istext=True) for text in texts)
        return b"\r\n".join(
            [head.encode(), b"", b"--x", b"", plain, b"--x", b"", html, b"--x--", b""]
        )


def hand_over(port: int, file: Path, sample: Sample) -> int:
    """Hands over what is due; gives how many letters."""
    sent = 0
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as base,
        smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as line,
    ):
        for setting in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            "temp_store=MEMORY",
        ):
            base.execute(f"PRAGMA {setting}")
        while batch := _claimed(base):
            done: str | None = None
            for (
                row,
                invitation,
                wave,
                letter_id,
                (person, name, address),
                (
                    code,
                    stop,
                    one_click,
                ),
            ) in _prepared(base, batch):
                octets = sample.filled(name, address, letter_id, code, stop, one_click)
                with _transaction(base):
                    base.execute(
                        "SELECT state, closes FROM wave WHERE slug = ?", (wave,)
                    ).fetchone()
                    base.execute(
                        "SELECT person_id, answered FROM invitation WHERE id = ?", (invitation,)
                    ).fetchone()
                    stopped = "NOT EXISTS (SELECT 1 FROM stop WHERE person_id = person.id)"
                    base.execute(
                        f"SELECT email FROM person WHERE id = ? AND {stopped}", (person,)
                    ).fetchone()
                    _settle(base, done)
                    moment = datetime.now(UTC).replace(tzinfo=None)
                    base.execute(BEGIN, (str(moment), str(moment + timedelta(seconds=60)), row))
                line.sendmail(SENDER, [address], octets)
                done = row
                sent += 1
            with _transaction(base):
                _settle(base, done)
    return sent


@contextmanager
def _transaction(base: sqlite3.Connection) -> Iterator[None]:
    base.execute("BEGIN IMMEDIATE")
    yield
    base.execute("COMMIT")


def _claimed(base: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
    with _transaction(base):
        moment = datetime.now(UTC).replace(tzinfo=None)
        found = base.execute(DUE, (str(moment), BATCH)).fetchall()
        lease = (
            "UPDATE outbox SET state = 'leased', lease_token = 'x', lease_until = ? WHERE id = ?"
        )
        base.executemany(lease, [(str(moment + timedelta(seconds=60)), row[0]) for row in found])
    return found


def _prepared(
    base: sqlite3.Connection, batch: list[tuple[str, str, str, str]]
) -> Iterator[tuple[str, str, str, str, tuple[str, str, str], tuple[str, str, str]]]:
    read = (
        "SELECT person.id, person.name, person.email FROM invitation JOIN person ON person.id ="
        " person_id WHERE invitation.id = ?"
    )
    people = [base.execute(read, (invitation,)).fetchone() for _, invitation, _, _ in batch]
    drawn = [(draw_code(), secrets.token_urlsafe(32), secrets.token_urlsafe(32)) for _ in batch]
    with _transaction(base):
        codes = [
            (sha256(means[0].encode()).digest(), letter[1])
            for means, letter in zip(drawn, batch, strict=True)
        ]
        base.executemany("INSERT INTO token (hash, invitation_id) VALUES (?, ?)", codes)
        ways_out = [
            (sha256(secret.encode()).digest(), person[0])
            for means, person in zip(drawn, people, strict=True)
            for secret in means[1:]
        ]
        base.executemany("INSERT INTO stop_code (hash, person_id) VALUES (?, ?)", ways_out)
    for letter, person, means in zip(batch, people, drawn, strict=True):
        yield *letter, person, means


def _settle(base: sqlite3.Connection, row: str | None) -> None:
    query = (
        "UPDATE outbox SET state = 'sent', lease_token = NULL, lease_until = NULL, last_code ="
        " '250', sent_at = ? WHERE id = ?"
    )
    base.execute(query, (str(datetime.now(UTC).replace(tzinfo=None)), row))
