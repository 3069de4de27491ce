"""A18: padding a group around one person is refused: what a launch froze stays as it was, and the
floors hold in the database itself.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from survey.access.service.audit import list_entries
from survey.database import db, transaction
from survey.findings.service.documents import find_findings
from survey.invitations.service.invitations import invitations_of
from survey.kernel.errors import Refused
from survey.launching.service.opening import open_wave
from survey.launching.service.preview import preview_wave
from survey.people.service import directory
from survey.providers.service import add_contacts, remove_contact
from survey.questionnaires.rules import Questionnaire
from survey.questionnaires.service import question_bank, save_questionnaire
from survey.waves import service as waves
from survey.waves.rules.waves import Target
from tests.attacks.world import patched
from tests.cast import Company, answer_all, close_company, found_company, open_company, staff_csv

WHAT = (
    "Changing groups, dates or limits after the survey has "
    "opened, so that somebody is left alone in a group."
)

FROZEN = {
    "wave": "SELECT * FROM wave WHERE id = :wave",
    "groups": (
        "SELECT name, invited, CAST(members AS TEXT) FROM wave_group WHERE wave_id = :wave ORDER BY"
        " name"
    ),
    "invitations": "SELECT id, group_name FROM invitation WHERE wave_id = :wave ORDER BY id",
}
TAKEN, REFUSED = "taken, for the waves to come", "refused"


def moved() -> None:
    """Ada's accomplices all move to another department, and she stays nearly alone."""
    lines = staff_csv().decode().splitlines()
    directory.import_people(
        "\n".join(
            line.replace(",Sales", ",Padding") if "ada@" not in line else line for line in lines
        ).encode()
    )


def joined() -> None:
    directory.import_people(staff_csv() + b"\nnew@northwind.example,New One,Sales")


def left() -> None:
    directory.remove_person("c2@northwind.example")


def other_questions() -> None:
    questions = [question_bank()["OVR1"]]
    save_questionnaire(
        Questionnaire.of(
            slug="quarterly_8", title="Other", language="en", preamble="", questions=questions
        )
    )


def other_provider() -> None:
    add_contacts("Brightline IT", [("Second", "second@brightline.example")])
    remove_contact("Brightline IT", "otto@brightline.example")


def set_in_database(statement: str) -> Callable[[], None]:
    def change() -> None:
        with transaction() as session:
            session.execute(text(statement))

    return change


EDITS: dict[str, tuple[Callable[[], object], str]] = {
    "people change departments": (moved, TAKEN),
    "somebody joins": (joined, TAKEN),
    "somebody leaves": (left, TAKEN),
    "another target": (lambda: waves.set_target("IT support", "OVR1", Target(0.1)), TAKEN),
    "another questionnaire": (other_questions, TAKEN),
    "another contact at the provider": (other_provider, TAKEN),
    "eight more days": (
        lambda: waves.extend_wave("it-support-2027-q1", 8, _open_moment()),
        REFUSED,
    ),
    "fewer days": (lambda: waves.extend_wave("it-support-2027-q1", -1, _open_moment()), REFUSED),
    "an extension after the close": (
        lambda: waves.extend_wave(
            "it-support-2027-q1", 7, waves.find_wave("it-support-2027-q1").closes_at
        ),
        REFUSED,
    ),
    "opened again": (
        lambda: open_wave("it-support-2027-q1", _open_moment(), None, actor="test"),
        REFUSED,
    ),
    "k of the group under its floor": (
        set_in_database("UPDATE wave SET minimum_group = 4"),
        REFUSED,
    ),
    "k of the detail under that of the group": (
        set_in_database("UPDATE wave SET minimum_detail = 4"),
        REFUSED,
    ),
    "a group of seven": (set_in_database("UPDATE wave_group SET invited = 7"), REFUSED),
    "an extension beyond the longest": (
        set_in_database("UPDATE wave SET extended_days = 8"),
        REFUSED,
    ),
}


def _open_moment() -> Any:
    return waves.find_wave("it-support-2027-q1").opens_at + timedelta(days=1)


def frozen(company: Company) -> dict[str, object]:
    """What the launch froze, as it is stored, and the questions that are asked."""
    rows = {
        name: db.session.execute(text(query), {"wave": company.wave.id}).all()
        for name, query in FROZEN.items()
    }
    asked = waves.questions_of(waves.find_wave(company.wave.slug)).digest
    db.session.rollback()
    return {**rows, "questions": asked}


