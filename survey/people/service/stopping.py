"""Stops survey mails and lets them go again: by the person alone, and known to nobody else.

Nothing here is recorded in the audit log, has a time, or can be listed.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from sqlalchemy import bindparam, delete, insert, select, update

from survey.database import connection, db, transaction
from survey.people.rules.staff_list import PersonId, secret_digest, secret_in
from survey.people.service.watching import directory_watch
from survey.people.tables import PersonRow, StopCodeRow, StopRow

_AT_ONCE = 500


def draw_stop_secret() -> str:
    """Draws a new secret: 256 random bits, as 43 characters. Stores nothing.

    The bits come from the system's random source; the characters are letters, digits, - and _.
    """
    return secrets.token_urlsafe(32)


def store_stop_secrets(secrets_of: Iterable[tuple[PersonId, str]]) -> None:
    """Stores the hashes of stop secrets, given as (person, secret), before their letter leaves."""
    rows = [
        {"hash": secret_digest(secret), "person_id": person_id} for person_id, secret in secrets_of
    ]
    with transaction():
        if rows:
            connection().execute(insert(StopCodeRow), rows)


def stop_mails(pasted: str) -> None:
    """Stops all survey mails to the person whose secret is in the pasted text; else does nothing.

    An unknown secret changes nothing and looks the same from outside. Not audited.
    """
    owner = _owner(pasted)
    if owner is None or has_stopped(owner):
        return
    with transaction() as session:
        # Of two posts at once, one waits here.
        query = select(PersonRow.id).where(PersonRow.id == owner).with_for_update()
        is_in_directory = session.scalar(query) is not None
        if is_in_directory and not has_stopped(owner):
            session.add(StopRow(person_id=owner))


def take_up_mails(pasted: str) -> None:
    """Lets survey mails go again to the person whose secret is in the text; else does nothing.

    An unknown secret changes nothing and looks the same from outside. Not audited.
    """
    owner = _owner(pasted)
    if owner is not None:
        with transaction() as session:
            session.execute(delete(StopRow).where(StopRow.person_id == owner))


def has_stopped(person_id: PersonId) -> bool:
    """Whether this person wants no survey mails: for the sender, and for the person's own data."""
    return db.session.get(StopRow, person_id, populate_existing=True) is not None


def wants_survey_mails(person_id: PersonId) -> bool:
    """Whether somebody is in the directory and has not stopped survey mails. For the sender."""
    return connection().execute(_WANTS_MAILS, {"person": person_id}).first() is not None


def give_everybody_stop_secrets(person_ids: Sequence[PersonId]) -> None:
    """Fills up stop secrets until everybody has as many, to hide who got more letters.

    So their number and order no longer tell who was reminded. Inside the counting transaction.
    Every person gets as many rows as the one with the most, filled up with random bytes that no
    secret leads to; all rows are written anew in the order of their hashes.
    """
    with transaction() as session:
        hashes: dict[PersonId, list[bytes]] = {person_id: [] for person_id in person_ids}
        for start in range(0, len(person_ids), _AT_ONCE):
            is_ours = StopCodeRow.person_id.in_(person_ids[start : start + _AT_ONCE])
            query = select(StopCodeRow.hash, StopCodeRow.person_id).where(is_ours)
            for digest, person_id in session.execute(query):
                hashes[person_id].append(digest)
            session.execute(
                delete(StopCodeRow).where(is_ours).execution_options(synchronize_session=False)
            )
        most = max(map(len, hashes.values()), default=0)
        rows = []
        for person_id, own in hashes.items():
            filling = [secrets.token_bytes(32) for _ in range(most - len(own))]
            rows += [{"hash": digest, "person_id": person_id} for digest in [*own, *filling]]
        if rows:
            rows.sort(key=itemgetter("hash"))
            session.execute(insert(StopCodeRow), rows)


def forget_stops_of_the_gone() -> None:
    """Deletes mail wishes and stop secrets of people who are not in the directory any more.

    Inside the transaction that takes them out of it. Those of people who may come back to an open
    wave stay until it is counted.
    """
    awaited = directory_watch().awaited()
    with transaction() as session:
        for table in (StopRow, StopCodeRow):
            is_gone = table.person_id.not_in(select(PersonRow.id))
            gone = set(session.scalars(select(table.person_id).where(is_gone).distinct()))
            forgotten = sorted(gone - awaited)
            for start in range(0, len(forgotten), _AT_ONCE):
                is_forgotten = table.person_id.in_(forgotten[start : start + _AT_ONCE])
                session.execute(
                    delete(table).where(is_forgotten).execution_options(synchronize_session=False)
                )


def hand_over_stops(ids: Mapping[PersonId, PersonId]) -> None:
    """Gives the mail wishes and stop secrets of people who left to them, as who came back.

    `ids`: what they were known by before, and are now. Inside the transaction that recognises them.
    """
    stopped = _ids_in(StopRow, list(ids.values()))
    wishes = {before: now for before, now in ids.items() if now not in stopped}
    with transaction():
        for table, moved in ((StopRow, wishes), (StopCodeRow, ids)):
            pairs = [{"before": before, "now": now} for before, now in moved.items()]
            if pairs:
                own = table.__table__
                query = update(own).where(own.c.person_id == bindparam("before"))  # type: ignore[arg-type]
                connection().execute(query.values(person_id=bindparam("now")), pairs)


def _ids_in(table: type[StopRow], person_ids: Sequence[PersonId]) -> set[PersonId]:
    """Those of these people who have a row in the table."""
    found: set[PersonId] = set()
    for start in range(0, len(person_ids), _AT_ONCE):
        some = person_ids[start : start + _AT_ONCE]
        found |= set(db.session.scalars(select(table.person_id).where(table.person_id.in_(some))))
    return found


_STOPPED = select(StopRow.person_id).where(StopRow.person_id == bindparam("person"))
_WANTS_MAILS = select(PersonRow.id).where(PersonRow.id == bindparam("person"), ~_STOPPED.exists())


def _owner(pasted: str) -> PersonId | None:
    """Whom the secret in a pasted text belongs to; None for an unknown secret, or no secret."""
    secret = secret_in(pasted)
    if secret is None:
        return None
    query = select(StopCodeRow.person_id).where(StopCodeRow.hash == secret_digest(secret))
    return db.session.scalar(query)
