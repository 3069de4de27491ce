"""Handing over to a real SMTP server on loopback, good, bad and hostile."""

import ssl
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme

from survey.mail.rules.letter import Letter
from survey.mail.rules.reasons import Cause, cause_of
from survey.mail.rules.states import DeliveryAttempt, DeliveryOutcome
from survey.mail.smtp.rules.grants import Grant
from survey.mail.smtp.rules.steps import remedy
from survey.mail.smtp.service import sender
from survey.mail.smtp.service.message import Message
from survey.mail.smtp.service.sender import Connection, Limits
from survey.mail.smtp.service.tokens import TokenSource
from tests.mail.postbox import (
    DROP,
    HANG,
    Postbox,
    TokenBox,
    open_impostor,
    open_postbox,
    open_script,
)
from tests.mail.tokens import APPLICATION, MAILBOX, TokenServer, open_token_server
from tests.mail.tokens import SECRET as TOKEN_SECRET
from tests.ports import free_port

SHORT = Limits(command=1.0, letter=3.0)
SECRET = b"open sesame"
SIGN_IN = "dana:open%20sesame@"


def message(number: int = 1, text: str = "Hello.\n", address: str = "") -> Message:
    letter = Letter(
        "Ada", address or f"p{number}@northwind.example", "Hello", text, "<p>Hello.</p>\n"
    )
    return Message(
        letter,
        "Dana <dana@northwind.example>",
        f"<{number}@northwind.example>",
        datetime(2027, 1, 11, tzinfo=UTC),
    )


def hand_over(line: Connection, *messages: Message) -> list[DeliveryAttempt]:
    """What came of each, and a goodbye."""
    attempts = [line.connect() or line.deliver(one) for one in messages or (message(),)]
    line.close()
    return attempts


def outcomes(line: Connection, number: int) -> list[DeliveryOutcome]:
    return [attempt.outcome for attempt in hand_over(line, *map(message, range(1, number + 1)))]


@pytest.fixture
def box() -> Iterator[Postbox]:
    with open_postbox() as postbox:
        yield postbox


def test_a_letter_arrives_octet_for_octet_at_one_recipient(box: Postbox) -> None:
    text = ".\n..\n.dot\n\n" + "ü" * 5000 + "\n.\n"
    sent = message(text=text, address="ada@müller.example")
    assert hand_over(Connection(box.url), sent) == [DeliveryAttempt(DeliveryOutcome.SENT, "250")]
    assert box.kept == [(["ada@xn--mller-kva.example"], sent.as_bytes())]
    received = message_from_bytes(box.kept[0][1], policy=policy.default)
    assert isinstance(received, EmailMessage)
    body = received.get_body(("plain",))
    assert body
    assert body.get_content().replace("\r\n", "\n") == text


def test_the_server_learns_nothing_about_this_machine(box: Postbox) -> None:
    hand_over(Connection(box.url))
    assert box.greeted == ["localhost"]
    assert b"localhost" not in box.kept[0][1]


def test_one_connection_serves_many_letters_and_is_renewed_after_its_limit(
    box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "LETTERS_PER_CONNECTION", 3)
    assert outcomes(Connection(box.url), 7) == [DeliveryOutcome.SENT] * 7
    assert box.recipients == [f"p{number}@northwind.example" for number in range(1, 8)]
    assert len(box.greeted) == 3


