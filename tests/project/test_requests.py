"""Random requests over all pages, as everybody: no fault, and no change without a right."""

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask

from survey.access.rules.open_to import ROLES, PageAccess
from survey.access.service import audit
from survey.access.views import setup
from survey.database import db
from tests.project.fuzzing import pages_of, random_request, real_ids
from tests.project.test_routes import AS, World, build_world, contents, token
from tests.proofs import proof, sizes

IN_A_ROW = 250  # requests of one person, after which the tables are looked at
EXPECTED = {200, 302, 303, 400, 403, 404, 405, 409, 410, 413, 415}
OF_ONESELF = {
    "signed in",
    "signed in by link",
    "password changed",
    "sessions ended",
    "findings exported",
}
BY_THE_TEST = "sign-in link made"


class Fuzz:
    """Everybody's browsers in one world, and what they were answered."""

    def __init__(self, app: Flask, source: Random, caplog: pytest.LogCaptureFixture) -> None:
        self.world: World = build_world(app, with_mail=False)
        self.source, self.caplog, self.pages = source, caplog, pages_of(self.world)
        self.browsers: dict[str | None, Any] = {}
        self.tokens: dict[str | None, str] = {}
        self.seen: Counter[int] = Counter()
        for role in AS:
            self.sign_in(role)

    def sign_in(self, role: str | None) -> None:
        self.browsers[role] = self.world.browser(role)
        self.tokens[role] = token(self.browsers[role])

    def send(self, role: str | None, number: int) -> None:
        """Sends some random requests of this person, and looks what came of each."""
        ids = real_ids()
        for _ in range(number):
            wanted = random_request(self.source, self.pages, self.tokens[role], ids)
            response = self.browsers[role].open(**wanted)
            self.seen[response.status_code] += 1
            said = f"as {role}: {wanted} gave {response.status_code}"
            assert response.status_code < 500, f"{said}; {self.logged()}"
            assert not self.logged(), f"{said}; {self.logged()}"
            assert b"Traceback" not in response.data, said
            is_out = response.status_code == 302 and "/sign-in" in response.headers["Location"]
            if role and is_out and "Cookie" not in wanted["headers"]:
                self.sign_in(role)
        self.caplog.clear()

    def logged(self) -> list[str]:
        """Errors in the log."""
        return [
            f"{record.name}: {record.getMessage()}"
            for record in self.caplog.records
            if record.levelno >= logging.ERROR or record.exc_info
        ]


def beyond(role: str | None) -> dict[str, list[Any]]:
    """Every row that this person may not change.

    Their own account they may, and what is written down and mailed about it.
    """
    own = f"{role}@northwind.example"
    rows: dict[str, list[Any]] = contents("audit_entry", "sign_in_link")
    rows["audit_entry"] = [
        (entry.what, entry.who)
        for entry in audit.list_entries(limit=None)
        if (entry.who != own or entry.what not in OF_ONESELF) and entry.what != BY_THE_TEST
    ]
    rows["outbox"] = [row for row in rows["outbox"] if not _is_about_accounts(row)]
    rows["user"] = [row[:2] if own in row else row for row in rows["user"]]
    if role in {"manager", "admin"}:
        mine = {"user", "user_role", "role"} if role == "manager" else set()
        return {name: rows[name] for name in mine}
    return rows


def changed_by(fuzz: Fuzz, role: str | None, number: int) -> list[str]:
    """The tables that so many requests of this person have changed without a right."""
    before = beyond(role)
    fuzz.send(role, number)
    after = beyond(role)
    return [name for name in before if before[name] != after[name]]


def _is_about_accounts(row: tuple[object, ...]) -> bool:
    """Whether a letter is about somebody's account."""
    return any(str(value).startswith("account-") for value in row)


def number_of_open_files() -> int:
    """The files of this process, those without a name included."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files are made: nothing may be left there, nor stay open."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("requests", sizes("requests", 400, 25_000))
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=proof("requests"))])
def test_random_requests_meet_no_fault_and_change_nothing_without_a_right(
    app: Flask, caplog: pytest.LogCaptureFixture, temporary: Path, requests: int, seed: int
) -> None:
    caplog.set_level(logging.INFO)
    source = Random(f"{db.engine.dialect.name} {seed}")
    fuzz, sent = Fuzz(app, source, caplog), 0
    before_open = number_of_open_files()
    in_a_row = min(IN_A_ROW, requests // len(AS))
    while sent < requests:
        for role in AS:
            assert changed_by(fuzz, role, in_a_row) == [], role or "a stranger"
            sent += in_a_row
    assert EXPECTED - {413, 410} <= set(fuzz.seen), fuzz.seen
    assert set(ROLES) | {None} == set(fuzz.browsers)
    assert audit.verify_chain() is None
    assert number_of_open_files() <= before_open + 5
    assert list(temporary.iterdir()) == []


def test_a_page_that_is_open_to_too_many_is_found(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuzz = Fuzz(app, Random("fault"), caplog)
    too_many, real = PageAccess(frozenset({"viewer"})), setup.access_of

    def access_of(view: Callable[..., object]) -> PageAccess | None:
        """Opens to viewers what is closed to them, and to nobody what is open to everyone."""
        declared = real(view)
        return too_many if declared and declared.needs_sign_in else declared

    monkeypatch.setattr(setup, "access_of", access_of)
    assert any(changed_by(fuzz, "viewer", 100) for _ in range(5))
