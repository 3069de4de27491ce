"""Reading the bounce mailbox of a real server: safely, within bounds, touching no other mail."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from survey.config import Config
from survey.kernel.errors import Refused
from survey.mail.bounces.rules import LARGEST
from survey.mail.bounces.service import mailbox
from survey.mail.bounces.service.mailbox import Mailbox, MailboxAway
from tests.mail.imap import open_front, open_imap, put, url
from tests.mail.returned import out_of_office, report
from tests.ports import free_port

OURS = "<0123456789abcdef0123456789abcdef@northwind.example>"
SECRETS = ("open sesame", "open%20sesame")


def why_away(address: str, ca_file: Path | None = None, seconds: float = 10.0) -> str:
    with pytest.raises(MailboxAway) as away, Mailbox(address, ca_file, seconds=seconds) as box:
        list(box.new_from(1))
    assert not any(secret in str(away.value) for secret in SECRETS)
    return str(away.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "box"
    path.mkdir()
    return path


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, Path]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return ca, tmp_path / "ca.pem"


def serving(ca: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    return context


def test_only_what_may_be_a_bounce_is_fetched_and_nothing_is_marked(folder: Path) -> None:
    put(folder, 3, report(OURS))
    put(folder, 5, out_of_office(OURS))
    put(folder, 9, report(OURS) + b" " * LARGEST)
    put(folder, 12, b"\0\0\0")
    with open_imap(folder) as port, Mailbox(url(port)) as box:
        messages = [(one.uid, one.raw) for some in box.new_from(1) for one in some]
        assert messages == [(3, report(OURS)), (5, None), (9, None), (12, None)]
        assert [one.uid for some in box.new_from(6) for one in some] == [9, 12]
        assert list(box.new_from(13)) == []
    assert sorted(path.name for path in folder.iterdir()) == [
        "0003.eml",
        "0005.eml",
        "0009.eml",
        "0012.eml",
    ]


def test_a_full_mailbox_is_read_a_few_at_a_time_and_no_further_than_is_good_for_one_reading(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "AT_ONCE", 2)
    monkeypatch.setattr(mailbox, "MOST", 5)
    for number in range(1, 8):
        put(folder, number, report(OURS))
    with open_imap(folder) as port, Mailbox(url(port)) as box:
        assert [[one.uid for one in some] for some in box.new_from(1)] == [[1, 2], [3, 4], [5]]
        monkeypatch.setattr(mailbox, "ENOUGH_SECONDS", 0.0)
        assert list(box.new_from(1)) == []


@pytest.mark.parametrize("uidplus", [False, True])
def test_what_is_ours_is_deleted_and_what_others_marked_stays(folder: Path, uidplus: bool) -> None:  # noqa: FBT001
    for number in (1, 2, 3):
        put(folder, number, report(OURS))
    (folder / "0002.flags").write_text(r"\Deleted")
    with open_imap(folder, uidplus=uidplus) as port:
        with Mailbox(url(port)) as box:
            assert [one.uid for some in box.new_from(1) for one in some] == [1, 3]
            assert box.delete([1])
            assert [one.uid for some in box.new_from(1) for one in some] == [3], (
                "what is marked is not read again"
            )
        assert (folder / "0002.eml").exists()
        assert (folder / "0001.eml").exists() is not uidplus
        (folder / "0002.flags").unlink()
        with Mailbox(url(port)) as box:
            assert box.delete([1, 3])
    assert [path.name for path in folder.glob("*.eml")] == ["0002.eml"]


def test_another_folder_server_or_numbering_has_another_mark(folder: Path) -> None:
    marks = []
    for validity in (7, 8):
        with open_imap(folder, validity=validity) as port:
            for address in (url(port), url(port), url(port, host="localhost")):
                with Mailbox(address) as box:
                    marks.append(box.mark)
    assert marks[0] == marks[1]
    assert len(set(marks)) == 4


def test_a_password_goes_over_verified_tls(
    folder: Path, authority: tuple[trustme.CA, Path]
) -> None:
    ca, file = authority
    put(folder, 1, report(OURS))
    with open_imap(folder) as port:
        with open_front(port, serving(ca)) as front, Mailbox(url(front.port, "imaps"), file) as box:
            assert [one.raw for some in box.new_from(1) for one in some] == [report(OURS)]
        with open_front(port, serving(ca), starttls=True) as front:
            with Mailbox(url(front.port, "imap+starttls"), file) as box:
                assert [one.raw for some in box.new_from(1) for one in some] == [report(OURS)]
            assert b"LOGIN " not in b"".join(front.heard).upper()


@pytest.mark.parametrize("starttls", [False, True])
def test_a_certificate_of_another_name_or_authority_gets_no_password(
    folder: Path,
    authority: tuple[trustme.CA, Path],
    starttls: bool,  # noqa: FBT001
) -> None:
    ca, file = authority
    scheme = "imap+starttls" if starttls else "imaps"
    words = "its certificate is not valid for its name; no password was sent"
    with open_imap(folder) as port:
        with open_front(port, serving(ca, "elsewhere.example"), starttls=starttls) as front:
            assert why_away(url(front.port, scheme), file) == words
        with open_front(port, serving(trustme.CA()), starttls=starttls) as front:
            assert why_away(url(front.port, scheme), file) == words
            assert why_away(url(front.port, scheme)) == words


def test_no_password_goes_to_a_server_whose_encryption_was_taken_out(
    folder: Path, authority: tuple[trustme.CA, Path]
) -> None:
    ca, file = authority
    with (
        open_imap(folder) as port,
        open_front(port, serving(ca), starttls=True, offers=b"") as front,
    ):
        assert (
            why_away(url(front.port, "imap+starttls"), file)
            == "it offers no encryption (STARTTLS); no password was sent"
        )
        assert b"LOGIN " not in b"".join(front.heard).upper()


def test_plain_text_is_for_this_machine_only() -> None:
    assert (
        why_away("imap://a:b@mail.northwind.example/INBOX")
        == "plain imap:// is for a server on this machine only"
    )


def test_a_server_that_is_missing_refuses_or_has_no_such_folder_is_told_in_our_words(
    folder: Path,
) -> None:
    assert (
        why_away(url(free_port()))
        == "its server does not take connections; check host and port in CANDOUR_BOUNCE_URL"
    )
    with open_imap(folder) as port:
        assert (
            why_away(url(port, secret=":wrong"))
            == "it refused our sign-in; check user and password in CANDOUR_BOUNCE_URL"
        )
        assert (
            why_away(url(port, secret=":%C3%A9"))
            == "user, password and folder in CANDOUR_BOUNCE_URL must be plain letters (ASCII)"
        )
        assert why_away(url(port).replace("INBOX", "Elsewhere")).startswith(
            "its server refused what we asked; check the folder"
        )
        assert (
            why_away(url(port, secret=""))
            == "CANDOUR_BOUNCE_URL holds no password, and no sign-in by token is set up"
        )


class Tokens:
    """Gives a stale token first, and notes what it was asked for."""

    def __init__(self, fresh: str) -> None:
        self.fresh, self.asked = fresh, list[bool]()

    def token(self, *, fresh: bool = False) -> str:
        self.asked.append(fresh)
        return self.fresh if fresh else "stale"


def test_signing_in_by_token_tries_a_fresh_one_once(folder: Path) -> None:
    put(folder, 1, report(OURS))
    with open_imap(folder, token="good") as port:
        good, bad = Tokens("good"), Tokens("bad")
        with Mailbox(url(port, secret=""), tokens=good) as box:
            assert [one.uid for some in box.new_from(1) for one in some] == [1]
        with (
            pytest.raises(MailboxAway, match="refused our sign-in"),
            Mailbox(url(port, secret=""), tokens=bad),
        ):
            pass
    assert (good.asked, bad.asked) == ([False, True], [False, True])


def test_a_token_that_cannot_be_had_is_told(folder: Path) -> None:
    class NoTokens:
        def token(self, *, fresh: bool = False) -> str:
            raise Refused("no-token", "The token server does not answer.")

    with (
        open_imap(folder) as port,
        pytest.raises(MailboxAway, match=r"^The token server does not answer$"),
    ):
        Mailbox(url(port, secret=""), tokens=NoTokens()).__enter__()


# Hostile servers


@contextmanager
def saying(*lines: bytes, slowly: bool = False) -> Iterator[int]:
    """A bare server that says the next line to whatever it hears; `T` is the tag it heard."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    over = threading.Event()

    def talk() -> None:
        connection, _ = listener.accept()
        connection.settimeout(10)
        with suppress(OSError), connection, connection.makefile("rb") as reader:
            tag = b""
            for number, line in enumerate(lines):
                if number:
                    tag = reader.readline(65536).split(b" ")[0]
                for octet in (
                    (bytes([one]) for one in line.replace(b"T ", tag + b" "))
                    if slowly
                    else (line.replace(b"T ", tag + b" "),)
                ):
                    connection.sendall(octet)
                    if slowly and over.wait(0.1):
                        return
            over.wait(10)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        thread.join(timeout=15)
        listener.close()