def test_an_idle_connection_is_renewed(box: Postbox, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Connection(box.url)
    assert line.connect() is None
    assert line.is_ready
    monkeypatch.setattr(sender, "IDLE_SECONDS", -1.0)
    assert not line.is_ready
    assert hand_over(line)[0].outcome is DeliveryOutcome.SENT
    assert len(box.greeted) == 2


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {"RCPT": ["550 5.1.1 <p1@northwind.example> unknown"]},
            [DeliveryAttempt(DeliveryOutcome.FAILED, "550 5.1.1", "this mailbox does not exist")],
        ),
        (
            {"RCPT": ["451 4.7.1 greylisted p1"]},
            [
                DeliveryAttempt(
                    DeliveryOutcome.LATER,
                    "451 4.7.1",
                    "the mail server asks us to try again later",
                    slower=True,
                )
            ],
        ),
        (
            {"DATA": ["452 4.3.1 full"]},
            [
                DeliveryAttempt(
                    DeliveryOutcome.LATER,
                    "452 4.3.1",
                    "the mail server asks us to try again later",
                    slower=True,
                )
            ],
        ),
        (
            {"DATA": ["554 5.6.0 spam"]},
            [
                DeliveryAttempt(
                    DeliveryOutcome.FAILED, "554 5.6.0", "the mail server refuses this letter"
                )
            ],
        ),
        (
            {"MAIL": ["550 5.7.60 not you"]},
            [
                DeliveryAttempt(
                    DeliveryOutcome.PAUSED, "550 5.7.60", "the mail server refuses our sender"
                )
            ],
        ),
        (
            {"DATA": ["550 5.7.30 basic"]},
            [
                DeliveryAttempt(
                    DeliveryOutcome.PAUSED, "550 5.7.30", "the mail server refused our sign-in"
                )
            ],
        ),
    ],
)
def test_a_refusal_is_told_in_our_words_and_the_next_letter_goes_over_the_same_connection(
    box: Postbox, answers: dict[str, list[str]], expected: list[DeliveryAttempt]
) -> None:
    box.answers = answers
    assert hand_over(Connection(box.url), message(1), message(2)) == [
        *expected,
        DeliveryAttempt(DeliveryOutcome.SENT, "250"),
    ]
    assert box.recipients == ["p2@northwind.example"]
    assert len(box.greeted) == 1


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_after_421_the_next_letter_goes_over_a_new_connection(box: Postbox, step: str) -> None:
    box.answers = {step: ["421 4.3.2 closing"]}
    assert outcomes(Connection(box.url), 2) == [DeliveryOutcome.LATER, DeliveryOutcome.SENT]
    assert len(box.greeted) == 2


@pytest.mark.parametrize("fault", [DROP, HANG, "nonsense", "299 what", "x" * 9000])
@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ("MAIL", DeliveryOutcome.AWAY),
        ("RCPT", DeliveryOutcome.AWAY),
        ("DATA", DeliveryOutcome.LOST),
    ],
)
def test_a_broken_conversation_is_lost_from_data_on_only_and_the_next_one_is_good(
    box: Postbox, step: str, outcome: DeliveryOutcome, fault: str
) -> None:
    box.answers = {step: [fault]}
    line = Connection(box.url, None, SHORT)
    assert outcomes(line, 2) == [outcome, DeliveryOutcome.SENT]
    assert box.recipients == ["p2@northwind.example"]


def test_a_connection_that_ends_after_some_letters_is_replaced_without_an_attempt(
    box: Postbox,
) -> None:
    box.answers = {"MAIL": ["250 OK", "250 OK", DROP]}
    assert outcomes(Connection(box.url), 4) == [
        DeliveryOutcome.SENT,
        DeliveryOutcome.SENT,
        DeliveryOutcome.DROPPED,
        DeliveryOutcome.SENT,
    ]


@pytest.mark.parametrize("fault", [DROP, HANG, "550 no goodbye", "nonsense"])
def test_nothing_that_happens_after_250_undoes_it(box: Postbox, fault: str) -> None:
    box.answers = {"QUIT": [fault]}
    assert outcomes(Connection(box.url, None, SHORT), 1) == [DeliveryOutcome.SENT]
    assert box.recipients == ["p1@northwind.example"]


TALK = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")


@pytest.mark.parametrize("begun", [b"2", b"250-"])
@pytest.mark.parametrize(
    ("lines", "outcome"),
    [((), DeliveryOutcome.AWAY), (TALK[:2], DeliveryOutcome.AWAY), (TALK, DeliveryOutcome.LOST)],
)
def test_a_server_that_answers_octet_by_octet_is_cut_off_by_the_limit_of_a_letter(
    lines: tuple[bytes, ...], outcome: DeliveryOutcome, begun: bytes
) -> None:
    with open_script(*lines, begun) as script:
        line = Connection(
            f"smtp://127.0.0.1:{script.port}", None, Limits(command=600.0, letter=1.0)
        )
        assert outcomes(line, 1) == [outcome]
    assert script.hung_up