def tried(edit: Callable[[], object]) -> str:
    """What became of an edit."""
    try:
        edit()
    except (Refused, IntegrityError):
        db.session.rollback()
        return REFUSED
    return TAKEN


def test_no_edit_after_launch_changes_what_was_frozen_and_the_count_goes_by_it(app: Flask) -> None:
    company = open_company(app)
    before, promised = frozen(company), {group.name: group.invited for group in company.wave.groups}
    answer_all(company, company.codes[2:])
    for name, (edit, outcome) in EDITS.items():
        logged = len(list_entries())
        assert (name, tried(edit)) == (name, outcome)
        assert frozen(company) == before, name
        assert (len(list_entries()) > logged) is (outcome == TAKEN), name
    close_company(company)
    document = find_findings(company.wave.slug).document
    assert {
        group["name"]: group["invited"] for group in document["groups"] if group["shown"]
    } == promised
    overall = next(
        m
        for m in document["measures"]
        if (m["question"], m["group"], m["statistic"]) == ("OVR1", None, "top2")
    )
    assert (
        overall["target"],
        document["minimum_group"],
        document["minimum_detail"],
        document["invited"],
    ) == (0.7, 5, 10, 58)


@pytest.mark.parametrize(
    "departments",
    [{"Sales": 14, "Legal": 7}, {"Sales": 12, "Board": 1, "Legal": 3}, {"A": 1, "B": 7}],
)
def test_no_group_under_eight_is_ever_frozen(app: Flask, departments: dict[str, int]) -> None:
    planned = found_company(departments)
    assert min(group.invited for group in preview_wave(planned.slug).groups) >= 8
    item = open_wave(planned.slug, planned.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    sizes = [invitation.group for invitation, _ in invitations_of(item.id)]
    assert {group.name: group.invited for group in item.groups} == {
        name: sizes.count(name) for name in sizes
    }
    assert min(sizes.count(name) for name in sizes) >= 8


def test_a_wave_of_seven_is_not_opened(app: Flask) -> None:
    planned = found_company({"Sales": 7})
    with pytest.raises(Refused, match="8"):
        open_wave(planned.slug, planned.opens_at, app.config["CANDOUR"].key_dir, actor="test")
    assert waves.find_wave(planned.slug).state == "planned"


@contextmanager
def groups_follow_the_directory(app: Flask) -> Iterator[None]:
    """An import moves people between the groups of the open wave."""
    real = directory.import_people
    follow = (
        "UPDATE invitation SET group_name = (SELECT department FROM person WHERE person.id ="
        " invitation.person_id)"
    )

    def imported(content: bytes) -> None:
        real(content)
        set_in_database(follow)()

    with patched(directory, "import_people", imported):
        yield


@contextmanager
def targets_follow_the_survey(app: Flask) -> Iterator[None]:
    """A target that is set holds for the open wave too."""
    real = waves.set_target

    def follow(survey: str, question: str, target: Target) -> None:
        real(survey, question, target)
        set_in_database(
            "UPDATE wave SET targets = (SELECT targets FROM survey WHERE survey.id ="
            " wave.survey_id)"
        )()

    with patched(waves, "set_target", follow):
        yield


@contextmanager
def no_floor(app: Flask) -> Iterator[None]:
    """The database takes any k."""
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text("PRAGMA ignore_check_constraints = ON"))
    else:
        db.session.execute(text("ALTER TABLE wave DROP CONSTRAINT ck_wave_minimum_group"))
    db.session.commit()
    yield
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text("PRAGMA ignore_check_constraints = OFF"))


FAULTS: dict[str, tuple[Callable[[Flask], AbstractContextManager[None]], str]] = {
    "groups may be edited": (groups_follow_the_directory, "people change departments"),
    "targets may be edited": (targets_follow_the_survey, "another target"),
    "k has no floor": (no_floor, "k of the group under its floor"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_edit_that_is_allowed_is_caught(app: Flask, fault: str) -> None:
    company = open_company(app)
    before = frozen(company)
    allow, name = FAULTS[fault]
    with allow(app):
        edit, _ = EDITS[name]
        tried(edit)
        assert frozen(company) != before
