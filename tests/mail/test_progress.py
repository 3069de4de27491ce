"""How far the letters are: one statement, however many kinds; and who pauses is audited."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event, insert, update

from survey.access.service import audit
from survey.database import db, transaction
from survey.mail.outbox.service import progress
from survey.mail.outbox.service.letter_types import LetterType, register_letter_type
from survey.mail.outbox.tables import LetterTotalRow, OutboxRow
from survey.mail.rules.states import LetterState
from survey.mail.rules.wording import BY_HAND, TAKEN_BACK, StateCounts
from survey.mail.service import (
    OF_ITSELF,
    channel_pause,
    pause_sending,
    pause_wave,
    paused_waves,
    queue_letters,
    resume_sending,
    resume_wave,
)

WAVE, OTHER = "it-support-2027-q1", "it-support-2026-q4"


@contextmanager
def statements() -> Iterator[list[str]]:
    """What the database was asked meanwhile."""
    asked: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement != "BEGIN":
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", heard)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", heard)


def written(app: Flask) -> None:
    """Letters of two waves: with public counts, with totals once counted, with confidential ones.

    And letters of a type that nobody here can write.
    """
    for name, is_public, has_totals in (
        ("loud", True, False),
        ("sum", False, True),
        ("quiet", False, False),
    ):
        register_letter_type(
            app,
            LetterType(
                name,
                50,
                is_sent_again=True,
                write=lambda _: None,
                has_public_counts=is_public,
                keeps_totals=has_totals,
            ),
        )
    for wave in (WAVE, OTHER):
        for kind in ("loud", "quiet"):
            queue_letters(kind, wave, [f"p{number}" for number in range(5)])
    with transaction() as session:
        ours = update(OutboxRow).where(OutboxRow.wave == WAVE, OutboxRow.kind == "loud")
        session.execute(
            ours.where(OutboxRow.recipient == "p0").values(state=LetterState.SENT.value)
        )
        session.execute(
            ours.where(OutboxRow.recipient == "p1").values(
                state=LetterState.CANCELLED.value, last_reason=TAKEN_BACK
            )
        )
        session.execute(
            ours.where(OutboxRow.recipient == "p2").values(state=LetterState.BOUNCED.value)
        )
        session.execute(
            insert(LetterTotalRow),
            [
                {"wave": WAVE, "kind": "sum", "state": LetterState.SENT.value, "number": 7},
                {"wave": WAVE, "kind": "sum", "state": LetterState.FAILED.value, "number": 2},
                {"wave": OTHER, "kind": "sum", "state": LetterState.SENT.value, "number": 100},
            ],
        )


def test_the_letters_of_a_wave_are_summed_in_one_statement(app: Flask) -> None:
    written(app)
    with statements() as asked:
        letters = progress.letter_counts(WAVE)
    assert len(asked) == 1
    assert letters.counts == {
        "loud": StateCounts(waiting=2, sent=1, bounced=1, cancelled=1),
        "sum": StateCounts(sent=7, failed=2),
    }
    assert letters.confidential == {"quiet": "going out"}
    assert (letters.unknown_kinds, letters.later) == ((), 0)


def test_all_letters_are_summed_in_one_statement_and_no_sum_of_a_quiet_kind_is_told(
    app: Flask,
) -> None:
    written(app)
    with statements() as asked:
        letters = progress.letter_counts()
    assert len(asked) == 1
    assert letters.counts == {"loud": StateCounts(waiting=7, sent=1, bounced=1, cancelled=1)}


def test_a_kind_that_nobody_can_write_is_named_while_it_waits(app: Flask) -> None:
    written(app)
    with transaction() as session:
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.recipient == "p4", OutboxRow.wave == WAVE)
            .values(kind="stranger")
        )
    assert progress.letter_counts(WAVE).unknown_kinds == ("stranger",)


def told() -> list[tuple[str, str, object]]:
    return [
        (entry.who, entry.what, entry.facts.get("reason"))
        for entry in reversed(audit.list_entries())
    ]


def test_each_pause_of_all_mail_is_audited_once(app: Flask) -> None:
    pause_sending(actor="mira")
    pause_sending(actor="nils")
    pause_sending("the mail server refused our sign-in", actor=OF_ITSELF)
    pause_sending(actor="mira")
    assert channel_pause() is not None
    assert channel_pause()[0] == "the mail server refused our sign-in"  # type: ignore[index]
    resume_sending(actor="nils")
    resume_sending(actor="nils")
    assert channel_pause() is None
    assert told() == [("mira", "mail paused", BY_HAND), ("nils", "mail resumed", None)]


@pytest.mark.parametrize("reason", [BY_HAND, "five letters in a row could not be written"])
def test_each_pause_of_a_waves_mail_is_audited_once(app: Flask, reason: str) -> None:
    pause_wave(WAVE, reason, actor=OF_ITSELF)
    pause_wave(WAVE, "another reason", actor="mira")
    assert {wave: why for wave, (why, _) in paused_waves().items()} == {WAVE: reason}
    resume_wave(OTHER, actor="mira")
    resume_wave(WAVE, actor="mira")
    resume_wave(WAVE, actor="mira")
    assert told() == [
        ("mail", "mail of a wave paused", reason),
        ("mira", "mail of a wave resumed", None),
    ]
