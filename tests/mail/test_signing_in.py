"""The outbox with a mail server that wants tokens: nothing lost, no attempt spent, none told."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from survey.database import db
from survey.mail.outbox.service.delivery import deliver_letters
from survey.mail.outbox.service.letter_types import LetterType, PreparedLetter, register_letter_type
from survey.mail.outbox.service.letters import delivery_status
from survey.mail.outbox.service.pausing import resume_sending
from survey.mail.outbox.service.queue import queue_letters
from survey.mail.rules.letter import Letter
from tests.answering.today import everything_stored
from tests.mail.postbox import TokenBox, open_postbox
from tests.mail.tokens import APPLICATION, MAILBOX, SECRET, TokenServer, open_token_server
from tests.proofs import on_postgresql

WAVE = "it-support-2027-q1"


@pytest.fixture
def issuer() -> Iterator[TokenServer]:
    with open_token_server(None) as token_server:
        yield token_server


@pytest.fixture
def box(app: Flask, issuer: TokenServer) -> Iterator[TokenBox]:
    """A server that takes the newest token, and the settings for it.

    Beside them a letter type whose recipients stand before the @.
    """

    def letter(recipient: str) -> PreparedLetter:
        return PreparedLetter(
            Letter("Ada", f"{recipient}@northwind.example", "Hello", "Hello.\n", "<p>Hello.</p>"),
            lambda: True,
        )

    register_letter_type(
        app,
        LetterType("again", 50, is_sent_again=True, write=lambda queued: letter(queued.recipient)),
    )
    token_box = TokenBox(user=MAILBOX, accepts=lambda: "".join(issuer.issued[-1:]))
    with open_postbox(sign_in=True, box=token_box) as server:
        app.config["CANDOUR"] = replace(
            app.config["CANDOUR"],
            mail_url=f"smtp://dana%40northwind.example@127.0.0.1:{server.port}",
            mail_oauth_client_id=APPLICATION,
            mail_oauth_client_secret=SECRET,
            mail_oauth_token_url=issuer.url,
            mail_oauth_scope=issuer.scope,
        )
        yield token_box


def rows() -> dict[str, tuple[str, int, str | None]]:
    results = db.session.execute(
        text("SELECT recipient, state, attempts, last_reason FROM outbox WHERE wave = :w"),
        {"w": WAVE},
    ).all()
    db.session.rollback()
    return {row[0]: (row[1], row[2], row[3]) for row in results}


def test_letters_leave_with_one_token_for_several_passes(
    box: TokenBox, issuer: TokenServer
) -> None:
    for recipient in ("ada", "bo"):
        queue_letters("again", WAVE, [recipient])
        assert deliver_letters().sent == 1
    assert len(issuer.issued) == 1, "kept in memory between passes"
    assert box.recipients == ["ada@northwind.example", "bo@northwind.example"]


@on_postgresql("databases")
def test_two_refused_tokens_pause_the_channel_spend_no_attempt_and_resume_goes_on(
    box: TokenBox, issuer: TokenServer
) -> None:
    box.accepts = lambda: "none"
    queue_letters("again", WAVE, ["ada", "bo", "cy"])
    assert (
        "Sending is paused: the mail server refused our sign-in (535 5.7.8)"
        in deliver_letters().problem
    )
    assert rows() == dict.fromkeys(("ada", "bo", "cy"), ("ready", 0, None))
    assert delivery_status().paused_because == "the mail server refused our sign-in (535 5.7.8)"
    deliver_letters()
    assert len(issuer.issued) == 2, "while it is paused nobody asks for another"
    box.accepts = lambda: issuer.issued[-1]
    resume_sending()
    assert deliver_letters().sent == 3
    assert {row[0] for row in rows().values()} == {"sent"}


def test_an_expired_secret_pauses_and_a_sign_in_server_that_is_busy_does_not(
    box: TokenBox, issuer: TokenServer
) -> None:
    queue_letters("again", WAVE, ["ada"])
    issuer.answers = [(503, b"", {})]
    assert "No mail left: the sign-in server 127.0.0.1 is busy (503)" in deliver_letters().problem
    assert delivery_status().paused_because is None
    resume_sending()
    issuer.answers = [
        (401, b'{"error": "invalid_client", "error_description": "AADSTS7000222: expired"}', {})
    ]
    deliver_letters()
    assert "invalid_client, AADSTS7000222" in (delivery_status().paused_because or "")
    assert rows() == {"ada": ("ready", 0, None)}
    assert box.greeted == []
    resume_sending()
    assert deliver_letters().sent == 1


def test_one_address_with_accents_fails_alone(box: TokenBox) -> None:
    queue_letters("again", WAVE, ["ada", "ünal", "zoe"])
    report = deliver_letters()
    assert (report.sent, report.failed) == (2, 1)
    assert rows()["ünal"] == ("failed", 1, "the mail server cannot handle this address")
    assert sorted(box.recipients) == ["ada@northwind.example", "zoe@northwind.example"]


def test_no_token_and_no_secret_is_stored_or_logged(
    app: Flask, box: TokenBox, issuer: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app.debug = True
    box.accepts = lambda: "".join(issuer.issued[1:])  # the first one is refused
    queue_letters("again", WAVE, ["ada"])
    assert deliver_letters().sent == 1
    issuer.answers = [
        (
            401,
            (
                b'{"error": "invalid_client", "error_description": "secret'
                b' s3cret~of.the-application is wrong"}'
            ),
            {},
        )
    ]
    app.config["CANDOUR"] = replace(app.config["CANDOUR"], mail_oauth_scope="another")
    queue_letters("again", WAVE, ["bo"])
    deliver_letters()
    logged = [
        record.getMessage() for record in caplog.records if not record.name.startswith("mail.")
    ]
    written = f"{everything_stored()} {logged}"
    assert delivery_status().paused_because
    assert not any(secret in written for secret in (SECRET, *issuer.issued))
