"""A11: logs of the web server, the application, the database and whatever stands before them: no
code, nothing to join by.
"""

import http.client
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from sqlalchemy import make_url, text

from survey.database import db
from survey.invitations.rules.codes import code_hash
from survey.kernel.errors import Refused
from survey.kernel.hints import words_for_command
from survey.launching.service import preview
from survey.launching.service.opening import open_wave
from survey.responses.service.responses import number_of_ballots
from survey.waves import service as waves
from tests.answering.today import open_today, sent_letters
from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.metric import Evidence, Matching, by_order
from tests.attacks.needles import Finder
from tests.attacks.world import World, patched, server_folder
from tests.cast import found_company
from tests.conftest import settings_of
from tests.ports import free_port

NGINX = Path(__file__).parents[2] / "deploy" / "nginx.conf"
WAIT = 60


def attempt(world: World) -> Evidence:
    """Codes, their hashes, invitations and ballots in any log.

    The order of a log that notes every request, beside that of the answers.
    """
    logs = [path for path in world.after.files if path.parent.name == "logs"]
    if world.database == "postgresql":
        with world.live():
            logs.append(server_folder() / "log")
    assert all(path.is_file() for path in logs)
    found: dict[str, Matching | int] = {
        "codes": len(Finder(world.codes).found(logs)),
        "hashes of codes": len(Finder(map(code_hash, world.codes)).found(logs)),
        "invitations": len(Finder(world.invitation_ids).found(logs)),
        "ballots": len(Finder(world.ballot_owner).found(logs)),
        "words": len(Finder(world.words).found(logs)),
    }
    for table, rows in world.answer_rows().items():
        found[f"requests in order, {table} in order"] = by_order(
            [owner for _, owner in rows], range(world.n)
        )
    return found


@contextmanager
def sql_echo(app: Flask) -> Iterator[None]:
    """The application logs its statements with what they hold."""
    hidden, db.engine.hide_parameters, db.engine.echo = db.engine.hide_parameters, False, True
    try:
        yield
    finally:
        db.engine.hide_parameters, db.engine.echo = hidden, False
        for handler in list(logging.getLogger("sqlalchemy").handlers):
            logging.getLogger("sqlalchemy").removeHandler(handler)


@contextmanager
def statements_logged(app: Flask) -> Iterator[None]:
    """The server logs every statement, and nothing keeps the wave from being launched."""
    _set_on_server("log_statement", "all")
    with patched(preview, "revealing_server_settings", tuple):
        yield


def _set_on_server(name: str, value: str) -> None:
    db.session.execute(
        text(f"""ALTER DATABASE "{db.engine.url.database}" SET {name} = '{value}'""")
    )
    db.session.commit()
    db.session.remove()
    db.engine.dispose()


ATTACK = Attack(
    "A11",
    "Reading every log, and laying the order and the times of the requests beside the answers.",
    attempt,
    {"SQL echo": sql_echo, "the server logs statements": statements_logged},
    only={"the server logs statements": "postgresql"},
)


@at_chance(ATTACK)
def test_no_log_holds_anything_to_join_by(worlds: Worlds, database: str, n: int) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_a_log_that_tells_is_caught(worlds: Worlds, database: str, fault: str) -> None:
    assert_caught(ATTACK, worlds, database, fault)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("log_statement", "all"),
        ("log_statement", "mod"),
        ("log_min_duration_statement", "250"),
        ("log_min_duration_sample", "0"),
        ("log_transaction_sample_rate", "0.5"),
        ("log_parameter_max_length_on_error", "-1"),
        ("auto_explain.log_min_duration", "0"),
        ("pgaudit.log", "ddl, write"),
    ],
)
def test_a_server_that_writes_down_who_answers_keeps_a_wave_from_being_launched(
    app: Flask, setting: str, value: str
) -> None:
    planned, key_dir = found_company(), app.config["CANDOUR"].key_dir
    if db.engine.dialect.name == "sqlite":
        assert open_wave(planned.slug, planned.opens_at, key_dir, actor="test").state == "open"
        return
    _set_on_server(setting, value)
    with pytest.raises(Refused, match="would write down who answers") as refused:
        open_wave(planned.slug, planned.opens_at, key_dir, actor="test")
    assert f"{setting} is " in words_for_command(refused.value), (
        "whoever is at a shell reads which setting it is"
    )
    assert waves.find_wave(planned.slug).state == "planned"
    assert list(key_dir.iterdir()) == []
    _set_on_server(
        setting,
        (
            "none"
            if setting in {"log_statement", "pgaudit.log"}
            else "0"
            if "rate" in setting or "error" in setting
            else "-1"
        ),
    )
    assert open_wave(planned.slug, planned.opens_at, key_dir, actor="test").state == "open"


