"""Claiming the next letters, of however many that wait."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import event, text

from survey.database import connection, db, transaction
from survey.mail.outbox.service import leases
from survey.mail.outbox.service.letter_types import LetterType, register_letter_type
from survey.mail.outbox.service.queue import queue_letters
from survey.mail.smtp.rules.presets import SendingPace


def test_the_next_letters_are_found_without_sorting_all_that_wait(app: Flask) -> None:
    register_letter_type(app, LetterType("hello", 50, is_sent_again=True, write=lambda _: None))
    queue_letters("hello", "it-support-2027-q1", [f"p{number}" for number in range(500)])
    asked: list[tuple[str, object]] = []

    def heard(
        _connection: object, _cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        if statement.startswith("SELECT") and "ORDER BY outbox.priority" in statement:
            asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", heard)
    claims = leases.claim_letters(SendingPace(None, None), timedelta(0)).claims
    event.remove(db.engine, "before_cursor_execute", heard)
    assert len(claims) == leases.BATCH
    ((statement, parameters),) = asked
    with transaction():
        if (
            db.engine.dialect.name == "postgresql"
        ):  # of so few rows it would read all, were it not told otherwise
            for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                connection().execute(text(f"SET LOCAL enable_{way} = off"))
            plan = connection().exec_driver_sql(f"EXPLAIN {statement}", parameters)  # type: ignore[arg-type]
        else:
            plan = connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
        lines = "\n".join(str(line) for line in plan)
    assert "ix_outbox_state_priority_next_at_id" in lines
    assert "TEMP B-TREE FOR ORDER BY" not in lines
    assert "Sort" not in lines
