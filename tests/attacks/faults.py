"""Faults that are built into the product on purpose: each attack must catch its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import delete, event, insert, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from survey.access.service.audit import record
from survey.answering import service as answering
from survey.answering import views as answering_views
from survey.database import db
from survey.kernel.clock import now
from survey.kernel.ids import random_bytes
from survey.responses import rules
from survey.responses.rules import Answers, Tally
from survey.responses.service import responses as service
from survey.responses.service.responses import OpenedBallots
from survey.responses.tables import BallotRow, CommentRow, ResponseRow
from survey.vault.rules import sealing
from survey.waves import service as waves
from tests.attacks.world import patched


class _Unshuffled:
    """A source that leaves things in their order."""

    def shuffle(self, items: list[object]) -> None:
        """Nothing."""

    def sample(self, items: list[object], number: int) -> list[object]:
        """The first ones."""
        return items[:number]


def _counter() -> Callable[[], bytes]:
    numbers = count(1)
    return lambda: next(numbers).to_bytes(16, "big")


def _opened_by(order: ColumnElement[Any] | Any) -> Callable[[str, bytes], OpenedBallots]:
    def open_ballots(wave_id: str, private_key: bytes, _progress: object = None) -> OpenedBallots:
        sealed = db.session.scalars(
            select(BallotRow.sealed).where(BallotRow.wave_id == wave_id).order_by(order)
        ).all()
        return OpenedBallots(
            len(sealed),
            tuple(
                rules.unpack_ballot(sealing.open_ballot(private_key, wave_id, ballot))
                for ballot in sealed
            ),
        )

    return open_ballots


@contextmanager
def counted_in_ballot_order(app: Flask) -> Iterator[None]:
    """Answers are stored in the order of the ballots' ids, under ids that count on."""
    real = service.store_counted

    def store_counted(*given: Any) -> Tally:
        with (
            patched(service, "random_bytes", _counter()),
            patched(service, "_SOURCE", _Unshuffled()),
        ):
            return real(*given)

    with (
        patched(service, "open_ballots", _opened_by(BallotRow.id)),
        patched(service, "store_counted", store_counted),
    ):
        yield


@contextmanager
def counted_in_order_of_sending(app: Flask) -> Iterator[None]:
    """Ballots and answers have ids that count on, and nothing is shuffled."""
    with (
        patched(service, "random_bytes", _counter()),
        patched(service, "open_ballots", _opened_by(BallotRow.id)),
        patched(service, "_SOURCE", _Unshuffled()),
    ):
        yield


@contextmanager
def response_keeps_ballot_id(app: Flask) -> Iterator[None]:
    """Counted responses are shuffled, but each is stored under the id of its ballot."""
    real_open, real_store, ids = service.open_ballots, service.store_counted, dict[str, bytes]()

    def open_ballots(wave_id: str, private_key: bytes, _progress: object = None) -> OpenedBallots:
        for ballot in db.session.scalars(select(BallotRow).where(BallotRow.wave_id == wave_id)):
            _, answers = rules.unpack_ballot(
                sealing.open_ballot(private_key, wave_id, ballot.sealed)
            )
            ids[
                rules.score_string(
                    waves.questions_of(waves.find_wave_by_id(wave_id)).questions, answers
                )
            ] = ballot.id
        return real_open(wave_id, private_key)

    def store_counted(*given: Any) -> Tally:
        found = real_store(*given)
        for scores, ballot in ids.items():
            db.session.execute(
                update(ResponseRow).where(ResponseRow.scores == scores).values(id=ballot)
            )
        return found

    with (
        patched(service, "open_ballots", open_ballots),
        patched(service, "store_counted", store_counted),
    ):
        yield


def _uuid7() -> bytes:
    milliseconds = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    rest = bytearray(random_bytes()[6:])
    rest[0], rest[2] = 0x70 | rest[0] & 0x0F, 0x80 | rest[2] & 0x3F
    return milliseconds + bytes(rest)


@contextmanager
def ids_by_time(app: Flask) -> Iterator[None]:
    """Ballots get uuid7, and responses keep it."""
    with patched(service, "random_bytes", _uuid7), response_keeps_ballot_id(app):
        yield


@contextmanager
def ballots_with_created_at(app: Flask) -> Iterator[None]:
    """The mixin that every other product has."""
    real = service.store_ballot
    _execute("ALTER TABLE ballot ADD COLUMN created_at TEXT")

    def store_ballot(wave_id: str, sealed: bytes) -> None:
        real(wave_id, sealed)
        db.session.execute(
            text("UPDATE ballot SET created_at = :at WHERE created_at IS NULL"),
            {"at": now().isoformat()},
        )

    with patched(service, "store_ballot", store_ballot):
        yield


