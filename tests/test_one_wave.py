"""The main job on a real run, by commands only.

Staff list to the provider's inbox, on both databases.

A real SMTP server process takes the mails, a real web server takes the answers, every step is the
command a person types.
"""

import http.client
import json
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from itertools import chain
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine, make_url, text

from tests import forking
from tests.cast import staff_csv
from tests.ports import free_port
from tests.proofs import on_postgresql, sizes

HERE = Path(__file__).parent
INVITED, ANSWERING = 58, 42
LINK = re.compile(r"https?://[^\s<>\"'&]+")
CANARY = "canaryofonewave"
SHOWN_LINES = 12


@contextmanager
def process(
    *command: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A helper process that ends with the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as child:
        try:
            yield child
        finally:
            assert child.stdin
            child.stdin.close()
            child.terminate()


def letters(folder: Path) -> list[EmailMessage]:
    """The letters that the server took, in order."""
    found = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted(folder.glob("*.eml"))
    ]
    return [letter for letter in found if isinstance(letter, EmailMessage)]


def text_of(letter: EmailMessage) -> str:
    """A letter's text part."""
    part = letter.get_body(("plain",))
    assert part
    return str(part.get_content())


def link_in(letter: EmailMessage) -> str:
    """An invitation's own link, code and all."""
    found = re.search(r"http\S+#\w+", text_of(letter))
    assert found
    return found.group()


def code_in(letter: EmailMessage) -> str:
    """The code in an invitation's link."""
    return link_in(letter).partition("#")[2]


def fetch(url: str, method: str = "GET", data: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and address (after redirects) of one request."""
    body = urllib.parse.urlencode(data).encode() if data is not None else None
    request = urllib.request.Request(url, data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.url
    except urllib.error.HTTPError as error:
        with error:
            return error.code, url


def dump(database_url: str) -> object:
    """The database byte for byte on SQLite.

    Every row of every table, with the transaction that wrote it, on PostgreSQL.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        assert url.database
        return [
            path.read_bytes()
            for path in sorted(Path(url.database).parent.glob("candour.db*"))
            if not path.name.endswith("-shm")
        ]
    engine = create_engine(database_url)
    with engine.connect() as connection:
        tables = (
            connection.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            )
            .scalars()
            .all()
        )
        rows = {
            table: (
                connection.execute(
                    text(f'SELECT xmin::text, t::text FROM "{table}" t ORDER BY 1, 2')
                ).all()
            )
            for table in tables
        }
    engine.dispose()
    return rows


def holders(database_url: str, folder: Path, marks: list[bytes]) -> list[str]:
    """Files of the product (and of the database server) that hold one of the marks."""
    folders = [folder]
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CHECKPOINT"))
        engine.dispose()
        folders.append(Path(str(url.query["host"])))
    found = []
    for path in (path for place in folders for path in place.rglob("*") if path.is_file()):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # the database server tidies up while we look
            continue
        found += [f"{path}: {mark!r}" for mark in marks if mark in content]
    return found


class Product:
    """The installed command in a folder of its own, its web server, and the mail server it talks
    to.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        self.place, self.folder, self.mails = folder, folder / "product", folder / "mails"
        self.folder.mkdir()
        self.command = str(Path(sys.executable).with_name("candour"))
        own = f"sqlite:///{self.folder / 'candour.db'}"
        self.database_url = own if database_url.startswith("sqlite") else database_url
        self.port, self.mail_port = free_port(), free_port()
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "CANDOUR_DATABASE_URL": self.database_url,
            "CANDOUR_BASE_URL": f"http://127.0.0.1:{self.port}",
            "CANDOUR_SECRET_KEY": "x" * 40,
            "CANDOUR_KEY_DIR": str(self.folder / "keys"),
            "CANDOUR_MAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
            "CANDOUR_MAIL_FROM": "Dana Reyes <dana@northwind.example>",
        }

    def run(self, *words: str, expect: int = 0) -> str:
        """What one command prints; what a person would see is printed along, for whoever reads a
        failure.
        """
        done = forking.run("candour", *words, environment=self.environment, cwd=self.place)
        print(f"$ candour {shlex.join(words)}\n{shortened(done.stdout + done.stderr)}")
        assert done.returncode == expect, f"{words}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if expect == 0 else done.stderr

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The web server alone, answering."""
        with process(
            self.command,
            "serve",
            "--web-only",
            "--port",
            str(self.port),
            environment=self.environment,
        ):
            _await(f"http://127.0.0.1:{self.port}/readyz")
            yield

    @contextmanager
    def mail_server(self) -> Iterator[None]:
        """A real SMTP server that keeps what it takes."""
        with process(
            sys.executable, str(HERE / "sink.py"), str(self.mails), str(self.mail_port)
        ) as sink:
            assert sink.stdout
            assert sink.stdout.readline() == "ready\n"
            yield


def shortened(said: str) -> str:
    """The first lines of what a command said."""
    lines = said.rstrip().splitlines()
    return "\n".join(
        [
            *lines[:SHOWN_LINES],
            *([f"... {len(lines) - SHOWN_LINES} lines more"] if len(lines) > SHOWN_LINES else []),
        ]
    )


