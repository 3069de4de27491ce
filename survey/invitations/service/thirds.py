"""Which third of a survey's people somebody belongs to."""

import secrets
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select

from survey.database import db
from survey.invitations.rules.thirds import assign_thirds
from survey.invitations.tables import AssignedThirdRow
from survey.people.rules.staff_list import Person
from survey.people.service.directory import list_people
from survey.waves.rules.waves import Wave

_SOURCE = secrets.SystemRandom()


def assigned_thirds(person_id: str) -> dict[str, int]:
    """The third into which a person was dealt, by survey: for the person's own data, and for nobody who reads answers."""
    rows = db.session.scalars(
        select(AssignedThirdRow).where(AssignedThirdRow.person_id == person_id)
    )
    return {row.survey_id: row.third for row in rows}


def people_of_third(
    item: Wave, people: Sequence[Person]
) -> tuple[tuple[Person, ...], dict[str, int]]:
    """Who of these belongs to a wave's third, and who would be dealt into a third for that, being new."""
    stored = db.session.execute(
        select(AssignedThirdRow.person_id, AssignedThirdRow.third).where(
            AssignedThirdRow.survey_id == item.survey_id
        )
    )
    here = {person.id for person in people}
    known = {person_id: third for person_id, third in stored if person_id in here}
    dealt = assign_thirds([(one.id, one.department) for one in people], known, _SOURCE)
    return tuple(one for one in people if (known | dealt)[one.id] == item.third), dealt


def store_assigned_thirds(item: Wave, dealt: Mapping[str, int]) -> None:
    """Inside the opening transaction: whom the opening dealt into a third; who has left the company is forgotten."""
    if not item.is_third:
        return
    here = {one.id for one in list_people()}
    stored = db.session.scalars(
        select(AssignedThirdRow.person_id).where(AssignedThirdRow.survey_id == item.survey_id)
    ).all()
    for person_id in set(stored) - here:
        db.session.execute(
            delete(AssignedThirdRow).where(
                AssignedThirdRow.survey_id == item.survey_id,
                AssignedThirdRow.person_id == person_id,
            )
        )
    if dealt:
        rows = [
            {"survey_id": item.survey_id, "person_id": person_id, "third": third}
            for person_id, third in sorted(dealt.items())
        ]
        db.session.execute(insert(AssignedThirdRow), rows)
