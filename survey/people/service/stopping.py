"""Stopping survey mails and taking them up again: by the person alone, and known to nobody else.

Nothing here is recorded in the audit log, has a time, or can be listed.
"""

import secrets
from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, delete, insert, select

from survey.database import connection, db, transaction
from survey.people.rules.staff_list import secret_digest, secret_in
from survey.people.tables import PersonRow, StopCodeRow, StopRow

_AT_ONCE = 500


def draw_stop_secret() -> str:
    """A fresh secret: 256 bits from the system's random source, as 43 letters, digits, - and _."""
    return secrets.token_urlsafe(32)


def store_stop_secrets(found: Iterable[tuple[str, str]]) -> None:
    """Keeps the hashes of secrets that are about to be handed over, each with its person, in a commit before their letter leaves."""
    rows = [{"hash": secret_digest(secret), "person_id": person_id} for person_id, secret in found]
    with transaction():
        if rows:
            connection().execute(_KEEP, rows)


def stop_mails(pasted: str) -> None:
    """No survey mail goes any more to whom this secret belongs; an unknown one changes nothing and is not told apart."""
    owner = _owner(pasted)
    if owner is None or has_stopped(owner):
        return
    with transaction() as session:
        known = session.scalar(
            select(PersonRow.id).where(PersonRow.id == owner).with_for_update()
        )  # two posts at once: one waits
        if known and not has_stopped(owner):
            session.add(StopRow(person_id=owner))


def take_up_mails(pasted: str) -> None:
    """Survey mails go again to whom this secret belongs; an unknown one changes nothing and is not told apart."""
    owner = _owner(pasted)
    if owner is not None:
        with transaction() as session:
            session.execute(delete(StopRow).where(StopRow.person_id == owner))


def has_stopped(person_id: str) -> bool:
    """Whether this person wants no survey mails: for the sender, and for the person's own data."""
    return db.session.get(StopRow, person_id, populate_existing=True) is not None


def reachable_at(person_id: str) -> str | None:
    """The address of somebody who is still in the directory and wants survey mails; None otherwise. For the sender."""
    return connection().execute(_REACHABLE, {"person": person_id}).scalar()


def give_everybody_stop_secrets(person_ids: Sequence[str]) -> None:
    """Inside the counting transaction: the number and order of secrets no longer tell who was reminded.

    Every person gets as many rows as the one with the most, filled up with random bytes that no secret leads to; all
    rows are written anew in the order of their hashes.
    """
    with transaction() as session:
        found: dict[str, list[bytes]] = {person_id: [] for person_id in person_ids}
        for at in range(0, len(person_ids), _AT_ONCE):
            ours = StopCodeRow.person_id.in_(person_ids[at : at + _AT_ONCE])
            for digest, person_id in session.execute(
                select(StopCodeRow.hash, StopCodeRow.person_id).where(ours)
            ):
                found[person_id].append(digest)
            session.execute(
                delete(StopCodeRow).where(ours).execution_options(synchronize_session=False)
            )
        most = max(map(len, found.values()), default=0)
        rows = [
            (digest, person_id)
            for person_id, kept in found.items()
            for digest in [*kept, *_unknown(most - len(kept))]
        ]
        if rows:
            session.execute(
                insert(StopCodeRow),
                [{"hash": digest, "person_id": person_id} for digest, person_id in sorted(rows)],
            )


def forget_stops_of_the_gone() -> None:
    """Inside the transaction that takes people out of the directory: neither their wish nor their secrets stay."""
    with transaction() as session:
        for table in (StopRow, StopCodeRow):
            gone = table.person_id.not_in(select(PersonRow.id))
            session.execute(delete(table).where(gone).execution_options(synchronize_session=False))


_KEEP = insert(StopCodeRow)
_STOPPED = select(StopRow.person_id).where(StopRow.person_id == bindparam("person"))
_REACHABLE = select(PersonRow.email).where(PersonRow.id == bindparam("person"), ~_STOPPED.exists())


def _owner(pasted: str) -> str | None:
    secret = secret_in(pasted)
    found = StopCodeRow.hash == secret_digest(secret or "")
    return db.session.scalar(select(StopCodeRow.person_id).where(found)) if secret else None


def _unknown(number: int) -> list[bytes]:
    return [secrets.token_bytes(32) for _ in range(number)]