@contextmanager
def responses_with_created_at(app: Flask) -> Iterator[None]:
    """The same on what is counted.

    The time of sending, kept inside the ballot, written beside the scores.
    """
    _execute("ALTER TABLE response ADD COLUMN created_at TEXT")
    real_keep, real_store, sent = answering._keep, service.store_counted, dict[str, str]()

    def keep(item: Any, code: str, answers: Answers, moment: Any) -> Any:
        sent[_scores(item, answers)] = now().isoformat()
        return real_keep(item, code, answers, moment)

    def store_counted(*given: Any) -> Tally:
        found = real_store(*given)
        for scores, at in sent.items():
            db.session.execute(
                text("UPDATE response SET created_at = :at WHERE scores = :scores"),
                {"at": at, "scores": scores},
            )
        return found

    with patched(answering, "_keep", keep), patched(service, "store_counted", store_counted):
        yield


@contextmanager
def answers_in_the_audit_log(app: Flask) -> Iterator[None]:
    """An entry for each answer, without a name."""
    real = service.store_ballot

    def store_ballot(wave_id: str, sealed: bytes) -> None:
        real(wave_id, sealed)
        record("answer received", {"wave": wave_id, "ballot": {"at": now().isoformat()}}, "web")

    with patched(service, "store_ballot", store_ballot):
        yield


def _plain(*, apart: bool) -> Callable[[Flask], Any]:
    @contextmanager
    def fault(app: Flask) -> Iterator[None]:
        real_keep = answering._keep

        def keep(item: Any, code: str, answers: Answers, moment: Any) -> Any:
            group = item.groups[0].name

            def store() -> None:
                row = {
                    "id": random_bytes(),
                    "wave_id": item.id,
                    "group_name": group,
                    "scores": _scores(item, answers),
                }
                db.session.execute(insert(ResponseRow), [row])
                comment = {
                    "id": random_bytes(),
                    "wave_id": item.id,
                    "question": "OPN1",
                    "text": answers.texts["OPN1"],
                    "state": "unread",
                }
                db.session.execute(insert(CommentRow), [comment])

            real_ballot = service.store_ballot

            def store_ballot(wave_id: str, sealed: bytes) -> None:
                real_ballot(wave_id, sealed)
                store()

            with patched(service, "store_ballot", store_ballot) if not apart else nullcontext():
                done = real_keep(item, code, answers, moment)
            if apart:
                store()
                db.session.commit()
            return done

        def store_counted(item: Any, questionnaire: Any, opened: OpenedBallots) -> Tally:
            db.session.execute(
                delete(BallotRow)
                .where(BallotRow.wave_id == item.id)
                .execution_options(synchronize_session=False)
            )
            return service.tally_responses(
                item, questionnaire, service._merge(item, opened.answers), opened.unreadable
            )

        with patched(answering, "_keep", keep), patched(service, "store_counted", store_counted):
            yield

    return fault


plain_beside_the_burn = _plain(apart=False)
plain_after_the_burn = _plain(apart=True)


@contextmanager
def drafts_deleted_plainly(app: Flask) -> Iterator[None]:
    """Every answer is saved as a draft, which Send deletes without overwriting it."""
    _execute("CREATE TABLE draft (id TEXT PRIMARY KEY, content TEXT)")
    real = answering._keep

    def keep(item: Any, code: str, answers: Answers, moment: Any) -> Any:
        connection = db.session.connection()
        connection.execute(
            text("INSERT INTO draft VALUES (:id, :content)"),
            {"id": code[:4], "content": answers.texts["OPN1"]},
        )
        db.session.commit()
        if db.engine.dialect.name == "sqlite":
            db.session.execute(text("PRAGMA secure_delete = OFF"))
        db.session.execute(text("DELETE FROM draft"))
        db.session.commit()
        if db.engine.dialect.name == "sqlite":
            db.session.execute(text("PRAGMA secure_delete = ON"))
        db.session.rollback()
        return real(item, code, answers, moment)

    with patched(answering, "_keep", keep):
        yield


@contextmanager
def nothing_scrubbed(app: Flask) -> Iterator[None]:
    """After counting, what was deleted is left as it lies."""
    from survey.counting import service as counting

    with patched(counting, "overwrite_deleted_rows", lambda *_: None):
        yield


@contextmanager
def ballots_without_padding(app: Flask) -> Iterator[None]:
    """Each ballot as long as its content, and the CHECK that would refuse it taken away."""

    def seal(public_key: bytes, wave_id: str, content: bytes) -> bytes:
        public = sealing.X25519PublicKey.from_public_bytes(public_key)
        return sealing._SUITE.encrypt(content + b"\x80", public, info=sealing._info(wave_id))

    def unchecked(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA ignore_check_constraints = ON")

    if db.engine.dialect.name == "sqlite":
        db.session.remove()
        db.engine.dispose()
        event.listen(db.engine, "connect", unchecked)
    else:
        _execute("ALTER TABLE ballot DROP CONSTRAINT ck_ballot_sealed")
    with patched(sealing, "seal_ballot", seal):
        yield


def _scores(item: Any, answers: Answers) -> str:
    return rules.score_string(waves.questions_of(item).questions, answers)


def _execute(statement: str) -> None:
    db.session.execute(text(statement))
    db.session.commit()


@contextmanager
def unpadded_form(_app: Flask) -> Iterator[None]:
    """The page's script sends what was written and no more."""
    with patched(answering_views, "FORM_SIZE", 0):
        yield