@on_postgresql("links")
@pytest.mark.parametrize("rounds", sizes("links", 1, 50))
def test_one_wave_from_the_staff_list_to_the_providers_inbox(
    database_url: str, tmp_path: Path, rounds: int
) -> None:
    product = Product(database_url, tmp_path)
    (tmp_path / "staff.csv").write_bytes(staff_csv())
    with product.mail_server():
        run = product.run
        _prepare(run)
        wave = json.loads(run("waves", "list", "--json"))["waves"][0]["slug"]
        assert "58 invitations are queued" in run("waves", "open", wave)
        assert "opens once" in run("waves", "open", wave, expect=1)
        assert "58 sent" in run("tick")
        invitations = letters(product.mails)
        assert len({letter["To"] for letter in invitations}) == len(invitations) == INVITED
        codes = [code_in(letter).encode() for letter in invitations]
        with product.serving():
            _scanners_change_nothing(product, invitations, rounds)
            _answer(invitations[:ANSWERING])
            spent = link_in(invitations[0]).partition("#")[0]
            assert (
                fetch(spent, data={"token": codes[0].decode(), "OVR1": "4"}, method="POST")[0]
                == 410
            )
        assert holders(product.database_url, product.folder, [CANARY.encode(), *codes]) == []

        status = json.loads(run("waves", "status", wave, "--json"))
        assert (status["state"], status["answered_at_least"]) == ("open", 40)
        assert "--early" in run("waves", "close", wave, expect=1)
        assert "appear once it has closed" in run(
            "findings", "share", wave, "--to", "provider", expect=1
        )
        assert "42 of 58 answered" in run(
            "waves", "close", wave, "--early", "the whole office moved"
        )
        assert list((product.folder / "keys").iterdir()) == []
        assert holders(product.database_url, product.folder, codes) == []
        assert _rows(product.database_url, "ballot") == 0
        _share(product, wave, rounds)
        assert run("audit", "verify").startswith("The chain is unbroken.")


def _share(product: Product, wave: str, rounds: int) -> None:
    run = product.run
    document = json.loads(run("findings", "show", wave, "--json"))
    assert (document["invited"], document["answered"], document["wave"]["closed_early"]) == (
        58,
        42,
        "the whole office moved",
    )
    assert "Brightline IT" in run("findings", "share", wave, "--to", "provider", "--dry-run")
    run("findings", "share", wave, "--to", "provider")
    run("findings", "share", wave, "--to", "provider")
    assert "1 sent" in run("tick")
    assert run("tick") == ""
    received = letters(product.mails)
    assert len(received) == INVITED + 1
    _check_findings_mail(received[-1], document)
    with product.serving():
        _scanners_change_nothing(product, received[-1:], rounds)


def _prepare(run: Callable[..., str]) -> None:
    run("init")
    assert "58" in run("people", "import", "staff.csv", "--dry-run")
    assert json.loads(run("people", "list", "--json"))["people"] == []
    run("people", "import", "staff.csv")
    assert len(json.loads(run("people", "list", "--json"))["people"]) == INVITED
    facts = {
        "--contact": "Dana Reyes <dana@northwind.example>",
        "--comments-read-by": "Head of operations",
        "--host": "northwind.example",
    }
    run("organisation", "set", "Northwind Ltd", *chain.from_iterable(facts.items()))
    run(
        "providers", "add", "Brightline IT", "--contact", "Otto Lindqvist <otto@brightline.example>"
    )
    run(
        "surveys",
        "add",
        "IT support",
        "--provider",
        "Brightline IT",
        "--opens",
        "2027-01-11T09:00",
        "--timezone",
        "Europe/London",
    )
    run("targets", "set", "IT support", "OVR1", "--target", "0.7")


def _await(url: str) -> None:
    for _ in range(100):
        try:
            if fetch(url)[0] == 200:
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"{url} did not answer")


def _scanners_change_nothing(product: Product, mails: list[EmailMessage], rounds: int) -> None:
    """So many GET and HEAD requests to each link of the mails, and to each as filters rewrite it,
    leave the database as it was.
    """
    before = dump(product.database_url)
    links = {link.rstrip(".") for mail in mails for link in LINK.findall(text_of(mail))}
    sent = {link.partition("#")[0] for link in links} | {link.replace("#", "%23") for link in links}
    line = http.client.HTTPConnection("127.0.0.1", product.port, timeout=20)
    for path in sorted(link.removeprefix(f"http://127.0.0.1:{product.port}") for link in sent):
        for method in ("GET", "HEAD") * rounds:
            line.request(method, path)
            response = line.getresponse()
            assert (response.status, response.headers["Set-Cookie"]) == (200, None), path
            response.read()
    line.close()
    assert dump(product.database_url) == before


def _answer(invitations: list[EmailMessage]) -> None:
    source = Random(58)
    for number, letter in enumerate(invitations):
        address = link_in(letter).partition("#")[0]
        answers = {
            name: source.choice(["", "2", "3", "4", "4", "5"])
            for name in ("OVR1", "RSP1", "RES1", "COM1", "REL1", "SEC1")
        }
        answers |= {
            "token": code_in(letter),
            "EFF2": source.choice("112345"),
            "OPN1": f"{CANARY}{number}",
        }
        assert fetch(address, data=answers, method="POST") == (200, f"{address}/thanks")


def _rows(database_url: str, table: str) -> int:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        number = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()
    engine.dispose()
    return int(number or 0)


def _check_findings_mail(mail: EmailMessage, document: dict[str, object]) -> None:
    assert mail["To"] == "Otto Lindqvist <otto@brightline.example>"
    assert document["headline"] in {
        "The measure misses target",
        "The measure is too close to call",
        "The measure meets target",
    }
    assert str(document["headline"]).lower() in mail["Subject"].lower()
    body = text_of(mail)
    html = mail.get_body(("html",))
    assert html
    assert "<img" not in str(html.get_content())
    content = unescape(re.sub(r"<[^>]+>", "", str(html.get_content()))).replace("\u00a0", " ")
    assert len(mail.as_bytes()) < 40_000
    printed = re.findall(r"\d+% \(\d[\d.]* to \d[\d.]*\)", body)
    assert len(printed) >= len(document["questions"]) - 2  # type: ignore[arg-type]
    assert [number for number in printed if number not in content] == []
    assert CANARY not in body
