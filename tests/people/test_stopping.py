"""Whoever stops survey mails: kept apart from everything, however often it is asked."""

import threading

import pytest
from flask import Flask
from sqlalchemy import text

from survey.access.service.audit import list_entries
from survey.database import db
from survey.people.rules.staff_list import secret_in
from survey.people.service.directory import import_people, list_people, remove_person
from survey.people.service.stopping import (
    draw_stop_secret,
    give_everybody_stop_secrets,
    has_stopped,
    stop_mails,
    store_stop_secrets,
    take_up_mails,
)
from tests.answering.today import everything_stored
from tests.cast import staff_csv


def rows(table: str) -> int:
    return int(db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)


@pytest.mark.parametrize(
    ("pasted", "is_secret"),
    [
        ("{}", True),
        ("\t{}\r\n", True),
        ("http://localhost/stop/q1/{}", True),
        ("{}x", False),
        ("x{}", False),
        ("", False),
        ("a b" * 400, False),
    ],
)
def test_a_secret_is_found_in_what_was_pasted(pasted: str, is_secret: bool) -> None:  # noqa: FBT001
    secret = draw_stop_secret()
    assert (secret_in(pasted.format(secret)) == secret) is is_secret
    assert secret_in(f"{secret[:20]}\n{secret[20:]}") == secret


def test_twenty_posts_at_once_stop_once_and_taking_up_ends_it(app: Flask) -> None:
    import_people(staff_csv({"Sales": 3}))
    ada, secret = list_people()[0].id, draw_stop_secret()
    store_stop_secrets([(ada, secret)])
    start, faults = threading.Barrier(20), []

    def post() -> None:
        start.wait(timeout=20)
        with app.app_context():
            try:
                stop_mails(secret)
            except Exception as fault:  # noqa: BLE001 - whatever it is, the test shows it
                faults.append(fault)

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (faults, rows("stop"), has_stopped(ada)) == ([], 1, True)
    take_up_mails(secret)
    assert (rows("stop"), has_stopped(ada)) == (0, False)


def test_an_unknown_secret_changes_nothing_and_nothing_is_logged(app: Flask) -> None:
    import_people(staff_csv({"Sales": 3}))
    ada, secret = list_people()[0].id, draw_stop_secret()
    store_stop_secrets([(ada, secret)])
    logged, before = len(list_entries()), everything_stored()
    for wrong in (draw_stop_secret(), "", "\0", secret[:-1], secret.swapcase()):
        stop_mails(wrong)
        take_up_mails(wrong)
    assert everything_stored() == before
    stop_mails(secret)
    assert len(list_entries()) == logged


@pytest.mark.parametrize("how", ["removed", "missing from the file"])
def test_who_leaves_takes_the_wish_and_the_secrets_along(app: Flask, how: str) -> None:
    import_people(staff_csv({"Sales": 3}))
    secrets = {person.email: draw_stop_secret() for person in list_people()}
    for person in list_people():
        store_stop_secrets([(person.id, secrets[person.email])])
        stop_mails(secrets[person.email])
    if how == "removed":
        remove_person("c3@northwind.example")
    else:
        import_people(staff_csv({"Sales": 2}), remove_missing=True)
    assert (rows("stop"), rows("stop_code")) == (2, 2)
    stop_mails(secrets["c3@northwind.example"])
    assert rows("stop") == 2


def test_levelled_everybody_has_as_many_secrets_and_all_still_work(app: Flask) -> None:
    import_people(staff_csv({"Sales": 3}))
    ids = [person.id for person in list_people()]
    secrets = {
        one: [draw_stop_secret() for _ in range(number)]
        for one, number in zip(ids, (1, 4, 0), strict=True)
    }
    for one, theirs in secrets.items():
        store_stop_secrets((one, secret) for secret in theirs)
    give_everybody_stop_secrets(ids)
    assert sorted(
        db.session.execute(text("SELECT count(*) FROM stop_code GROUP BY person_id")).scalars()
    ) == [4, 4, 4]
    for one, theirs in secrets.items():
        for secret in theirs:
            stop_mails(secret)
            assert has_stopped(one)
            take_up_mails(secret)
    give_everybody_stop_secrets([])
    assert rows("stop_code") == 12
