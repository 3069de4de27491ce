"""Ballots in, counts out: nothing lost, nothing that leads back, nothing small shown apart."""

from collections import Counter
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from survey.database import db, transaction
from survey.invitations.service.invitations import invitations_of
from survey.responses.rules import Answers, Tally, pack_ballot
from survey.responses.service import responses
from survey.vault.keys.service import key_files
from survey.vault.rules import sealing
from survey.waves import service as waves
from tests.cast import Company, answer, open_company
from tests.proofs import on_postgresql

SIZES = {"Sales": 20, "Service": 15, "Finance": 9, "Legal": 8}
ANSWERED = {"Sales": 14, "Service": 9, "Finance": 4, "Legal": 3}


def counted(app: Flask) -> tuple[Company, Tally, dict[str, Counter[str]]]:
    """A wave of four groups, answered by some of each and stored as counted.

    And what each group truly said.
    """
    company = open_company(app, SIZES)
    truth: dict[str, Counter[str]] = {name: Counter() for name in SIZES}
    for number, ((invitation, _), code) in enumerate(
        zip(invitations_of(company.wave.id), company.codes, strict=True)
    ):
        if truth[invitation.group].total() < ANSWERED[invitation.group]:
            score = str(1 + number % 5)
            truth[invitation.group][score] += 1
            answer(company, code, {"OVR1": score, "OPN1": f"word{number}"})
    opened = responses.open_ballots(
        company.wave.id, key_files.load_key(company.config.key_dir, company.wave.id)
    )
    return (
        company,
        responses.store_counted(company.wave, waves.questions_of(company.wave), opened),
        truth,
    )


@on_postgresql("databases")
def test_small_groups_are_merged_and_every_answer_is_counted_in_its_group(app: Flask) -> None:
    _, tally, truth = counted(app)
    assert [(g.name, g.invited, g.answered) for g in tally.groups] == [
        ("Finance and Legal", 17, 7),
        ("Sales", 20, 14),
        ("Service", 15, 9),
    ]
    together = truth["Finance"] + truth["Legal"]
    for name, expected in {
        "Finance and Legal": together,
        "Sales": truth["Sales"],
        "Service": truth["Service"],
    }.items():
        assert tally.cells["OVR1"][name].counts == tuple(
            expected[str(code)] for code in range(1, 6)
        )
    assert (tally.invited, tally.answered, tally.comments, tally.unreadable) == (52, 30, 30, 0)


@on_postgresql("databases")
def test_a_comment_carries_its_group_from_ten_answers_on_and_no_score(app: Flask) -> None:
    company, _, _ = counted(app)
    rows = db.session.execute(
        text("SELECT group_name, count(*) FROM comment GROUP BY group_name")
    ).all()
    assert {row[0]: row[1] for row in rows} == {"Sales": 14, None: 16}
    said = [responses.comment_texts(company.wave, "OPN1") for _ in range(5)]
    assert len(set(said)) > 1, "five times the same order of thirty comments"
    assert {frozenset(words) for words in said} == {frozenset(said[0])}
    assert len(said[0]) == 30
    assert responses.comment_texts(replace(company.wave, minimum_detail=31), "OPN1") == ()


@on_postgresql("databases")
def test_counted_rows_share_no_id_or_order_with_the_ballots(app: Flask) -> None:
    company = open_company(app, {"Sales": 30})
    for number, code in enumerate(company.codes):
        answer(company, code, {"OVR1": str(1 + number % 5), "OPN1": f"{number:02}"})
    ballots = set(db.session.execute(text("SELECT id FROM ballot")).scalars())
    opened = responses.open_ballots(
        company.wave.id, key_files.load_key(company.config.key_dir, company.wave.id)
    )
    responses.store_counted(company.wave, waves.questions_of(company.wave), opened)
    ids = [
        *db.session.execute(text("SELECT id FROM response")).scalars(),
        *db.session.execute(text("SELECT id FROM comment")).scalars(),
    ]
    assert len({bytes(one) for one in ids} | {bytes(one) for one in ballots}) == 90
    assert {len(bytes(one)) for one in ids} == {16}
    for order in ("id", "ctid" if db.engine.dialect.name == "postgresql" else "id DESC"):
        comments = [
            int(words)
            for words in db.session.execute(
                text(f"SELECT text FROM comment ORDER BY {order}")
            ).scalars()
        ]
        assert comments not in (sorted(comments), sorted(comments, reverse=True))
    assert responses.number_of_ballots(company.wave.id) == 0


@on_postgresql("databases")
@pytest.mark.parametrize("content", [b"not JSON", b'{"g":"Sales"}', None])
def test_a_ballot_that_says_nothing_is_unreadable_and_stops_nothing(
    app: Flask, content: bytes | None
) -> None:
    company = open_company(app)
    assert company.wave.public_key
    good = sealing.seal_ballot(
        company.wave.public_key, company.wave.id, pack_ballot("Sales", Answers({"OVR1": 5}))
    )
    bad = (
        bytes(sealing.SEALED)
        if content is None
        else sealing.seal_ballot(company.wave.public_key, company.wave.id, content)
    )
    with transaction():
        responses.store_ballot(company.wave.id, bad)
        responses.store_ballot(company.wave.id, good)
    opened = responses.open_ballots(
        company.wave.id, key_files.load_key(company.config.key_dir, company.wave.id)
    )
    assert (opened.ballots, opened.unreadable, opened.answers) == (
        2,
        1,
        (("Sales", Answers({"OVR1": 5})),),
    )


@on_postgresql("databases")
@pytest.mark.parametrize("length", [0, 8192, 8239, 8241])
def test_the_database_itself_refuses_a_ballot_of_another_length(app: Flask, length: int) -> None:
    company = open_company(app)
    with pytest.raises((IntegrityError, DBAPIError)), transaction():
        responses.store_ballot(company.wave.id, bytes(length))
    assert responses.number_of_ballots(company.wave.id) == 0
