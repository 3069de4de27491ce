"""Handing over to a real SMTP server on loopback, good, bad and hostile."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme

from survey.mail import sender
from survey.mail.letter import Letter
from survey.mail.message import Message
from survey.mail.rules import Attempt, Outcome
from survey.mail.sender import Connection, Limits
from tests.mail.postbox import DROP, HANG, Postbox, open_postbox, open_script
from tests.ports import free_port

SHORT = Limits(command=1.0, letter=3.0)
SECRET = b"open sesame"
SIGN_IN = "dana:open%20sesame@"


def message(number: int = 1, text: str = "Hello.\n", address: str = "") -> Message:
    letter = Letter("Ada", address or f"p{number}@northwind.example", "Hello", text, "<p>Hello.</p>\n")
    return Message(letter, "Dana <dana@northwind.example>", f"<{number}@northwind.example>", datetime(2027, 1, 11, tzinfo=UTC))


def hand_over(line: Connection, *messages: Message) -> list[Attempt]:
    """What came of each, and a goodbye."""
    found = [line.connect() or line.deliver(one) for one in messages or (message(),)]
    line.close()
    return found


def outcomes(line: Connection, number: int) -> list[Outcome]:
    return [attempt.outcome for attempt in hand_over(line, *map(message, range(1, number + 1)))]


@pytest.fixture
def box() -> Iterator[Postbox]:
    with open_postbox() as found:
        yield found


def test_a_letter_arrives_octet_for_octet_at_one_recipient(box: Postbox) -> None:
    text = ".\n..\n.dot\n\n" + "ü" * 5000 + "\n.\n"
    sent = message(text=text, address="ada@müller.example")
    assert hand_over(Connection(box.url), sent) == [Attempt(Outcome.SENT, "250")]
    assert box.kept == [(["ada@xn--mller-kva.example"], sent.as_bytes())]
    found = message_from_bytes(box.kept[0][1], policy=policy.default)
    assert isinstance(found, EmailMessage)
    body = found.get_body(("plain",))
    assert body
    assert body.get_content().replace("\r\n", "\n") == text


def test_the_server_learns_nothing_about_this_machine(box: Postbox) -> None:
    hand_over(Connection(box.url))
    assert box.greeted == ["localhost"]
    assert b"localhost" not in box.kept[0][1]


def test_one_connection_serves_many_letters_and_is_renewed_after_its_limit(box: Postbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "LETTERS_PER_CONNECTION", 3)
    assert outcomes(Connection(box.url), 7) == [Outcome.SENT] * 7
    assert box.recipients == [f"p{number}@northwind.example" for number in range(1, 8)]
    assert len(box.greeted) == 3


def test_an_idle_connection_is_renewed(box: Postbox, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Connection(box.url)
    assert line.connect() is None
    assert line.is_ready
    monkeypatch.setattr(sender, "IDLE_SECONDS", -1.0)
    assert not line.is_ready
    assert hand_over(line)[0].outcome is Outcome.SENT
    assert len(box.greeted) == 2


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"RCPT": ["550 5.1.1 <p1@northwind.example> unknown"]}, [Attempt(Outcome.FAILED, "550 5.1.1", "this mailbox does not exist")]),
        (
            {"RCPT": ["451 4.7.1 greylisted p1"]},
            [Attempt(Outcome.LATER, "451 4.7.1", "the mail server asks us to try again later", slower=True)],
        ),
        ({"DATA": ["452 4.3.1 full"]}, [Attempt(Outcome.LATER, "452 4.3.1", "the mail server asks us to try again later", slower=True)]),
        ({"DATA": ["554 5.6.0 spam"]}, [Attempt(Outcome.FAILED, "554 5.6.0", "the mail server refuses this letter")]),
        ({"MAIL": ["550 5.7.60 not you"]}, [Attempt(Outcome.PAUSED, "550 5.7.60", "the mail server refuses our sender")]),
        ({"DATA": ["550 5.7.30 basic"]}, [Attempt(Outcome.PAUSED, "550 5.7.30", "the mail server refused our sign-in")]),
    ],
)
def test_a_refusal_is_told_in_our_words_and_the_next_letter_goes_over_the_same_connection(
    box: Postbox, answers: dict[str, list[str]], found: list[Attempt]
) -> None:
    box.answers = answers
    assert hand_over(Connection(box.url), message(1), message(2)) == [*found, Attempt(Outcome.SENT, "250")]
    assert box.recipients == ["p2@northwind.example"]
    assert len(box.greeted) == 1


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_after_421_the_next_letter_goes_over_a_new_connection(box: Postbox, step: str) -> None:
    box.answers = {step: ["421 4.3.2 closing"]}
    assert outcomes(Connection(box.url), 2) == [Outcome.LATER, Outcome.SENT]
    assert len(box.greeted) == 2


@pytest.mark.parametrize("fault", [DROP, HANG, "nonsense", "299 what", "x" * 9000])
@pytest.mark.parametrize(("step", "outcome"), [("MAIL", Outcome.AWAY), ("RCPT", Outcome.AWAY), ("DATA", Outcome.LOST)])
def test_a_broken_conversation_is_lost_from_data_on_only_and_the_next_one_is_good(
    box: Postbox, step: str, outcome: Outcome, fault: str
) -> None:
    box.answers = {step: [fault]}
    line = Connection(box.url, None, SHORT)
    assert outcomes(line, 2) == [outcome, Outcome.SENT]
    assert box.recipients == ["p2@northwind.example"]


def test_a_connection_that_ends_after_some_letters_is_replaced_without_an_attempt(box: Postbox) -> None:
    box.answers = {"MAIL": ["250 OK", "250 OK", DROP]}
    assert outcomes(Connection(box.url), 4) == [Outcome.SENT, Outcome.SENT, Outcome.DROPPED, Outcome.SENT]


@pytest.mark.parametrize("fault", [DROP, HANG, "550 no goodbye", "nonsense"])
def test_nothing_that_happens_after_250_undoes_it(box: Postbox, fault: str) -> None:
    box.answers = {"QUIT": [fault]}
    assert outcomes(Connection(box.url, None, SHORT), 1) == [Outcome.SENT]
    assert box.recipients == ["p1@northwind.example"]


TALK = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")


@pytest.mark.parametrize(("lines", "outcome"), [((), Outcome.AWAY), (TALK[:2], Outcome.AWAY), (TALK, Outcome.LOST)])
def test_a_server_that_answers_octet_by_octet_is_cut_off_by_the_limit_of_a_letter(lines: tuple[bytes, ...], outcome: Outcome) -> None:
    with open_script(*lines, b"2") as script:
        line = Connection(f"smtp://127.0.0.1:{script.port}", None, Limits(command=600.0, letter=1.0))
        assert outcomes(line, 1) == [outcome]
    assert script.hung_up


@pytest.mark.parametrize(("greeting", "says"), [(b"421 busy\r\n", "busy"), (b"554 go away\r\n", "takes no letters from here")])
def test_a_server_that_greets_with_a_refusal_is_away(greeting: bytes, says: str) -> None:
    with open_script(greeting) as script:
        (found,) = hand_over(Connection(f"smtp://127.0.0.1:{script.port}"))
    assert found.outcome is Outcome.AWAY
    assert says in found.reason


def test_a_server_that_is_not_there_is_away_and_the_settings_are_named() -> None:
    (found,) = hand_over(Connection(f"smtp://127.0.0.1:{free_port()}"))
    assert found.outcome is Outcome.AWAY
    assert "check host and port in CANDOUR_MAIL_URL" in found.reason


# Sign-in and encryption


def test_a_password_signs_in_and_a_wrong_one_pauses(box: Postbox) -> None:
    with open_postbox(sign_in=True) as server:
        assert outcomes(Connection(f"smtp://{SIGN_IN}127.0.0.1:{server.port}"), 2) == [Outcome.SENT] * 2
        assert server.passwords == [SECRET]
        server.password = b"another"
        (found,) = hand_over(Connection(f"smtp://{SIGN_IN}127.0.0.1:{server.port}"))
        assert (found.outcome, found.code) == (Outcome.PAUSED, "535 5.7.8")
        assert found.reason == "the mail server refused our sign-in"
        assert len(server.kept) == 2


def test_a_server_without_sign_in_and_a_password_that_smtp_cannot_carry_pause(box: Postbox) -> None:
    (without,) = hand_over(Connection(f"smtp://{SIGN_IN}127.0.0.1:{box.port}"))
    with open_postbox(sign_in=True) as server:
        (odd,) = hand_over(Connection(f"smtp://dana:%C3%BC@127.0.0.1:{server.port}"))
        assert server.passwords == []
    assert (without.outcome, odd.outcome) == (Outcome.PAUSED, Outcome.PAUSED)
    assert "no sign-in" in without.reason
    assert "ASCII" in odd.reason


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def certified(authority: trustme.CA, name: str = "127.0.0.1", *, valid_days: int = 1) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=datetime.now(UTC) + timedelta(days=valid_days)).configure_cert(context)
    return context


def secured(scheme: str, context: ssl.SSLContext) -> dict[str, ssl.SSLContext]:
    return {"smtps" if scheme == "smtps" else "starttls": context}


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_good_certificate_of_an_own_authority_lets_letters_and_password_through(
    authority: trustme.CA, ca_file: Path, scheme: str
) -> None:
    with open_postbox(sign_in=True, **secured(scheme, certified(authority))) as server:
        line = Connection(f"{scheme}://{SIGN_IN}127.0.0.1:{server.port}", ca_file)
        assert outcomes(line, 2) == [Outcome.SENT] * 2
        assert server.passwords == [SECRET]


@pytest.mark.parametrize("fault", ["another name", "expired", "unknown authority"])
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_that_proves_nothing_gets_no_password(authority: trustme.CA, ca_file: Path, scheme: str, fault: str) -> None:
    name = "mail.other.example" if fault == "another name" else "127.0.0.1"
    context = certified(authority, name, valid_days=-1 if fault == "expired" else 1)
    with open_postbox(sign_in=True, **secured(scheme, context)) as server:
        url = f"{scheme}://{SIGN_IN}127.0.0.1:{server.port}"
        (found,) = hand_over(Connection(url, None if fault == "unknown authority" else ca_file))
        assert (server.passwords, server.kept) == ([], [])
    assert found.outcome is Outcome.PAUSED
    assert "certificate is not valid for its name; no password was sent" in found.reason


def test_without_starttls_nothing_is_sent_in_clear() -> None:
    with open_postbox(sign_in=True) as server:
        (found,) = hand_over(Connection(f"smtp+starttls://{SIGN_IN}127.0.0.1:{server.port}"))
        assert (server.passwords, server.kept) == ([], [])
    assert found.outcome is Outcome.PAUSED
    assert "STARTTLS" in found.reason


def test_plain_smtp_goes_to_this_machine_only() -> None:
    (found,) = hand_over(Connection("smtp://dana:secret@mail.northwind.example:25"))
    assert found == Attempt(Outcome.PAUSED, "", "plain smtp:// is for a server on this machine only")


def test_a_ca_file_without_certificates_pauses_and_is_named(box: Postbox, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing here")
    (found,) = hand_over(Connection(f"smtp+starttls://127.0.0.1:{box.port}", tmp_path / "ca.pem"))
    assert found.outcome is Outcome.PAUSED
    assert "CANDOUR_MAIL_CA_FILE" in found.reason
    assert box.greeted == []
