"""The product from outside: a browser without script, and the `candour` command."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from survey.cli import main
from survey.database import db
from tests.conftest import settings_of

_HIDDEN = re.compile(r'<input[^>]*name="(csrf_token|carried)"[^>]*value="([^"]*)"')


class Browser(FlaskClient):
    """Each request stands in a context of its own, as on a server: who is signed in comes from the cookie alone."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        db.session.remove()
        with self.application.app_context():
            answer = super().open(*args, **kwargs)
        answer.request.environ["wsgi.input"].close()  # the test client keeps a large upload in a temporary file
        return answer

    def press(self, page: str, to: str, fields: Mapping[str, object]) -> TestResponse:
        """Opens a page, fills in its form and presses the button."""
        hidden = hidden_fields(self.get(page))
        return self.post(to, data={**hidden, **fields})


def browser(app: Flask) -> Browser:
    """A fresh browser."""
    return Browser(app, app.response_class)


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
    app: Flask, database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Candour:
    """Runs `candour` as its entry point does, on the test's database; settings are read, only the application is the test's own."""
    for name, value in settings_of(database_url, folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("survey.cli.create_app", lambda config: app)

    def run(*arguments: object) -> Said:
        db.session.remove()
        monkeypatch.setattr(sys, "argv", ["candour", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run
