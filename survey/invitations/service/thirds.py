"""Reads, draws and stores which third of a survey's people somebody belongs to."""

import secrets
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from survey.database import connection, db
from survey.invitations.rules.thirds import assign_thirds
from survey.invitations.tables import AssignedThirdRow
from survey.people.rules.staff_list import Person, PersonId
from survey.people.service.directory import list_people
from survey.waves.rules.ids import SurveyId
from survey.waves.rules.waves import Wave

_SOURCE = secrets.SystemRandom()


def assigned_thirds(person_id: PersonId) -> dict[SurveyId, int]:
    """The thirds (1 to 3) that a person was assigned to, by survey.

    For the person's own data, and for nobody who reads answers.
    """
    rows = db.session.scalars(
        select(AssignedThirdRow).where(AssignedThirdRow.person_id == person_id)
    )
    return {SurveyId(row.survey_id): row.third for row in rows}


def people_of_third(
    wave: Wave, people: Sequence[Person]
) -> tuple[tuple[Person, ...], dict[PersonId, int]]:
    """Those of `people` who belong to a wave's third, and the thirds drawn for all who had none.

    Stores nothing: the opening stores what was drawn, by person. Drawn anew at every call.
    """
    ids = {person.id for person in people}
    stored = db.session.execute(
        select(AssignedThirdRow.person_id, AssignedThirdRow.third).where(
            AssignedThirdRow.survey_id == wave.survey_id
        )
    )
    assigned_before = {
        PersonId(person_id): third for person_id, third in stored if person_id in ids
    }
    departments = [(person.id, person.department) for person in people]
    assigned = assign_thirds(departments, assigned_before, _SOURCE)
    third_of = assigned_before | assigned
    members = tuple(person for person in people if third_of[person.id] == wave.third)
    return members, assigned


def hand_over_thirds(ids: Mapping[PersonId, PersonId]) -> None:
    """Gives the thirds of people who left to them, as who came back.

    `ids`: what they were known by before, and are now. Inside the transaction that recognises them.
    """
    known = db.session.execute(select(AssignedThirdRow.survey_id, AssignedThirdRow.person_id)).all()
    taken = {(survey_id, person_id) for survey_id, person_id in known}
    moved = [
        {"survey": survey_id, "before": person_id, "now": ids[PersonId(person_id)]}
        for survey_id, person_id in known
        if person_id in ids and (survey_id, ids[PersonId(person_id)]) not in taken
    ]
    if moved:
        table = AssignedThirdRow.__table__
        is_theirs = (table.c.survey_id == bindparam("survey")) & (
            table.c.person_id == bindparam("before")
        )
        query = update(table).where(is_theirs).values(person_id=bindparam("now"))  # type: ignore[arg-type]
        connection().execute(query, moved)


def forget_thirds(person_ids: Sequence[PersonId]) -> None:
    """Deletes the thirds of people who are erased, inside that transaction."""
    db.session.execute(
        delete(AssignedThirdRow)
        .where(AssignedThirdRow.person_id.in_(person_ids))
        .execution_options(synchronize_session=False)
    )


def store_assigned_thirds(wave: Wave, assigned: Mapping[PersonId, int]) -> None:
    """Stores the thirds that were drawn, and deletes those of people who left the directory.

    Does nothing for a wave that asks everybody. Inside the opening transaction.
    """
    if not wave.is_third:
        return
    in_directory = {person.id for person in list_people()}
    stored = db.session.scalars(
        select(AssignedThirdRow.person_id).where(AssignedThirdRow.survey_id == wave.survey_id)
    ).all()
    for person_id in set(stored) - in_directory:
        db.session.execute(
            delete(AssignedThirdRow).where(
                AssignedThirdRow.survey_id == wave.survey_id,
                AssignedThirdRow.person_id == person_id,
            )
        )
    if assigned:
        rows = [
            {"survey_id": wave.survey_id, "person_id": person_id, "third": third}
            for person_id, third in sorted(assigned.items())
        ]
        db.session.execute(insert(AssignedThirdRow), rows)
