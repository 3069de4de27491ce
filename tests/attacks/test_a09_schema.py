"""A9: what the live schema of either database would allow: a way from an answer to a person, a
time, a serial number.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Any

from flask import Flask
from sqlalchemy import inspect, text

from survey.database import db
from survey.responses.service import responses as service
from tests.attacks.attack import (
    Attack,
    Worlds,
    assert_at_chance,
    assert_caught,
    at_chance,
    with_faults,
)
from tests.attacks.metric import Evidence, Matching, by_order
from tests.attacks.world import World, patched

ANSWERS = ("ballot", "response", "comment")
PERSONS = ("person", "invitation", "token", "outbox", "stop", "stop_code")
STRICT = ("ballot", "token", "response", "comment")
CHECKS = {
    "ballot": {"ck_ballot_id", "ck_ballot_sealed"},
    "response": {"ck_response_id"},
    "comment": {"ck_comment_id", "ck_comment_state"},
    "wave_group": {"ck_wave_group_invited"},
    "invitation": {"ck_invitation_answered"},
    "token": {"ck_token_hash"},
}
# SQLite keeps the names that these had before their columns were renamed.
CHECKS_OF_WAVES = {
    "sqlite": {"ck_wave_k_group", "ck_wave_k_comment"},
    "postgresql": {"ck_wave_minimum_group", "ck_wave_minimum_detail"},
}
PRAGMAS = {
    "secure_delete": 1,
    "foreign_keys": 1,
    "journal_mode": "wal",
    "synchronous": 2,
    "temp_store": 2,
}
TELLTALE = re.compile(
    r"(^|_)(at|on|when|time|date|day|created|updated|deleted|modified|stamp|serial|seq|order|number|person|invitation|token|hash|code"
    r"|email|mail|address|user|author|first|last|name|ip|agent|host|session|cookie|device)(_|$)"
)
TELLTALE_OF_PERSONS = re.compile(
    r"(^|_)(at|on|when|time|created|updated|opened|clicked|seen|order|number|ip|agent)(_|$)"
)
GROUP = "group_name"  # the merged group alone: no person's name


def foreign_keys() -> int:
    """Keys that lead from answers anywhere but to their wave, or from anywhere to answers."""
    inspector = inspect(db.engine)
    return sum(
        (table in ANSWERS and key["referred_table"] != "wave") or key["referred_table"] in ANSWERS
        for table in inspector.get_table_names()
        for key in inspector.get_foreign_keys(table)
    )


def telltale_columns() -> int:
    """Columns whose name, type or default tells a time, an order or a person.

    On the persons' side, of answering.
    """
    inspector = inspect(db.engine)
    found = 0
    for table in ANSWERS:
        for column in inspector.get_columns(table):
            kind = str(column["type"]).upper()
            found += (column["name"] != GROUP and bool(TELLTALE.search(column["name"]))) + bool(
                column["default"]
            )
            found += not kind.startswith(("TEXT", "BLOB", "BYTEA"))
    for table in ("invitation", "token"):
        for column in inspector.get_columns(table):
            found += bool(TELLTALE_OF_PERSONS.search(column["name"])) + bool(
                re.search("TIME|DATE", str(column["type"]).upper())
            )
    return found


def keys_that_count() -> int:
    """Answer tables whose key is anything but 16 octets of their own."""
    inspector = inspect(db.engine)
    return sum(
        inspector.get_pk_constraint(table)["constrained_columns"] != ["id"] for table in ANSWERS
    ) + sum(
        "length(id) = 16"
        not in " ".join(check["sqltext"] for check in inspector.get_check_constraints(table))
        for table in ANSWERS
    )


def missing_checks() -> int:
    """Checks of the schema that are not there by their name, and checks without a name."""
    inspector = inspect(db.engine)
    found = {
        table: {check["name"] for check in inspector.get_check_constraints(table)}
        for table in inspector.get_table_names()
    }
    wanted = CHECKS | {"wave": CHECKS_OF_WAVES[db.engine.dialect.name]}
    return sum(len(named - found[table]) for table, named in wanted.items()) + sum(
        None in names for names in found.values()
    )


def kinds_of_tables() -> int:
    """Tables that are not stored as they must be, and settings of the connection that are not as
    they must be.
    """
    if db.engine.dialect.name == "postgresql":
        stored = (
            "SELECT attstorage FROM pg_attribute WHERE attrelid = 'ballot'::regclass AND attname ="
            " 'sealed'"
        )
        return (_value(stored) not in {"e", b"e"}) + _value(
            "SELECT count(*) FROM pg_class WHERE relkind IN ('v', 'm') AND oid >= 16384"
        )
    kinds = {
        row.name: (row.strict, row.wr) for row in db.session.execute(text("PRAGMA table_list"))
    }
    wrong = sum(kinds[table] != (1, 1) for table in STRICT)
    wrong += sum(_value(f"PRAGMA {name}") != wanted for name, wanted in PRAGMAS.items())
    return wrong + _value(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence' OR type IN ('trigger',"
        " 'view')"
    )


def _value(query: str) -> Any:
    return db.session.execute(text(query)).scalar()


LINTS: dict[str, Callable[[], int]] = {
    "foreign keys": foreign_keys,
    "columns that tell": telltale_columns,
    "keys that count": keys_that_count,
    "checks that are missing": missing_checks,
    "tables of another kind": kinds_of_tables,
}


def attempt(world: World) -> Evidence:
    """The lint of the live schema.

    And whose comment stands beside whose scores, by row, key and order.
    """
    with world.live():
        found: dict[str, Matching | int] = {name: lint() for name, lint in LINTS.items()}
    answers = world.answer_rows()
    for name, key in {"row": None, "key": "id"}.items():
        owners = {
            table: [
                owner
                for _, owner in (
                    sorted(rows, key=lambda pair: bytes(pair[0]["id"])) if key else rows
                )
            ]
            for table, rows in answers.items()
        }
        found[f"comment beside scores by {name}"] = by_order(owners["comment"], owners["response"])
    ids = {table: {bytes(row["id"]) for row, _ in rows} for table, rows in answers.items()}
    return found | {"ids of both": len(ids["comment"] & ids["response"])}


def changed_by(*statements: str) -> Callable[[Flask], AbstractContextManager[object]]:
    """A schema that somebody has changed."""

    @contextmanager
    def change(app: Flask) -> Iterator[None]:
        for statement in statements:
            db.session.execute(text(statement))
        db.session.commit()
        yield

    return change


@contextmanager
def one_shuffle_for_both(app: Flask) -> Iterator[None]:
    """Scores and comments are shuffled alike and numbered as they are written."""
    number = iter(range(1, 10_000))
    with (
        patched(service, "_shuffled", lambda items: Random(7).sample(list(items), len(items))),
        patched(service, "random_bytes", lambda: next(number).to_bytes(16, "big")),
    ):
        yield


ATTACK = Attack(
    "A9",
    "Reading the plan of the database for anything that could lead from an answer to a person, or"
    " from a comment to its scores.",
    attempt,
    {
        "a foreign key": changed_by(
            "ALTER TABLE response ADD COLUMN pair TEXT REFERENCES invitation (id)"
        ),
        "a time": changed_by("ALTER TABLE comment ADD COLUMN created_at TEXT"),
        "a number": changed_by("ALTER TABLE response ADD COLUMN place INTEGER DEFAULT 1"),
        "a time of answering": changed_by("ALTER TABLE invitation ADD COLUMN answered_at TEXT"),
        "one shuffle for both": one_shuffle_for_both,
    },
)


@at_chance(ATTACK)
def test_the_schema_leads_from_no_answer_to_a_person_and_from_no_comment_to_its_scores(
    worlds: Worlds, database: str, n: int
) -> None:
    assert_at_chance(ATTACK, worlds, database, n)


@with_faults(ATTACK)
def test_a_schema_or_a_shuffle_that_leads_there_is_caught(
    worlds: Worlds, database: str, fault: str
) -> None:
    assert_caught(ATTACK, worlds, database, fault)
