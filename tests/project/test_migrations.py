"""One history of the schema for both databases.

Up, down, with data, and its head is what the models say.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, Table, inspect, select, text
from sqlalchemy.exc import IntegrityError

from survey.database import MIGRATIONS, Base, db, revision_of, revisions, transaction
from survey.invitations.tables import AssignedThirdRow
from survey.jobs.tables import HeartbeatRow, LongJobRow
from survey.organisation.service import find_organisation
from survey.waves.rules.waves import VoidReason
from tests.cast import Company, answer_all, close_company, open_company
from tests.proofs import on_postgresql

HISTORY = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


@pytest.fixture
def logged_off(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Alembic configures logging; it must not stay."""
    yield
    caplog.clear()


def differences() -> list[object]:
    with db.engine.connect() as connection:
        found = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata
        )
    return [
        one for one in found if not (one[0] == "remove_index" and "sqlite_autoindex" in str(one[1]))
    ]


def rows() -> dict[str, int]:
    names = set(inspect(db.engine).get_table_names()) - {"alembic_version"}
    with db.engine.connect() as connection:
        return {
            name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar() or 0
            for name in names
        }


def test_the_head_of_the_history_is_what_the_models_say(app: Flask) -> None:
    assert differences() == []


def test_the_history_is_read_without_the_library_as_the_library_reads_it(app: Flask) -> None:
    assert list(revisions()) == HISTORY
    assert revision_of(db.session.connection()) == HISTORY[-1]


@on_postgresql("databases")
def test_a_column_that_no_migration_made_is_found(app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE organisation ADD COLUMN surprise TEXT"))
    assert differences() != []


def test_every_step_goes_down_and_up_again(app: Flask, logged_off: None) -> None:
    for revision in [*HISTORY[-2::-1], "base"]:
        downgrade(revision=revision)
    assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
    upgrade()
    assert differences() == []


@on_postgresql("databases")
def test_data_survive_a_step_down_and_up(app: Flask, logged_off: None) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:20], comment="kept ")
    close_company(company)
    before = rows()
    db.session.remove()
    downgrade(revision=HISTORY[-2])
    upgrade()
    after = rows()
    assert {
        name: after[name]
        for name in (
            "response",
            "comment",
            "findings",
            "wave",
            "person",
            "audit_entry",
            "invitation",
        )
    } == {
        name: before[name]
        for name in (
            "response",
            "comment",
            "findings",
            "wave",
            "person",
            "audit_entry",
            "invitation",
        )
    }
    assert before["response"] == 20


@on_postgresql("databases")
def test_new_columns_of_old_rows_hold_what_the_models_take(app: Flask, logged_off: None) -> None:
    company = open_company(app)
    answer_all(company, company.codes[:12], comment="old ")
    close_company(company)
    db.session.remove()
    downgrade(revision=HISTORY[0])
    upgrade()
    metadata = MetaData()
    for name in ("comment", "wave", "sharing"):
        table = Table(name, metadata, autoload_with=db.engine)
        with db.engine.connect() as connection:
            for row in connection.execute(select(table)).mappings():
                for column in table.columns:
                    assert row[column.name] is not None or column.nullable, (name, column.name)


REASONS_BY_WORDS = {
    "fewer than 5 people answered": VoidReason.TOO_FEW_ANSWERS,
    "not opened in time": VoidReason.NOT_OPENED,
    "skipped: the office moves": VoidReason.SKIPPED,
    "the survey was ended": VoidReason.SURVEY_ENDED,
    "wrong staff list": VoidReason.GIVEN_UP,
    "fewer than we hoped for answered": VoidReason.GIVEN_UP,
    "fewer than 6 people answered": VoidReason.GIVEN_UP,  # the minimum of these waves is 5
}


def add_void_waves(company: Company) -> None:
    """At the revision before the reasons: a void wave for each of the words."""
    metadata = MetaData()
    wave = Table("wave", metadata, autoload_with=db.engine)
    with db.engine.begin() as connection:
        query = select(wave).where(wave.c.id == company.wave.id)
        stored = dict(connection.execute(query).mappings().one())
        for number, words in enumerate(REASONS_BY_WORDS):
            key = f"void-{number}"
            changed = {"id": key, "slug": key, "period": key, "state": "void"}
            connection.execute(wave.insert().values(stored | changed | {"void_reason": words}))


def void_reasons() -> dict[str, str]:
    query = text("SELECT void_words, void_reason FROM wave WHERE state = 'void'")
    with db.engine.connect() as connection:
        return {row.void_words: row.void_reason for row in connection.execute(query)}


