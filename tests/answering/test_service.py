"""One person, one ballot; answers first, then the code."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from survey.answering.rules.form import CODE_MISSING, NOTHING, OFF_SCALE
from survey.answering.service import SubmissionOutcome, submit_answers
from survey.database import db
from survey.invitations.rules.codes import draw_code, grouped_code
from survey.invitations.service.invitations import number_answered
from survey.responses.service.responses import number_of_ballots
from survey.vault.rules.sealing import SEALED
from tests.cast import answer, form, open_company
from tests.proofs import on_postgresql


def test_an_answer_is_sealed_and_its_invitation_burned(app: Flask) -> None:
    company = open_company(app)
    assert answer(company, company.codes[0], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT
    assert number_answered(company.wave.id) == number_of_ballots(company.wave.id) == 1


@on_postgresql("databases")
def test_every_ballot_has_the_same_length_whatever_it_holds(app: Flask) -> None:
    company = open_company(app)
    answer(company, company.codes[0], {"OVR1": ""})
    answer(company, company.codes[1], {"OVR1": "5", "OPN1": "ü" * 1000})
    lengths = set(db.session.execute(text("SELECT length(sealed) FROM ballot")).scalars())
    assert lengths == {SEALED}


def spaced(code: str) -> str:
    return f"  {code[:7]} {code[7:]} "


def misread(code: str) -> str:
    return code.replace("0", "o").replace("1", "l")


@on_postgresql("databases")
@pytest.mark.parametrize("typed", [str.lower, grouped_code, spaced, misread])
def test_a_code_is_good_however_it_is_typed(app: Flask, typed: object) -> None:
    company = open_company(app)
    assert callable(typed)
    assert answer(company, typed(company.codes[0]), {"OVR1": "4"}).outcome is SubmissionOutcome.SENT


@on_postgresql("databases")
def test_a_second_answer_with_the_same_code_is_refused(app: Flask) -> None:
    company = open_company(app)
    answer(company, company.codes[0], {"OVR1": "4"})
    assert (
        answer(company, company.codes[0], {"OVR1": "1"}).outcome is SubmissionOutcome.CODE_REFUSED
    )
    assert number_of_ballots(company.wave.id) == 1


def test_fifty_posts_of_one_code_at_once_give_one_ballot(app: Flask) -> None:
    company = open_company(app)
    outcomes: list[SubmissionOutcome] = []
    start = threading.Barrier(50)

    def post() -> None:
        start.wait()
        with app.app_context():
            outcomes.append(answer(company, company.codes[0], {"OVR1": "4"}).outcome)

    threads = [threading.Thread(target=post) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert outcomes.count(SubmissionOutcome.SENT) == 1
    assert outcomes.count(SubmissionOutcome.CODE_REFUSED) == 49
    assert number_of_ballots(company.wave.id) == number_answered(company.wave.id) == 1


@on_postgresql("databases")
def test_unknown_foreign_and_late_codes_get_the_same_refusal(app: Flask) -> None:
    company = open_company(app)
    late = submit_answers(
        company.wave, form(company.codes[0], {"OVR1": "4"}), company.wave.closes_at
    )
    unknown = answer(company, draw_code(), {"OVR1": "4"})
    assert late == unknown
    assert late.outcome is SubmissionOutcome.CODE_REFUSED
    assert number_of_ballots(company.wave.id) == 0


def test_an_empty_form_says_nothing_about_its_code(app: Flask) -> None:
    company = open_company(app)
    with_good, with_unknown = (
        answer(company, company.codes[0], {}),
        answer(company, draw_code(), {}),
    )
    assert with_good == with_unknown
    assert with_good.problems == {"OVR1": NOTHING}


@on_postgresql("databases")
@pytest.mark.parametrize("value", ["0", "6", "-1", "4.0", "four", "\uff19", "44444"])
def test_an_answer_off_the_scale_keeps_the_code_good(app: Flask, value: str) -> None:
    company = open_company(app)
    assert answer(company, company.codes[0], {"OVR1": value}).problems == {"OVR1": OFF_SCALE}
    assert answer(company, company.codes[0], {"OVR1": "4"}).outcome is SubmissionOutcome.SENT


def test_an_unknown_question_is_refused_and_nothing_stored(app: Flask) -> None:
    company = open_company(app)
    submission = answer(company, company.codes[0], {"OVR1": "4", "NOPE": "1"})
    assert list(submission.problems) == ["form"]
    assert number_of_ballots(company.wave.id) == 0


@on_postgresql("databases")
def test_an_oversized_comment_is_never_cut_silently(app: Flask) -> None:
    company = open_company(app)
    submission = answer(company, company.codes[0], {"OPN1": "x" * 1035})
    assert submission.problems == {"OPN1": "Please shorten by about 40 characters."}
    assert number_of_ballots(company.wave.id) == 0


def test_a_missing_code_is_asked_for(app: Flask) -> None:
    company = open_company(app)
    assert answer(company, "not a code", {"OVR1": "4"}).problems == {"token": CODE_MISSING}


@on_postgresql("databases")
def test_control_characters_are_dropped_and_the_rest_is_kept(app: Flask) -> None:
    company = open_company(app)
    assert (
        answer(company, company.codes[0], {"OPN1": "a\x00b\u202dc\ud800"}).outcome
        is SubmissionOutcome.SENT
    )


@on_postgresql("databases")
def test_a_code_of_one_wave_does_not_open_another(app: Flask) -> None:
    company = open_company(app)
    other = type(company)(company.wave, company.codes, company.config)
    object.__setattr__(other, "wave", _renamed(company.wave))
    sent = submit_answers(
        other.wave, form(company.codes[0], {"OVR1": "4"}), company.wave.opens_at + timedelta(days=1)
    )
    assert sent.outcome is SubmissionOutcome.CODE_REFUSED


def _renamed(wave: object) -> object:
    from dataclasses import replace

    return replace(wave, id="0" * 32)  # type: ignore[type-var]
