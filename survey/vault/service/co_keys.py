"""The registered keys of employee representatives: one or two at a time, each good for one wave."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from survey.access.service.audit import record
from survey.database import db, transaction
from survey.kernel.clock import now
from survey.kernel.errors import NotFound, Refused
from survey.kernel.ids import random_id
from survey.vault.rules import sealing
from survey.vault.rules.ceremony_files import fingerprint, public_key_from_text
from survey.vault.tables import CoKeyRow
from survey.waves import service as waves
from survey.waves.rules.waves import CoKey

MOST = 2
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class RegisteredCoKey:
    """One registered key, the wave that it seals already (its slug), and when it was ended."""

    id: str
    key: CoKey
    registered_at: datetime
    ended_at: datetime | None
    seals: str | None

    @property
    def fingerprint(self) -> str:
        """The key as people compare it."""
        return fingerprint(self.key.public)


def register_co_key(name: str, public_text: str, *, actor: str) -> RegisteredCoKey:
    """Registers a representative's key for the next wave; a fresh key of the same person takes the place of the old one."""
    name, public = " ".join(name.split()), public_key_from_text(public_text)
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise Refused(
            "representative-unnamed",
            f"Say who holds the key, in at most {LONGEST_NAME} characters: employees read this"
            " name.",
        )
    _check_seals(public)
    with transaction() as session:
        known = session.scalars(
            select(CoKeyRow).order_by(CoKeyRow.registered_at).with_for_update()
        ).all()
        if any(row.public_key == public for row in known):
            raise Refused(
                "co-key-known",
                "This key was registered before. A key is good for one wave: ask for a fresh one.",
            )
        others = [row for row in known if row.ended_at is None and row.name != name]
        if len(others) >= MOST:
            names = " and ".join(row.name for row in others)
            raise Refused(
                "too-many-co-keys",
                f"{names} hold keys already, and two are the most. End one first.",
            )
        for row in known:
            if row.ended_at is None and row.name == name:
                row.ended_at = now()
        fresh = CoKeyRow(
            id=random_id(), name=name, public_key=public, registered_at=now(), ended_at=None
        )
        session.add(fresh)
        record("co-key registered", {"name": name, "fingerprint": fingerprint(public)}, actor)
        session.flush()
        return _registered(fresh, {})


def end_co_key(name: str, *, actor: str) -> RegisteredCoKey:
    """Ends a registered key, named by its holder: no later wave is sealed to it. Waves that are sealed to it stay so."""
    with transaction():
        row = db.session.scalar(
            select(CoKeyRow)
            .where(CoKeyRow.name == name, CoKeyRow.ended_at.is_(None))
            .with_for_update()
        )
        if row is None:
            raise NotFound("co-key", f"{name[:LONGEST_NAME]!r} holds no registered key.")
        row.ended_at = now()
        record(
            "co-key ended", {"name": row.name, "fingerprint": fingerprint(row.public_key)}, actor
        )
        return _registered(row, waves.waves_by_co_key())


def list_co_keys() -> tuple[RegisteredCoKey, ...]:
    """Every key that was ever registered, oldest first; those without an end seal the next wave."""
    sealed = waves.waves_by_co_key()
    return tuple(
        _registered(row, sealed)
        for row in db.session.scalars(select(CoKeyRow).order_by(CoKeyRow.registered_at))
    )


def co_keys_for_launch() -> tuple[CoKey, ...]:
    """The keys that a wave opening now is sealed to; refuses one that seals another wave, because it is destroyed with that one.

    A key never drops out silently: it is replaced by a fresh one, or somebody ends it and the wave opens without.
    """
    active = [one for one in list_co_keys() if one.ended_at is None]
    for one in active:
        if one.seals:
            raise Refused(
                "co-key-used",
                f"The key of {one.key.name} seals {one.seals} already; a key is good for one. "
                "Register a fresh one, or end it: then the wave opens without.",
                holder=one.key.name,
            )
    return tuple(one.key for one in active)


def announced_co_keys() -> tuple[CoKey, ...]:
    """The keys that wait for the next wave; refuses nothing."""
    return tuple(one.key for one in list_co_keys() if one.ended_at is None and one.seals is None)


def hold_co_keys_for_launch() -> tuple[CoKey, ...]:
    """The same inside the opening transaction: no other wave takes these keys meanwhile."""
    db.session.scalars(
        select(CoKeyRow).where(CoKeyRow.ended_at.is_(None)).order_by(CoKeyRow.id).with_for_update()
    ).all()
    return co_keys_for_launch()


def _check_seals(public: bytes) -> None:
    try:
        sealing.seal_outer_layer(public, "probe", b"probe")
    except ValueError as error:
        raise Refused(
            "co-key-unusable",
            "Nothing can be sealed to this key. Ask for a fresh one.",
        ) from error


def _registered(row: CoKeyRow, sealed: dict[bytes, str]) -> RegisteredCoKey:
    return RegisteredCoKey(
        row.id,
        CoKey(row.name, row.public_key),
        row.registered_at,
        row.ended_at,
        sealed.get(row.public_key),
    )
