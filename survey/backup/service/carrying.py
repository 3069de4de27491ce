"""Carries what is newer over from the present database into a copy that is put in its place.

Works on the copy, with the present database attached as `present` (see `survey.database.on_copy`).
Tables are named here and not imported, for this is about rows as they lie in files; the rules say
where each table's rows come from.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError

from survey.backup.rules import Ancestry, Comparison, TakenFrom, tables_from
from survey.database import connection, transaction
from survey.kernel.errors import Refused
from survey.mail import service as mail
from survey.mail.rules.letter import Recipient
from survey.people.service.directory import IMPORT

_INVITED = "SELECT person_id FROM present.invitation WHERE person_id IS NOT NULL"
_IN_BOTH = "SELECT id FROM main.person INTERSECT SELECT id FROM present.person"


def end_what_opens_doors() -> None:
    """Ends every session, one-time link and half-done import that a copy holds."""
    with transaction():
        for table in tables_from(TakenFrom.NOWHERE):
            _run(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        _run("DELETE FROM long_job WHERE kind = :kind", kind=IMPORT)


def carry_over(
    comparison: Comparison, erased: Sequence[str], *, with_waves: bool
) -> dict[str, int]:
    """Carries over what is newer; gives numbers by name, for the audit log and for people.

    Always: the audit log where it goes on, users and their roles, stops, addresses, and erasures
    (`erased` are the ids of those people). `with_waves`: also all that hangs on waves, where the
    present database is the further one. Refuses where the two do not fit together.
    """
    history = comparison.history
    numbers = {"erasures": len(erased)}
    takes_waves = with_waves and comparison.is_present_further
    try:
        with transaction():
            _run("PRAGMA defer_foreign_keys = ON")
            if history is Ancestry.LATER:
                _replace(("audit_entry",))
            if history is not Ancestry.EARLIER:
                _replace(tables_from(TakenFrom.PRESENT))
            if takes_waves:
                _replace(tables_from(TakenFrom.FURTHER))
                _add_what_waves_need()
                numbers["answers"] = comparison.lost_answers
            if history is not Ancestry.EARLIER:
                _carry_addresses(with_invited=takes_waves)
            if comparison.untraced:
                _run("DELETE FROM main.person WHERE id NOT IN (SELECT id FROM present.person)")
            _erase_again(erased)
            numbers["stops"] = _carry_stops(is_later=history is Ancestry.LATER)
    except IntegrityError as error:
        raise Refused(
            "restore-does-not-fit",
            "What is newer in the present database does not fit into the copy, so nothing was"
            " changed.",
            lost=str(comparison.lost_answers),
        ) from error
    return numbers


def _replace(tables: Sequence[str]) -> None:
    """Replaces all rows of these tables by those of the present database, in order of their keys.

    So that the order in which they lie says nothing.
    """
    for table in tables:
        _run(f'DELETE FROM main."{table}"')  # noqa: S608 - names of ours
    for table in tables:
        _insert(table, "1 = 1", how="INSERT")


def _insert(table: str, condition: str, how: str = "INSERT OR IGNORE") -> None:
    """Adds rows of the present database that fulfil a condition and whose keys are free."""
    columns = _run(f'PRAGMA main.table_info("{table}")')
    names = ", ".join(f'"{column.name}"' for column in columns)
    keys = ", ".join(f'"{column.name}"' for column in columns if column.pk)
    _run(
        f'{how} INTO main."{table}" ({names}) SELECT {names} FROM present."{table}"'  # noqa: S608 - names of ours
        f" WHERE {condition} ORDER BY {keys}"
    )


def _add_what_waves_need() -> None:
    """Adds surveys, providers, contacts and questionnaires that carried waves refer to.

    A survey that was paused or ended meanwhile stays so.
    """
    _insert("provider", "id IN (SELECT provider_id FROM present.survey)")
    _insert("contact", "id IN (SELECT contact_id FROM present.sharing)")
    _insert("survey", "id IN (SELECT survey_id FROM present.wave)")
    _insert("questionnaire_version", "id IN (SELECT questionnaire_version FROM present.wave)")
    _run(
        "UPDATE main.survey SET state = now.state FROM present.survey AS now"
        " WHERE now.id = main.survey.id"
    )


def _carry_addresses(*, with_invited: bool) -> None:
    """Gives people the address that they have now, and adds those who were invited meanwhile.

    One mailbox is one person: somebody else in the copy who had such an address gives way.
    """
    ids = f"{_IN_BOTH} UNION {_INVITED}" if with_invited else _IN_BOTH
    _run(f"CREATE TEMP TABLE chosen AS {ids}")
    _run(
        "CREATE TEMP TABLE carried AS SELECT id, email FROM present.person"
        " WHERE id IN (SELECT * FROM chosen)"
    )
    _run(
        "DELETE FROM main.person WHERE id NOT IN (SELECT id FROM carried)"
        " AND email IN (SELECT email FROM carried)"
    )
    # Two steps, for two people may have exchanged their addresses.
    _run("UPDATE main.person SET email = id WHERE id IN (SELECT id FROM carried)")
    _run(
        "UPDATE main.person SET email = now.email FROM carried AS now WHERE now.id = main.person.id"
    )
    _insert("person", "id IN (SELECT id FROM carried)")
    _run("DROP TABLE carried")
    _run("DROP TABLE chosen")


def _erase_again(erased: Sequence[str]) -> None:
    """Takes erased people out of the directory, and whatever the copy has of them."""
    for person in erased:
        rows = _run("SELECT id FROM main.invitation WHERE person_id = :id", id=person)
        invitations = [row.id for row in rows]
        for invitation in invitations:
            _run("DELETE FROM main.token WHERE invitation_id = :id", id=invitation)
        mail.erase_recipients([Recipient(invitation) for invitation in invitations])
        _run(
            "UPDATE main.invitation SET person_id = NULL, sent_to = NULL WHERE person_id = :id",
            id=person,
        )
        for table in ("address_notice", "address_proposal", "assigned_third"):
            _run(f"DELETE FROM main.{table} WHERE person_id = :id", id=person)  # noqa: S608 - names of ours
        _run("DELETE FROM main.person WHERE id = :id", id=person)


def _carry_stops(*, is_later: bool) -> int:
    """Carries over who stopped their mails, and the secrets that do it; gives how many changed.

    Where the present database came later, its wishes count, withdrawn ones too; where nobody knows
    which is newer, whoever stopped in either of the two gets no mail. A person is known by their
    address as well, for an import may have given them a new id.
    """
    before = _stopped()
    if is_later:
        _run("DELETE FROM main.stop WHERE person_id IN (SELECT id FROM present.person)")
        _run("DELETE FROM main.stop_code WHERE person_id IN (SELECT id FROM present.person)")
    for table, columns in (("stop", "ours.id"), ("stop_code", "theirs.hash, ours.id")):
        _run(
            f"INSERT OR IGNORE INTO main.{table} SELECT {columns} FROM present.{table} AS theirs"  # noqa: S608 - names of ours
            " JOIN present.person AS there ON there.id = theirs.person_id"
            " JOIN main.person AS ours ON ours.id = there.id OR ours.email = there.email ORDER BY 1"
        )
        _run(
            f"DELETE FROM main.{table} WHERE person_id NOT IN (SELECT id FROM main.person)"  # noqa: S608 - names of ours
        )
    return len(before ^ _stopped())


def _stopped() -> set[str]:
    """The ids of people in the copy who want no survey mails."""
    return {row.person_id for row in _run("SELECT person_id FROM main.stop")}


def _run(statement: str, **values: str) -> list[Row[Any]]:
    """Executes a statement on the copy; gives its rows, if it has any."""
    result = connection().execute(text(statement), values)
    return list(result) if result.returns_rows else []