@pytest.mark.parametrize(
    ("greeting", "says"),
    [(b"421 busy\r\n", "busy"), (b"554 go away\r\n", "takes no letters from here")],
)
def test_a_server_that_greets_with_a_refusal_is_away(greeting: bytes, says: str) -> None:
    with open_script(greeting) as script:
        (attempt,) = hand_over(Connection(f"smtp://127.0.0.1:{script.port}"))
    assert attempt.outcome is DeliveryOutcome.AWAY
    assert says in attempt.reason


def test_a_server_that_is_not_there_is_away_and_the_settings_are_named() -> None:
    (attempt,) = hand_over(Connection(f"smtp://127.0.0.1:{free_port()}"))
    assert attempt.outcome is DeliveryOutcome.AWAY
    assert attempt.reason == "the mail server does not take connections"


# Sign-in and encryption


def test_a_password_signs_in_and_a_wrong_one_pauses(box: Postbox) -> None:
    with open_postbox(sign_in=True) as server:
        assert (
            outcomes(Connection(f"smtp://{SIGN_IN}127.0.0.1:{server.port}"), 2)
            == [DeliveryOutcome.SENT] * 2
        )
        assert server.passwords == [SECRET]
        server.password = b"another"
        (attempt,) = hand_over(Connection(f"smtp://{SIGN_IN}127.0.0.1:{server.port}"))
        assert (attempt.outcome, attempt.code) == (DeliveryOutcome.PAUSED, "535 5.7.8")
        assert attempt.reason == "the mail server refused our sign-in"
        assert len(server.kept) == 2


def test_a_server_without_sign_in_and_a_password_that_smtp_cannot_carry_pause(box: Postbox) -> None:
    (without,) = hand_over(Connection(f"smtp://{SIGN_IN}127.0.0.1:{box.port}"))
    with open_postbox(sign_in=True) as server:
        (odd,) = hand_over(Connection(f"smtp://dana:%C3%BC@127.0.0.1:{server.port}"))
        assert server.passwords == []
    assert (without.outcome, odd.outcome) == (DeliveryOutcome.PAUSED, DeliveryOutcome.PAUSED)
    assert "no sign-in" in without.reason
    assert "ASCII" in odd.reason


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def certified(
    authority: trustme.CA, name: str = "127.0.0.1", *, valid_days: int = 1
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        name, not_after=datetime.now(UTC) + timedelta(days=valid_days)
    ).configure_cert(context)
    return context


def secured(scheme: str, context: ssl.SSLContext) -> dict[str, ssl.SSLContext]:
    return {"smtps" if scheme == "smtps" else "starttls": context}


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_good_certificate_of_an_own_authority_lets_letters_and_password_through(
    authority: trustme.CA, ca_file: Path, scheme: str
) -> None:
    with open_postbox(sign_in=True, **secured(scheme, certified(authority))) as server:
        line = Connection(f"{scheme}://{SIGN_IN}127.0.0.1:{server.port}", ca_file)
        assert outcomes(line, 2) == [DeliveryOutcome.SENT] * 2
        assert server.passwords == [SECRET]


FAULTS = {
    "another name": "is not valid for its address",
    "expired": "has expired",
    "unknown authority": "comes from an unknown authority",
    "signed by itself": "comes from an unknown authority",
}


def untrustworthy(authority: trustme.CA, fault: str) -> ssl.SSLContext:
    issuer = trustme.CA() if fault == "signed by itself" else authority
    name = "mail.other.example" if fault == "another name" else "127.0.0.1"
    return certified(issuer, name, valid_days=-1 if fault == "expired" else 1)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_that_proves_nothing_gets_no_password(
    authority: trustme.CA, ca_file: Path, scheme: str, fault: str
) -> None:
    with open_postbox(sign_in=True, **secured(scheme, untrustworthy(authority, fault))) as server:
        url = f"{scheme}://{SIGN_IN}127.0.0.1:{server.port}"
        (attempt,) = hand_over(Connection(url, None if fault == "unknown authority" else ca_file))
        assert (server.passwords, server.kept) == ([], [])
    assert attempt.outcome is DeliveryOutcome.PAUSED
    assert FAULTS[fault] in attempt.reason
    assert "nothing that signs us in was sent" in attempt.reason