def lines_of(url: str) -> str:
    """The line that any server before ours would log of a link that is opened."""
    parts = urlsplit(url)
    return f"GET {parts.path}{'?' if parts.query else ''}{parts.query} HTTP/1.1"


@contextmanager
def served(folder: Path, settings: dict[str, str]) -> Iterator[int]:
    """A real `candour serve` on a port of its own, all that it says in a file."""
    port = free_port()
    with (folder / "serve.log").open("wb") as log:
        command = [
            sys.executable,
            "-c",
            "from survey.cli import main; main()",
            "serve",
            "--port",
            str(port),
        ]
        process = subprocess.Popen(
            command, cwd=folder, env={**_environment(), **settings}, stdout=log, stderr=log
        )
    try:
        _until_alive(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=WAIT)


def _environment() -> dict[str, str]:
    import os

    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONWARNINGS": "ignore",
    }


def _until_alive(port: int) -> None:
    for _ in range(WAIT * 10):
        try:
            if _ask(port, "GET", "/healthz") == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("candour serve did not come up")


def _ask(port: int, method: str, path: str, body: str | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.request(
        method,
        path,
        body,
        {"Content-Type": "application/x-www-form-urlencoded", "Host": "localhost"},
    )
    status = connection.getresponse().status
    connection.close()
    return status


def link_with_code_in_query(link: str) -> str:
    """A link whose code every server on its way would log."""
    return link.replace("#", "?code=")


FAULTS: dict[str, Callable[[str], str]] = {"token in the query": link_with_code_in_query}


def links(app: Flask, tmp_path: Path) -> list[str]:
    """The links in all letters."""
    open_today(app)
    found = [
        re.search(r"http\S+/s/\S+#\w+", letter.text) for letter in sent_letters(tmp_path / "mail")
    ]
    return [link.group() for link in found if link]


def test_no_line_of_an_access_log_holds_the_code_of_a_link(app: Flask, tmp_path: Path) -> None:
    found = links(app, tmp_path)
    codes = [link.partition("#")[2] for link in found]
    assert len(set(codes)) == 58
    assert len({lines_of(link) for link in found}) == 1, "the same line for everybody"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_code_that_a_line_of_the_access_log_holds_is_caught(
    app: Flask, tmp_path: Path, fault: str
) -> None:
    found = links(app, tmp_path)
    assert all(link.partition("#")[2] in lines_of(FAULTS[fault](link)) for link in found)
    assert len({lines_of(FAULTS[fault](link)) for link in found}) == len(found)


def test_the_server_says_nothing_of_who_came_whatever_the_link_looks_like(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    company = open_today(app)
    db.session.remove()
    db.engine.dispose()
    path = f"/s/{company.wave.slug}"
    with served(tmp_path, settings_of(database_url, tmp_path)) as port:
        for code in company.codes[:5]:
            assert _ask(port, "GET", f"{path}%23{code}") == 200
            assert _ask(port, "GET", f"{path}?code={code}") == 200
            assert (
                _ask(
                    port,
                    "POST",
                    path,
                    urlencode({"token": code, "OVR1": "4", "OPN1": "canaryword"}),
                )
                == 303
            )
            assert _ask(port, "POST", path, urlencode({"token": code, "OVR1": "4"})) == 410
        assert _ask(port, "POST", path, "token=%ff&OVR1=%00" + "x" * 70_000) == 413
    assert number_of_ballots(company.wave.id) == 5
    logs = [
        tmp_path / "serve.log",
        *(
            [server_folder() / "log"]
            if make_url(database_url).get_backend_name() == "postgresql"
            else []
        ),
    ]
    db.session.rollback()
    assert b"Serving on" in logs[0].read_bytes()
    assert (
        Finder([*company.codes, *map(code_hash, company.codes), "canaryword", path]).found(logs)
        == []
    )


def test_the_shipped_server_configuration_logs_neither_form_of_a_link() -> None:
    blocks = dict(re.findall(r"location ~ (\S+) \{(.*?)\n    \}", NGINX.read_text(), re.DOTALL))
    (pattern, block), *others = [
        (where, said) for where, said in blocks.items() if re.search(where, "/s/it-support-2027-q1")
    ]
    assert others == []
    for path in (
        "/s/it-support-2027-q1",
        "/s/it-support-2027-q1#ABCD",
        "/s/it-support-2027-q1/en#ABCD",
    ):
        assert re.search(pattern, path), "nginx matches the decoded path"
    assert "log" not in block, "what the server says of logs holds here too"
    for server in re.findall(r"^server \{(.*?)^\}", NGINX.read_text(), re.DOTALL | re.MULTILINE):
        assert "access_log off;" in server
        assert re.search(r"error_log \S+ emerg;", server)