@pytest.mark.parametrize("greeting", [b"", b"* OK " + b"x" * 300])
def test_a_server_that_never_ends_is_cut_off(greeting: bytes) -> None:
    with saying(greeting, slowly=True) as port:
        assert why_away(url(port), seconds=0.5) == "it does not answer in time"


def test_a_server_that_never_ends_its_handshake_is_cut_off() -> None:
    with saying(b"", b"\x16\x03\x03\x40\x00" + b"\x02" * 300, slowly=True) as port:
        assert why_away(url(port, "imaps"), seconds=0.5) == "it does not answer in time"


READY = (
    b"* OK ready\r\n",
    b"* CAPABILITY IMAP4rev1\r\nT OK x\r\n",
    b"T OK signed in\r\n",
    b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\nT OK [READ-WRITE] y\r\n",
    b"* CAPABILITY IMAP4rev1\r\nT OK x\r\n",
)


@pytest.mark.parametrize(
    "answers",
    [
        (b"\r\n",),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (b"* BYE busy\r\n",),
        (*READY, b"* SEARCH 1\r\nT OK x\r\n", b"* 1 FETCH (UID 1 BODY[] {9999999999999}\r\nx"),
        (*READY, b"* SEARCH one\r\nT OK x\r\n"),
        (*READY, b"* SEARCH 1\r\nT OK x\r\n", b"* 1 FETCH (UID 1 (((((\r\nT OK x\r\n"),
        (*READY, b"* SEARCH 1\r\nT OK x\r\n", b"\xff\xfe\0\r\n"),
    ],
)
def test_nonsense_is_a_mailbox_that_is_away(answers: tuple[bytes, ...]) -> None:
    with saying(*answers) as port:
        assert why_away(url(port), seconds=2).startswith("it")


def test_a_message_without_what_was_asked_for_is_left_alone() -> None:
    with saying(
        *READY,
        b"* SEARCH 1 2\r\nT OK x\r\n",
        b"* 1 FETCH (UID 1 FLAGS ())\r\nT OK x\r\n",
        b"* BYE\r\nT OK x\r\n",
    ) as port:
        box = Mailbox(url(port), seconds=5)
        with box:
            assert [(one.uid, one.raw) for some in box.new_from(1) for one in some] == [
                (1, None),
                (2, None),
            ]


def test_the_address_is_no_secret_that_is_printed(tmp_path: Path) -> None:
    config = Config.from_environment(
        {"CANDOUR_BOUNCE_URL": "imaps://a:open-sesame@mail.northwind.example/INBOX"}, tmp_path
    )
    assert "open-sesame" not in repr(config)