def test_a_certificate_of_another_host_says_so(authority: trustme.CA, ca_file: Path) -> None:
    with open_postbox(sign_in=True, smtps=certified(authority, "mail.other.example")) as server:
        (attempt,) = hand_over(Connection(f"smtps://{SIGN_IN}localhost:{server.port}", ca_file))
        assert server.passwords == []
    assert attempt.outcome is DeliveryOutcome.PAUSED
    assert "is not valid for its name" in attempt.reason
    assert cause_of(attempt.reason) is Cause.NAME_NOT_CERTIFIED


@pytest.mark.parametrize("by", ["password", "token"])
@pytest.mark.parametrize("fault", [*FAULTS, "STARTTLS stripped"])
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_an_impostor_hears_no_user_no_password_and_no_token(
    authority: trustme.CA, ca_file: Path, scheme: str, fault: str, by: str
) -> None:
    stripped = fault == "STARTTLS stripped"
    context = None if stripped else untrustworthy(authority, fault)
    with (
        open_token_server(None) as tokens,
        open_impostor(context, smtps=scheme == "smtps") as (port, heard),
    ):
        user = SIGN_IN if by == "password" else "dana@"
        source = (
            TokenSource(Grant(tokens.url, tokens.scope, "dana", APPLICATION, TOKEN_SECRET))
            if by == "token"
            else None
        )
        line = Connection(
            f"{scheme}://{user}127.0.0.1:{port}",
            None if fault == "unknown authority" else ca_file,
            SHORT,
            tokens=source,
        )
        (attempt,) = hand_over(line)
        assert len(tokens.issued) == (by == "token")
    assert attempt.outcome in (
        {DeliveryOutcome.AWAY} if stripped and scheme == "smtps" else {DeliveryOutcome.PAUSED}
    )
    words = (
        {line.split()[0] for line in bytes(heard).upper().splitlines()}
        if scheme != "smtps"
        else set()
    )
    assert words <= {b"EHLO", b"STARTTLS", b"QUIT"}, "and nothing else was heard"
    for secret in (
        b"dana",
        SECRET,
        b"auth=",
        b"northwind",
        *(token.encode() for token in tokens.issued),
    ):
        for form in (secret, b64encode(secret).rstrip(b"=")[:-2]):
            assert form not in heard


def test_the_impostor_of_these_tests_would_hear_a_password(
    authority: trustme.CA, ca_file: Path
) -> None:
    with open_impostor(certified(authority)) as (port, heard):
        hand_over(Connection(f"smtp+starttls://{SIGN_IN}127.0.0.1:{port}", ca_file, SHORT))
    assert b64encode(b"\0dana\0" + SECRET) in heard


def test_without_starttls_nothing_is_sent_in_clear() -> None:
    with open_postbox(sign_in=True) as server:
        (attempt,) = hand_over(Connection(f"smtp+starttls://{SIGN_IN}127.0.0.1:{server.port}"))
        assert (server.passwords, server.kept) == ([], [])
    assert attempt.outcome is DeliveryOutcome.PAUSED
    assert "STARTTLS" in attempt.reason


def test_plain_smtp_goes_to_this_machine_only() -> None:
    (attempt,) = hand_over(Connection("smtp://dana:secret@mail.northwind.example:25"))
    assert attempt == DeliveryAttempt(
        DeliveryOutcome.PAUSED, "", "plain smtp:// is for a server on this machine only"
    )


