"""A20: whoever tries codes learns nothing from the answers: not which code is unknown, used or
late, nor which is good.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from survey.access.service import limits
from survey.answering import service, views
from survey.answering.service import Submission, SubmissionOutcome
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitations_of
from survey.people.service.directory import remove_person
from tests.answering.today import open_today
from tests.attacks.world import patched
from tests.cast import Company
from tests.outside import browser
from tests.proofs import sizes

WHAT = "Trying codes, to learn from the replies which of them are unknown, used or late."

POSTS = 200
FEW = 20
ANSWERS = {"OVR1": "4", "OPN1": "Call before you connect."}
EMPTY = {"OPN1": " "}


def answers_to(
    client: FlaskClient, company: Company, codes: Mapping[str, str], answers: Mapping[str, str]
) -> dict[str, set[Any]]:
    """The distinct answers to POSTS posts of each code, in turn, without what was posted.

    `unknown` is drawn anew for each.
    """
    found: dict[str, set[Any]] = {kind: set() for kind in codes}
    for _ in range(POSTS):
        for kind, known in codes.items():
            code = known or draw_code()
            page = client.post(f"/s/{company.wave.slug}", data={"token": code, **answers})
            found[kind].add(
                (
                    page.status_code,
                    page.data.replace(code.encode(), b""),
                    tuple(page.headers.to_wsgi_list()),
                )
            )
    return found


def oracle(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, set[Any]]]:
    """What an attacker sees who posts every kind of code POSTS times.

    With answers, after the close, and with an empty form.
    """
    monkeypatch.setattr(limits, "CODES_PER_ADDRESS", 10**9)
    company = open_today(app)
    client = browser(app)
    kinds = {"unknown": "", "used": company.codes[0], "of somebody who left": company.codes[1]}
    assert (
        client.post(
            f"/s/{company.wave.slug}", data={"token": company.codes[0], **ANSWERS}
        ).status_code
        == 303
    )
    remove_person(invitations_of(company.wave.id)[1][1].email)
    while_open = answers_to(client, company, kinds, ANSWERS)
    empty = answers_to(
        client, company, {"unknown": "", "used": company.codes[0], "good": company.codes[2]}, EMPTY
    )
    with patched(views, "now", lambda: company.wave.closes_at):
        closed = answers_to(
            client,
            company,
            {"expired": company.codes[3], "unknown": "", "used": company.codes[0]},
            ANSWERS,
        )
    return [while_open | {f"{kind}, closed": seen for kind, seen in closed.items()}, empty]


def tells(seen: dict[str, set[Any]]) -> bool:
    """Whether one kind of code is answered otherwise than another."""
    return len(set.union(*seen.values())) > 1


@pytest.mark.parametrize("posts", sizes("attacks", FEW, POSTS))
def test_every_code_that_is_no_good_is_answered_alike_and_an_empty_form_says_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch, posts: int
) -> None:
    monkeypatch.setattr(f"{__name__}.POSTS", posts)
    with_answers, empty = oracle(app, monkeypatch)
    assert [len(with_answers), len(empty)] == [6, 3]
    assert not tells(with_answers)
    assert not tells(empty)
    assert {status for status, *_ in with_answers["used"]} == {410}
    assert {status for status, *_ in empty["good"]} == {400}


@contextmanager
def other_text_for_used(app: Flask) -> Iterator[None]:
    """A used code has a refusal of its own."""
    keep = service._keep

    def told(item: Any, code: str, *rest: Any) -> Submission:
        found = keep(item, code, *rest)
        if found.outcome is SubmissionOutcome.CODE_REFUSED and code in used:
            return Submission(SubmissionOutcome.CODE_REFUSED, {"OVR1": "You have answered."})
        used.add(code)
        return found

    used: set[str] = set()
    with patched(service, "_keep", told):
        yield


@contextmanager
def code_before_answers(app: Flask) -> Iterator[None]:
    """The code is looked at before the answers."""
    submit = service.submit_answers

    def told(item: Any, form: Mapping[str, list[str]], moment: Any) -> Submission:
        good = service.invitations.invitation_for(form["token"][0], item.id)
        return (
            submit(item, form, moment)
            if good
            else Submission(SubmissionOutcome.CODE_REFUSED, {"token": "This code cannot be used"})
        )

    with patched(views, "submit_answers", told):
        yield


FAULTS = {
    "other text for used": other_text_for_used,
    "the code before the answers": code_before_answers,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_oracle_is_caught(app: Flask, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(f"{__name__}.POSTS", 2)
    found: AbstractContextManager[None] = FAULTS[fault](app)
    with found:
        seen = oracle(app, monkeypatch)
    assert any(map(tells, seen))
