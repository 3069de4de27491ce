"""The product from outside: a browser without script, and the `candour` command."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from survey.access.service.accounts import add_user, make_sign_in_link
from survey.cli import main
from survey.database import db
from tests.conftest import settings_of

PASSWORD = "violin gravel 7 teacup moss"
_HIDDEN = re.compile(r'<input[^>]*name="(csrf_token|carried)"[^>]*value="([^"]*)"')


class Browser(FlaskClient):
    """A browser whose requests share nothing but cookies, as on a server.

    Inside a pushed application context, requests would share `g` with it, and with `g` who is
    signed in and what was read.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = Context().run(super().open, *args, **{"buffered": True, **kwargs})
        finally:
            if has_app_context():
                db.session.rollback()
        answer.request.environ[
            "wsgi.input"
        ].close()  # the test client keeps a large upload in a temporary file
        return answer

    def press(self, page: str, to: str, fields: Mapping[str, object]) -> TestResponse:
        """Opens a page, fills in its form and presses the button."""
        found: TestResponse = self.post(to, data={**hidden_fields(self.get(page)), **fields})
        return found


def browser(app: Flask, role: str | None = None) -> Browser:
    """A browser of a stranger, or of somebody of this role who has signed in."""
    client = Browser(app, app.response_class)
    if role:
        signed_in(client, role)
    return client


def signed_in(client: FlaskClient, role: str) -> FlaskClient:
    """The same browser after somebody of this role has signed in by a one-time link.

    `manager@northwind.example`.
    """
    user = add_user(f"{role}@northwind.example", role)
    link = make_sign_in_link(user.email, client.application.config["CANDOUR"])
    data = {"token": link.partition("#")[2], "new_password": PASSWORD, "again": PASSWORD}
    assert client.post("/sign-in/link", data=data).status_code == 303  # a demo ignores the password
    return client


def hidden_fields(page: TestResponse) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


Candour = Callable[..., Said]


def command_line(
    app: Flask,
    database_url: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Candour:
    """Runs `candour` as its entry point does, on the test's database.

    Settings are read, only the application is the test's own.
    """
    for name, value in settings_of(database_url, folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("survey.app.create_app", lambda config: app)

    def run(*arguments: object) -> Said:
        db.session.remove()
        monkeypatch.setattr(sys, "argv", ["candour", *map(str, arguments)])
        capsys.readouterr()
        umask = os.umask(0o077)
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            os.umask(umask)
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run
