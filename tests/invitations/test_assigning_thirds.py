"""Assigning people to thirds: even within departments and stable.

Kept where answers are not, and forgotten with the person.
"""

from collections import Counter
from random import Random

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from survey.access.service.audit import list_entries
from survey.database import db
from survey.findings.service.documents import find_findings
from survey.invitations.rules.thirds import assign_thirds
from survey.invitations.service.invitations import invitations_of
from survey.invitations.service.personal_data import erase_personal_data, export_personal_data
from survey.kernel.errors import Refused
from survey.launching.service.preview import preview_wave
from survey.people.service.directory import import_people, list_people, person_at, remove_person
from survey.waves import service as waves
from tests.answering.today import everything_stored
from tests.cast import close_company
from tests.findings.quarter import DEPARTMENTS, answered, next_planned, opened, planned_thirds
from tests.proofs import on_postgresql

ADA = "ada@northwind.example"
DEALT = "SELECT person_id, third FROM assigned_third"


def dealt() -> dict[str, int]:
    return {row.person_id: row.third for row in db.session.execute(text(DEALT))}


def asked(app: Flask, satisfied: int = 9, answers: int = 13) -> set[str]:
    """Whom the next third asks, by address; it is counted as well."""
    company = opened(app, next_planned())
    people = {person.email for _, person in invitations_of(company.wave.id)}
    answered(company, satisfied, answers)
    close_company(company)
    return people


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_neither_thirds_nor_a_departments_parts_differ_by_more_than_one(
    sizes: list[int], source: Random
) -> None:
    people = [
        (f"{at}-{number}", f"D{at}") for at, size in enumerate(sizes) for number in range(size)
    ]
    thirds = assign_thirds(people, {}, source)
    assert thirds.keys() == {person for person, _ in people}
    for parts in (
        Counter(thirds.values()),
        *(Counter(thirds[p] for p, d in people if d == f"D{at}") for at in range(len(sizes))),
    ):
        counts = [parts[third] for third in (1, 2, 3)]
        assert max(counts) - min(counts) <= 1


@given(
    st.dictionaries(st.integers(0, 60).map(str), st.integers(1, 3), max_size=40),
    st.randoms(use_true_random=False),
)
def test_a_joiner_goes_to_the_smallest_third_and_nobody_moves(
    known: dict[str, int], source: Random
) -> None:
    sizes = Counter({1: 0, 2: 0, 3: 0} | Counter(known.values()))
    thirds = assign_thirds(
        [*((person, "Sales") for person in known), ("new", "Legal")], known, source
    )
    assert thirds.keys() == {"new"}
    assert sizes[thirds["new"]] == min(sizes.values())


def test_who_is_dealt_where_is_left_to_chance() -> None:
    people = [(str(number), f"D{number % 4}") for number in range(40)]
    seen = {
        person: {assign_thirds(people, {}, Random(seed))[person] for seed in range(40)}
        for person, _ in people
    }
    assert all(thirds == {1, 2, 3} for thirds in seen.values())


@on_postgresql("databases")
def test_everybody_is_asked_exactly_once_a_quarter_and_in_the_same_third_of_the_next(
    app: Flask,
) -> None:
    planned_thirds()
    first = [asked(app) for _ in range(3)]
    everybody = {person.email for person in list_people()}
    assert sum(map(len, first)) == len(everybody) == len(set.union(*first)) == 61
    assert [asked(app) for _ in range(3)] == first
    department_of = {person.email: person.department for person in list_people()}
    for department, size in DEPARTMENTS.items():
        parts = [sum(department_of[email] == department for email in third) for third in first]
        assert sum(parts) == size
        assert max(parts) - min(parts) <= 1


@on_postgresql("databases")
def test_joiners_are_asked_once_and_leavers_are_forgotten(app: Flask) -> None:
    planned_thirds()
    first = asked(app)
    gone = min(person.email for person in list_people() if person.email not in first)
    left = person_at(gone).id
    assert left in dealt()
    remove_person(gone)
    import_people(
        b"email,name,department\nnew@northwind.example,New,Legal\nnewer@northwind.example,Newer,Board"
    )
    second, third = asked(app), asked(app)
    assert left not in dealt()
    assert not first & second
    assert not second & third
    assert gone not in second | third
    everybody = {person.email for person in list_people()}
    again = asked(app)
    assert first <= again
    assert first | second | third | again == everybody
    assert set(dealt()) == {person.id for person in list_people()}
    sizes = Counter(dealt().values())
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_looking_at_what_opening_would_do_deals_nobody(app: Flask) -> None:
    first = planned_thirds()
    plan = preview_wave(first.slug)
    assert plan.invited in {20, 21}
    assert len(plan.newly_assigned) == 61
    assert dealt() == {}
    assert [group.name for group in plan.groups] == ["one third of all those asked"]
    assert plan.groups[0].members == ("Legal", "Sales", "Service", "Warehouse")
    assert "asks one third" in plan.warnings[0]
    assert "meant for 90 people and more; with 61" in plan.warnings[1]


@on_postgresql("databases")
def test_erasing_somebody_leaves_no_trace_of_their_third(app: Flask) -> None:
    planned_thirds()
    opened(app, next_planned())
    ada = person_at(ADA)
    assert export_personal_data(ADA)["thirds"] == {"desk": dealt()[ada.id]}
    erase_personal_data(ADA)
    assert ada.id not in dealt()
    assert [
        table for table, rows in everything_stored().items() if any(ada.id in row for row in rows)
    ] == []


def test_the_dealing_is_told_in_no_log_and_no_wave(app: Flask) -> None:
    planned_thirds()
    opened(app, next_planned())
    told = str([entry.facts for entry in list_entries()]) + str(waves.list_waves())
    assert not [person for person in list_people() if person.id in told or person.email in told]


@on_postgresql("databases")
def test_the_dealing_goes_by_survey(app: Flask) -> None:
    first = planned_thirds()
    plan = waves.SurveyPlan(
        "Other desk",
        "Other Provider",
        "monthly_3",
        "monthly-thirds",
        first.opens,
        14,
        "Europe/London",
        "Sales, Service",
    )
    waves.store_survey(plan)
    opened(app, next_planned())
    opened(app, waves.list_waves("Other desk")[0])
    counts = db.session.execute(
        text("SELECT survey_id, count(*) AS n FROM assigned_third GROUP BY survey_id")
    ).all()
    assert sorted(row.n for row in counts) == [42, 61]


def test_a_third_needs_eight_people(app: Flask) -> None:
    first = planned_thirds(departments={"Sales": 11, "Service": 10})
    with pytest.raises(Refused, match="Only 7 people would be invited; a wave needs at least 8"):
        preview_wave(first.slug)


@on_postgresql("databases")
def test_a_third_does_not_tell_into_which_of_them_somebody_alone_in_a_department_was_dealt(
    app: Flask,
) -> None:
    planned_thirds(departments={"Board": 1, "Sales": 30, "Service": 30})
    told = []
    for _ in range(3):
        company = opened(app, next_planned())
        told.append(company.wave.groups[0].members)
        answered(company, 9, 13)
        told.append(find_findings(close_company(company).slug).document["groups"][0]["departments"])
    assert [list(one) for one in told] == [["Board", "Sales", "Service"]] * 6
