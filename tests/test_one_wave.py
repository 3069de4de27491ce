"""The main job on a real run, by commands only: staff list to the provider's inbox, on both databases.

A real SMTP server process takes the mails, a real web server takes the answers, every step is the command a person types.
"""

import json
import re
import socket
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
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.cast import staff_csv

HERE = Path(__file__).parent
INVITED, ANSWERING = 58, 42
LINK = re.compile(r"https?://[^\s<>\"'&]+")
CANARY = "canarycomment"
PROBLEMS_OF_URLLIB = (urllib.error.HTTPError,)

Run = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def process(*command: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A helper process that ends with the block."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as child:
        try:
            yield child
        finally:
            assert child.stdin
            child.stdin.close()
            child.terminate()


def free_port() -> int:
    """A port that is free on this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def letters(folder: Path) -> list[EmailMessage]:
    """The letters that the server took, in order."""
    found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]
    return [letter for letter in found if isinstance(letter, EmailMessage)]


def text_of(letter: EmailMessage) -> str:
    """A letter's text part."""
    part = letter.get_body(("plain",))
    assert part
    return str(part.get_content())


def fetch(url: str, method: str = "GET", data: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and address (after redirects) of one request."""
    body = urllib.parse.urlencode(data).encode() if data is not None else None
    request = urllib.request.Request(url, data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.url
    except PROBLEMS_OF_URLLIB as error:
        with error:
            return error.code, url


def dump(database_url: str) -> object:
    """The database byte for byte on SQLite; every row of every table, with the transaction that wrote it, on PostgreSQL."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        assert url.database
        return [path.read_bytes() for path in sorted(Path(url.database).parent.glob("candour.db*")) if not path.name.endswith("-shm")]
    engine = create_engine(database_url)
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).scalars().all()
        rows = {table: connection.execute(text(f'SELECT xmin::text, t::text FROM "{table}" t ORDER BY 1, 2')).all() for table in tables}
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


def test_one_wave_from_the_staff_list_to_the_providers_inbox(database_url: str, tmp_path: Path) -> None:
    product = tmp_path / "product"
    product.mkdir()
    if database_url.startswith("sqlite"):
        database_url = f"sqlite:///{product / 'candour.db'}"
    (tmp_path / "staff.csv").write_bytes(staff_csv())
    port, mail_port = free_port(), free_port()
    with process(sys.executable, str(HERE / "sink.py"), str(tmp_path / "mails"), str(mail_port)) as sink:
        assert sink.stdout
        assert sink.stdout.readline() == "ready\n"
        environment = {
            "PATH": "/usr/bin:/bin",
            "CANDOUR_DATABASE_URL": database_url,
            "CANDOUR_BASE_URL": f"http://127.0.0.1:{port}",
            "CANDOUR_SECRET_KEY": "x" * 40,
            "CANDOUR_KEY_DIR": str(product / "keys"),
            "CANDOUR_MAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "CANDOUR_MAIL_FROM": "Dana Reyes <dana@northwind.example>",
        }

        def run(*words: str, expect: int = 0) -> str:
            done = subprocess.run(
                [str(Path(sys.executable).with_name("candour")), *words], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == expect, f"{words}: {done.stdout}{done.stderr}"
            assert "Traceback" not in done.stderr
            return done.stdout if expect == 0 else done.stderr

        _prepare(run)
        wave = json.loads(run("waves", "list", "--json"))["waves"][0]["slug"]
        assert "58 invitations are queued" in run("waves", "open", wave)
        assert "opens once" in run("waves", "open", wave, expect=1)
        assert "58 sent" in run("tick")
        invitations = letters(tmp_path / "mails")
        assert len(invitations) == INVITED
        assert len({letter["To"] for letter in invitations}) == INVITED
        codes = [re.search(r"#(\w+)", text_of(letter)).group(1).encode() for letter in invitations]  # type: ignore[union-attr]

        with process(str(Path(sys.executable).with_name("candour")), "serve", "--web-only", "--port", str(port), environment=environment):
            _await(f"http://127.0.0.1:{port}/readyz")
            _scanners_change_nothing(database_url, invitations)
            _answer(invitations[:ANSWERING])
            spent = re.search(LINK, text_of(invitations[0])).group().partition("#")[0]  # type: ignore[union-attr]
            assert fetch(spent, data={"token": codes[0].decode(), "OVR1": "4"}, method="POST")[0] == 410
        marks = [CANARY.encode(), *codes]
        assert holders(database_url, product, marks) == []

        status = json.loads(run("waves", "status", wave, "--json"))
        assert (status["state"], status["answered_at_least"]) == ("open", 40)
        assert "--early" in run("waves", "close", wave, expect=1)
        assert "appear once it has closed" in run("findings", "share", wave, "--to", "provider", expect=1)
        assert "42 of 58 answered" in run("waves", "close", wave, "--early", "the whole office moved")
        assert list((product / "keys").iterdir()) == []
        assert holders(database_url, product, codes) == []
        assert _rows(database_url, "ballot") == 0

        document = json.loads(run("findings", "show", wave, "--json"))
        assert (document["invited"], document["answered"], document["wave"]["closed_early"]) == (58, 42, "the whole office moved")
        assert "Brightline IT" in run("findings", "share", wave, "--to", "provider", "--dry-run")
        run("findings", "share", wave, "--to", "provider")
        run("findings", "share", wave, "--to", "provider")
        assert "1 sent" in run("tick")
        assert run("tick") == ""
        _check_findings_mail(letters(tmp_path / "mails"), document)
        assert run("audit", "verify").strip() == "The chain is unbroken."


def _prepare(run: Callable[..., str]) -> None:
    run("init")
    assert "58" in run("people", "import", "staff.csv", "--dry-run")
    assert json.loads(run("people", "list", "--json"))["people"] == []
    run("people", "import", "staff.csv")
    assert len(json.loads(run("people", "list", "--json"))["people"]) == INVITED
    contact = "Dana Reyes <dana@northwind.example>"
    run("organisation", "set", "Northwind Ltd", "--contact", contact, "--comments-read-by", "Head of operations", "--host", "northwind.example")
    run("providers", "add", "Brightline IT", "--contact", "Otto Lindqvist <otto@brightline.example>")
    run("surveys", "add", "IT support", "--provider", "Brightline IT", "--opens", "2027-01-11T09:00", "--timezone", "Europe/London")
    run("targets", "set", "IT support", "OVR1", "--target", "0.7")


def _await(url: str) -> None:
    for _ in range(100):
        try:
            if fetch(url)[0] == 200:
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"{url} did not answer")


def _scanners_change_nothing(database_url: str, invitations: list[EmailMessage]) -> None:
    """100 GET and HEAD requests to the links of the mails, the %23 form among them, leave the database as it was."""
    before = dump(database_url)
    links = [link.rstrip(".") for letter in invitations for link in LINK.findall(text_of(letter))]
    assert links
    requests = 0
    for link in [*links, *(link.replace("#", "%23") for link in links if "#" in link)]:
        for method in ("GET", "HEAD"):
            assert fetch(link, method)[0] == 200
            requests += 1
    assert requests >= 100
    assert dump(database_url) == before


def _answer(invitations: list[EmailMessage]) -> None:
    source = Random(58)
    for number, letter in enumerate(invitations):
        found = re.search(r"(http\S+)#(\w+)", text_of(letter))
        assert found
        answers = {name: source.choice(["", "2", "3", "4", "4", "5"]) for name in ("OVR1", "RSP1", "RES1", "COM1", "REL1", "SEC1")}
        answers |= {"token": found.group(2), "EFF2": source.choice("112345"), "OPN1": f"{CANARY}{number}"}
        status, address = fetch(found.group(1), data=answers, method="POST")
        assert (status, address) == (200, f"{found.group(1)}/thanks")


def _rows(database_url: str, table: str) -> int:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        number = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()
    engine.dispose()
    return int(number or 0)


def _check_findings_mail(found: list[EmailMessage], document: dict[str, object]) -> None:
    assert len(found) == INVITED + 1
    mail = found[-1]
    assert mail["To"] == "Otto Lindqvist <otto@brightline.example>"
    assert str(document["headline"]).split(";")[0] in mail["Subject"].replace("\n", "")
    body = text_of(mail)
    html = mail.get_body(("html",))
    assert html
    content = str(html.get_content())
    assert "<img" not in content
    assert len(mail.as_bytes()) < 40_000
    for line in re.findall(r"\d+% \(\d[\d.]* to \d[\d.]*\)", body):
        estimate, limits = line.split(" ", 1)
        assert estimate in content
        assert limits.strip("()") in content.replace("\u00a0", " ")
    assert re.findall(r"\d+% \(\d[\d.]* to \d[\d.]*\)", body)
    assert CANARY not in body
