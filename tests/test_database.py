"""One way to write: transactions, moments in UTC and scrubbing, on both databases."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Column, MetaData, String, Table, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Mapped, mapped_column, registry

from survey.database import UtcDateTime, connection, db, overwrite_deleted_rows, transaction
from tests.proofs import on_postgresql

entries = Table(
    "entry", MetaData(), Column("name", String(40), primary_key=True), Column("at", UtcDateTime)
)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
NOON = datetime(2027, 1, 11, 12, tzinfo=UTC)


class Entry:
    """A row of its own registry: no model of the house, so no migration misses it."""

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)


registry(metadata=entries.metadata).map_imperatively(Entry, entries)


@pytest.fixture
def shelf(app: Flask) -> Iterator[Flask]:
    """The application with one table more."""
    entries.create(db.engine)
    yield app
    db.session.remove()


def count() -> int:
    """The number of entries that another connection sees."""
    with db.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(entries)) or 0


def test_a_transaction_commits_at_its_end(shelf: Flask) -> None:
    with transaction() as session:
        session.execute(insert(entries).values(name="Ada"))
        assert count() == 0
    assert count() == 1


@pytest.mark.parametrize("trouble", [ValueError, KeyboardInterrupt])
def test_any_exception_rolls_everything_back(shelf: Flask, trouble: type[BaseException]) -> None:
    def add_and_fail() -> None:
        with transaction() as session:
            session.execute(insert(entries).values(name="Ada"))
            raise trouble

    with pytest.raises(trouble):
        add_and_fail()
    assert count() == 0


def test_a_transaction_inside_another_joins_it(shelf: Flask) -> None:
    def add_inside_and_fail_outside() -> None:
        with transaction():
            with transaction() as inner:
                inner.execute(insert(entries).values(name="Ada"))
            assert count() == 0
            raise ValueError("outer")

    with pytest.raises(ValueError, match="outer"):
        add_inside_and_fail_outside()
    assert count() == 0


def test_after_a_failed_transaction_the_next_one_works(shelf: Flask) -> None:
    with transaction() as session:
        session.execute(insert(entries).values(name="Ada"))
    with pytest.raises(IntegrityError), transaction() as session:
        session.execute(insert(entries).values(name="Ada"))
    with transaction() as session:
        session.execute(insert(entries).values(name="Mira"))
    assert count() == 2


def test_a_commit_that_fails_leaves_nothing_behind(shelf: Flask) -> None:
    def add() -> None:
        with transaction() as session:
            row = Entry()
            row.name = "Ada"
            session.add(row)

    def disk_is_full(_: object) -> None:
        raise OSError("no space left on the device")

    event.listen(db.engine, "commit", disk_is_full)
    with pytest.raises(OSError, match="no space"):
        add()
    event.remove(db.engine, "commit", disk_is_full)
    assert (list(db.session), db.session.get(Entry, "Ada"), count()) == ([], None, 0)
    add()
    assert count() == 1


def test_objects_and_statements_see_each_other_inside_a_transaction(shelf: Flask) -> None:
    def add_and_fail() -> None:
        with transaction() as session:
            row = Entry()
            row.name = "Ada"
            session.add(row)
            session.flush()
            assert connection().scalar(select(func.count()).select_from(entries)) == 1
            connection().execute(insert(entries).values(name="Mira"))
            assert session.get(Entry, "Mira") is not None
            raise ValueError("after all")

    with pytest.raises(ValueError, match="after all"):
        add_and_fail()
    assert (list(db.session), count()) == ([], 0)


def test_a_change_of_an_object_is_stored_at_the_end(shelf: Flask) -> None:
    with transaction() as session:
        session.execute(insert(entries).values(name="Ada"))
    with transaction() as session:
        session.get_one(Entry, "Ada").at = NOON
    db.session.remove()
    assert db.session.get_one(Entry, "Ada").at == NOON


def test_rows_changed_outside_a_transaction_are_an_error(shelf: Flask) -> None:
    row = Entry()
    row.name = "Ada"
    db.session.add(row)
    with pytest.raises(RuntimeError, match="outside transaction"), transaction():
        pass
    db.session.rollback()
    assert count() == 0


def test_a_transaction_reads_what_others_committed_before_it(shelf: Flask) -> None:
    assert (
        db.session.scalar(select(func.count()).select_from(entries)) == 0
    )  # a snapshot that is too old later
    with db.engine.begin() as other:
        other.execute(insert(entries).values(name="Ada"))
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(entries)) == 1


@SQLITE
def test_two_threads_that_count_and_write_do_not_overtake_each_other(shelf: Flask) -> None:
    ready = threading.Barrier(2)

    def add_numbered() -> None:
        with shelf.app_context():
            ready.wait(timeout=10)
            for _ in range(20):
                with transaction() as session:
                    number = session.scalar(select(func.count()).select_from(entries))
                    session.execute(insert(entries).values(name=f"number {number}"))

    threads = [threading.Thread(target=add_numbered) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert count() == 40


def test_a_moment_comes_back_as_the_same_instant_in_utc(shelf: Flask) -> None:
    london_summer = timezone(timedelta(hours=1))
    with transaction() as session:
        session.execute(insert(entries).values(name="Ada", at=NOON.astimezone(london_summer)))
        session.execute(insert(entries).values(name="Mira", at=None))
    stored = {row.name: row.at for row in db.session.execute(select(entries))}
    assert stored == {"Ada": NOON, "Mira": None}
    assert stored["Ada"].utcoffset() == timedelta(0)


def test_moments_compare_as_instants_whatever_their_zone(shelf: Flask) -> None:
    with transaction() as session:
        session.execute(insert(entries).values(name="Ada", at=NOON))
    an_hour_later_in_honolulu = (NOON + timedelta(hours=1)).astimezone(
        timezone(-timedelta(hours=10))
    )
    earlier = select(entries.c.name).where(entries.c.at < an_hour_later_in_honolulu)
    assert db.session.scalars(earlier).all() == ["Ada"]


def test_a_moment_without_a_zone_is_refused(shelf: Flask) -> None:
    with pytest.raises(StatementError, match="time zone"), transaction() as session:
        session.execute(insert(entries).values(name="Ada", at=NOON.replace(tzinfo=None)))
    assert count() == 0


@SQLITE
def test_sqlite_is_durable_strict_about_references_and_overwrites_what_it_deletes(
    shelf: Flask,
) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "temp_store": 2,
        "busy_timeout": 10_000,
    }
    assert {name: db.session.scalar(text(f"PRAGMA {name}")) for name in expected} == expected


def add_and_delete_many() -> None:
    """Leaves what a counted wave leaves: pages that held rows."""
    with transaction() as session:
        session.execute(
            insert(entries), [{"name": f"trace-of-{number:04}"} for number in range(500)]
        )
    with transaction() as session:
        session.execute(entries.delete())


@SQLITE
def test_scrubbing_leaves_no_trace_in_any_file_of_sqlite(shelf: Flask, tmp_path: Path) -> None:
    def files_with_traces() -> list[str]:
        return [
            file.name for file in tmp_path.glob("candour.db*") if b"trace-of-" in file.read_bytes()
        ]

    add_and_delete_many()
    assert files_with_traces() == ["candour.db-wal"]
    overwrite_deleted_rows("entry")
    assert files_with_traces() == []


@POSTGRESQL
def test_scrubbing_leaves_no_dead_rows_in_postgresql(shelf: Flask) -> None:
    add_and_delete_many()
    assert db.session.scalar(text("SELECT pg_relation_size('entry')")) > 0
    overwrite_deleted_rows("entry")
    assert db.session.scalar(text("SELECT pg_relation_size('entry')")) == 0


@on_postgresql("databases")
@POSTGRESQL
def test_scrubbing_gives_way_to_whoever_reads_the_table(
    shelf: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("survey.database.REWRITE_SECONDS", 1)
    add_and_delete_many()
    with db.engine.connect() as backup:
        backup.execute(select(entries)).all()
        overwrite_deleted_rows("entry")
        assert db.session.scalar(text("SHOW lock_timeout")) == "0"
    assert count() == 0


def test_after_scrubbing_the_next_transaction_works(shelf: Flask) -> None:
    overwrite_deleted_rows("entry")
    with transaction() as session:
        session.execute(insert(entries).values(name="Ada"))
    assert count() == 1
