"""A21: one person, one ballot, however many send at once: over real HTTP, with one code or with
two.
"""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import update

from survey.access.service import limits
from survey.answering import service
from survey.database import db
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitations_of, number_answered, store_code
from survey.invitations.tables import InvitationRow
from survey.responses.service.responses import number_of_ballots
from survey.server import create_server
from tests.answering.today import open_today
from tests.attacks.world import patched
from tests.cast import Company

WHAT = "Sending several answers of one person at the same moment."

POSTS = 50


@contextmanager
def served(app: Flask) -> Iterator[int]:
    """The application behind its real web server, on a port of its own."""
    server = create_server(app, "127.0.0.1", 0, proxies=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        pulled = (
            threading.Event()
        )  # a server that is awake already must not close the trigger while it is being pulled
        server.trigger.pull_trigger(
            lambda: pulled.wait(30) and server.close()
        )  # in the thread that looks after its sockets
        pulled.set()
        thread.join(timeout=30)
        server.task_dispatcher.shutdown()
        assert not thread.is_alive()


def at_once(app: Flask, company: Company, codes: Sequence[str]) -> Counter[int]:
    """The statuses of one post per code, all sent at the same moment."""
    start, came_to = threading.Barrier(len(codes)), Counter[int]()

    def send(code: str, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
        start.wait(timeout=30)
        body = urlencode({"token": code, "OVR1": "4"})
        connection.request(
            "POST",
            f"/s/{company.wave.slug}",
            body,
            {"Content-Type": "application/x-www-form-urlencoded", "Host": "localhost"},
        )
        status = connection.getresponse().status
        connection.close()
        came_to.update([status])

    with served(app) as port:
        threads = [threading.Thread(target=send, args=(code, port)) for code in codes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
    return came_to


def attacked(app: Flask, codes_of_one: int) -> tuple[Counter[int], int, int]:
    """Fifty posts of one person's codes: the statuses, the ballots and the used invitations."""
    company = open_today(app)
    first, _ = invitations_of(company.wave.id)[0]
    codes = [company.codes[0]]
    while len(codes) < codes_of_one:
        codes.append(draw_code())
        store_code(first.id, codes[-1])
    db.session.remove()
    came_to = at_once(app, company, [codes[at % len(codes)] for at in range(POSTS)])
    return came_to, number_of_ballots(company.wave.id), number_answered(company.wave.id)


@pytest.mark.parametrize("codes", [1, 2])
def test_fifty_posts_of_one_person_give_one_ballot_and_forty_nine_refusals(
    app: Flask, codes: int
) -> None:
    assert attacked(app, codes) == ({303: 1, 410: POSTS - 1}, 1, 1)


@contextmanager
def check_before_burn(app: Flask) -> Iterator[None]:
    """The code is checked outside the transaction, which then takes every invitation.

    Two requests have passed the check at once.
    """
    meet, seal = threading.Barrier(2), service.sealing.seal_ballot

    def slowly(*arguments: Any) -> bytes:
        with suppress(threading.BrokenBarrierError):
            meet.wait(timeout=2)
        return seal(*arguments)

    def burn(invitation_id: str) -> bool:
        db.session.execute(
            update(InvitationRow).where(InvitationRow.id == invitation_id).values(answered=1)
        )
        return True

    with (
        patched(service.invitations, "use_up_invitation", burn),
        patched(service.sealing, "seal_ballot", slowly),
    ):
        yield


FAULTS: dict[str, Callable[[Flask], AbstractContextManager[None]]] = {
    "check before burn, outside the transaction": check_before_burn
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_second_ballot_is_caught(app: Flask, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(limits, "CODES_PER_ADDRESS", 10**9)
    company = open_today(app)
    seen = {}
    with FAULTS[fault](app):
        db.session.remove()
        seen = at_once(app, company, [company.codes[0]] * 4)
    assert seen[303] > 1
    assert number_of_ballots(company.wave.id) > number_answered(company.wave.id)