def test_a_ca_file_without_certificates_pauses_and_is_named(box: Postbox, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing here")
    (attempt,) = hand_over(Connection(f"smtp+starttls://127.0.0.1:{box.port}", tmp_path / "ca.pem"))
    assert attempt.outcome is DeliveryOutcome.PAUSED
    assert "the file of trusted authorities holds no certificate" in attempt.reason
    assert "CANDOUR_MAIL_CA_FILE" in remedy(attempt, by_token=False)
    assert box.greeted == []


# Sign-in by token


@pytest.fixture
def issuer() -> Iterator[TokenServer]:
    with open_token_server(None) as token_server:
        yield token_server


def source(issuer: TokenServer) -> TokenSource:
    return TokenSource(Grant(issuer.url, issuer.scope, MAILBOX, APPLICATION, TOKEN_SECRET))


MAILBOX_IN_URL = "dana%40northwind.example@"


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_token_signs_in_over_a_verified_connection(
    authority: trustme.CA, ca_file: Path, issuer: TokenServer, scheme: str
) -> None:
    box = TokenBox(user=MAILBOX, accepts=lambda: issuer.issued[0])
    with open_postbox(sign_in=True, box=box, **secured(scheme, certified(authority))) as server:
        line = Connection(
            f"{scheme}://{MAILBOX_IN_URL}127.0.0.1:{server.port}", ca_file, tokens=source(issuer)
        )
        assert outcomes(line, 3) == [DeliveryOutcome.SENT] * 3
    assert box.heard == [f"user={MAILBOX}\x01auth=Bearer {issuer.issued[0]}\x01\x01"]
    assert box.passwords == []


@pytest.mark.parametrize("explains", [True, False])
def test_a_refused_token_is_replaced_once(issuer: TokenServer, *, explains: bool) -> None:
    box = TokenBox(user=MAILBOX, accepts=lambda: "".join(issuer.issued[1:]), explains=explains)
    with open_postbox(sign_in=True, box=box) as server:
        line = Connection(f"smtp://{MAILBOX_IN_URL}127.0.0.1:{server.port}", tokens=source(issuer))
        assert outcomes(line, 2) == [DeliveryOutcome.SENT] * 2
    assert len(issuer.issued) == len(box.heard) == 2
    assert box.acknowledged == ([b""] if explains else []), (
        "the reason was acknowledged by an empty line"
    )


@pytest.mark.parametrize("explains", [True, False])
def test_two_refused_tokens_pause(issuer: TokenServer, *, explains: bool) -> None:
    box = TokenBox(user=MAILBOX, accepts=lambda: "none", explains=explains)
    with open_postbox(sign_in=True, box=box) as server:
        line = Connection(f"smtp://{MAILBOX_IN_URL}127.0.0.1:{server.port}", tokens=source(issuer))
        attempt = line.connect()
    assert attempt == DeliveryAttempt(
        DeliveryOutcome.PAUSED, "535 5.7.8", "the mail server refused our sign-in"
    )
    assert len(issuer.issued) == len(box.heard) == 2
    assert server.kept == []


@pytest.mark.parametrize(
    ("step", "answer"), [("MAIL", "530 5.7.57 not signed in"), ("DATA", "550 5.7.30 basic is off")]
)
def test_a_token_that_ends_while_the_connection_is_open_is_replaced(
    issuer: TokenServer, step: str, answer: str
) -> None:
    box = TokenBox(user=MAILBOX, accepts=lambda: issuer.issued[-1])
    box.answers = {step: ["250 OK", answer]}
    with open_postbox(sign_in=True, box=box) as server:
        line = Connection(f"smtp://{MAILBOX_IN_URL}127.0.0.1:{server.port}", tokens=source(issuer))
        assert outcomes(line, 3) == [DeliveryOutcome.SENT] * 3
    assert server.recipients == [f"p{number}@northwind.example" for number in (1, 2, 3)]
    assert len(issuer.issued) == 2


def test_a_sender_that_is_refused_with_every_token_pauses(issuer: TokenServer) -> None:
    box = TokenBox(user=MAILBOX, accepts=lambda: issuer.issued[-1])
    box.answers = {"MAIL": ["550 5.7.60 not you"] * 3}
    with open_postbox(sign_in=True, box=box) as server:
        (attempt,) = hand_over(
            Connection(f"smtp://{MAILBOX_IN_URL}127.0.0.1:{server.port}", tokens=source(issuer))
        )
    assert attempt == DeliveryAttempt(
        DeliveryOutcome.PAUSED, "550 5.7.60", "the mail server refuses our sender"
    )
    assert len(issuer.issued) == 2
    assert len(box.answers["MAIL"]) == 1


def test_no_token_is_away_or_pauses_before_the_mail_server_hears_of_us(issuer: TokenServer) -> None:
    with open_postbox(sign_in=True, box=TokenBox()) as server:
        line = Connection(f"smtp://{MAILBOX_IN_URL}127.0.0.1:{server.port}", tokens=source(issuer))
        issuer.answers = [(503, b"", {}), (401, b'{"error": "invalid_client"}', {})]
        attempts = [line.connect(), line.connect()]
        assert server.greeted == []
    assert [attempt and attempt.outcome for attempt in attempts] == [
        DeliveryOutcome.AWAY,
        DeliveryOutcome.PAUSED,
    ]
    assert all(
        attempt and "sign-in server" in attempt.reason and not attempt.code for attempt in attempts
    )


def test_a_server_that_takes_no_tokens_gets_none(issuer: TokenServer) -> None:
    with open_postbox(sign_in=True) as server:
        attempt = Connection(
            f"smtp://{MAILBOX_IN_URL}127.0.0.1:{server.port}", tokens=source(issuer)
        ).connect()
    assert attempt == DeliveryAttempt(
        DeliveryOutcome.PAUSED,
        "",
        "the mail server takes no sign-in by token (XOAUTH2); no token was sent",
    )


# Addresses with accents, and bounces


def test_an_address_with_accents_goes_where_the_server_takes_it() -> None:
    with open_postbox(smtputf8=True) as server:
        assert (
            hand_over(Connection(server.url), message(address="ünal@müller.example"), message(2))
            == [DeliveryAttempt(DeliveryOutcome.SENT, "250")] * 2
        )
        assert server.recipients == ["ünal@xn--mller-kva.example", "p2@northwind.example"]
        assert server.options == [["SMTPUTF8", "BODY=8BITMIME"], []]
        assert "To: Ada <ünal@xn--mller-kva.example>\r\n".encode() in server.kept[0][1]
        assert server.kept[1][1].isascii()


def test_an_address_with_accents_fails_alone_where_the_server_does_not(box: Postbox) -> None:
    attempts = hand_over(Connection(box.url), message(address="ünal@northwind.example"), message(2))
    assert attempts == [
        DeliveryAttempt(DeliveryOutcome.FAILED, "", "the mail server cannot handle this address"),
        DeliveryAttempt(DeliveryOutcome.SENT, "250"),
    ]
    assert box.recipients == ["p2@northwind.example"]
    assert len(box.greeted) == 1


def test_a_server_with_dsn_is_asked_to_return_headers_only(box: Postbox) -> None:
    box.has_dsn = True
    assert outcomes(Connection(box.url), 2) == [DeliveryOutcome.SENT] * 2
    assert box.options == [["RET=HDRS"]] * 2


# Replies without an end

LONG = b"250-" + b"x" * 60 + b"\r\n"


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        ((), DeliveryOutcome.AWAY),
        (TALK[:1], DeliveryOutcome.AWAY),
        (TALK[:2], DeliveryOutcome.AWAY),
        (TALK, DeliveryOutcome.LOST),
    ],
)
def test_a_reply_of_more_than_64_kib_is_a_lost_connection(
    lines: tuple[bytes, ...], outcome: DeliveryOutcome
) -> None:
    code = b"220" if not lines else b"250"
    with open_script(
        *lines, LONG.replace(b"250", code) * 1000 + code + b" good\r\n", *TALK[len(lines) + 1 :]
    ) as script:
        assert outcomes(
            Connection(f"smtp://127.0.0.1:{script.port}", None, Limits(5.0, 10.0)), 1
        ) == [outcome]
    assert script.hung_up


def test_long_replies_are_measured_one_by_one(box: Postbox) -> None:
    box.answers = {"MAIL": ["250 " + "x" * 8000] * 20}
    assert outcomes(Connection(box.url), 20) == [DeliveryOutcome.SENT] * 20