@on_postgresql("databases")
def test_the_reason_of_a_void_wave_follows_from_its_words_and_they_survive(
    app: Flask, logged_off: None
) -> None:
    company = open_company(app)
    db.session.remove()
    downgrade(revision="0010")
    add_void_waves(company)
    upgrade()
    assert void_reasons() == REASONS_BY_WORDS
    downgrade(revision="0010")
    with db.engine.connect() as connection:
        query = text("SELECT void_reason FROM wave WHERE state = 'void'")
        assert set(connection.execute(query).scalars()) == set(REASONS_BY_WORDS)
        query = text("SELECT count(*) FROM wave WHERE state <> 'void' AND void_reason IS NOT NULL")
        assert connection.execute(query).scalar() == 0
    upgrade()
    assert void_reasons() == REASONS_BY_WORDS


@on_postgresql("databases")
def test_renamed_tables_keep_their_rows_down_and_up(app: Flask, logged_off: None) -> None:
    company = open_company(app)
    survey_id = company.wave.survey_id
    day = datetime(2027, 1, 11, 9, 30, tzinfo=UTC)
    stored: tuple[Base, ...] = (
        HeartbeatRow(number=1, seen_at=day, highest_at=day),
        LongJobRow(
            kind="count",
            subject="a-wave",
            state="running",
            done=3,
            total=7,
            says="",
            actor="test",
            lease_token="token",
            lease_until=day,
            begun_at=day,
            changed_at=day,
        ),
        AssignedThirdRow(survey_id=survey_id, person_id="a-person", third=2),
    )
    with transaction() as session:
        session.add_all(stored)
    tables = [Base.metadata.tables[name] for name in ("heartbeat", "long_job", "assigned_third")]
    before = [all_rows(table) for table in tables]
    assert [len(kept) for kept in before] == [1, 1, 1]
    db.session.remove()
    downgrade(revision="0010")
    assert {"pulse", "work", "dealt"} <= set(inspect(db.engine).get_table_names())
    upgrade()
    assert [all_rows(table) for table in tables] == before


def forget_organisation_facts(*, name: str) -> None:
    """At the revision before the promises: the organisation's contact and staff, by hand."""
    with db.engine.begin() as connection:
        if not name:
            connection.execute(text("DELETE FROM organisation"))
            return
        connection.execute(text("UPDATE organisation SET name = :name"), {"name": name})
        connection.execute(
            text("UPDATE person SET email = 'ünal@müller.example' WHERE name = 'Colleague 2'")
        )


def promises() -> dict[str, Any]:
    with db.engine.connect() as connection:
        return {
            row.slug: json.loads(row.promise) if isinstance(row.promise, str) else row.promise
            for row in connection.execute(text("SELECT slug, promise FROM wave"))
        }


@on_postgresql("databases")
def test_waves_opened_before_promises_were_kept_get_the_facts_that_are_stored(
    app: Flask, logged_off: None
) -> None:
    company = open_company(app)
    db.session.remove()
    downgrade(revision="0011")
    forget_organisation_facts(name="Nordwind „& Co“")
    upgrade()
    organisation = find_organisation("")
    assert organisation.confirmed
    assert organisation.mail_domains == ("northwind.example", "xn--mller-kva.example")
    assert (organisation.provider_runs_mail, organisation.readers) == (None, ())
    frozen = promises()
    assert frozen.pop(company.wave.slug) == {
        "organisation": {
            "name": "Nordwind „& Co“",
            "contact_name": "Dana Reyes",
            "contact_email": "dana@northwind.example",
            "comments_read_by": "Head of operations",
            "host": "northwind.example",
            "several_zones": False,
            "language": "en",
            "mail_domains": ["northwind.example", "xn--mller-kva.example"],
            "provider_runs_mail": None,
            "readers": [],
        },
        "provider": "Brightline IT",
    }
    assert set(frozen.values()) == {None}  # planned ones promise nothing yet


def test_an_installation_without_facts_gets_none_by_the_migration(
    app: Flask, logged_off: None
) -> None:
    open_company(app)
    db.session.remove()
    downgrade(revision="0011")
    forget_organisation_facts(name="")
    upgrade()
    assert not find_organisation("").confirmed
    assert set(promises().values()) == {None}


def all_rows(table: Table) -> list[tuple[object, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table))]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_tables_of_answers_stay_strict_and_without_serial_numbers(app: Flask) -> None:
    with db.engine.connect() as connection:
        made = dict(
            connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
            ).all()
        )
    for name in ("ballot", "token", "response", "comment", "invitation", "assigned_third"):
        assert "STRICT" in made[name].upper(), name
        assert "WITHOUT ROWID" in made[name].upper(), name


def test_constraints_hold_on_both(app: Flask) -> None:
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO stop_code (hash, person_id) VALUES (:hash, 'x')"), {"hash": b"short"}
        )
