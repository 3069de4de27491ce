"""The registered keys of employee representatives: one or two at a time, each good for one wave."""

from collections.abc import Mapping
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
from survey.waves.rules.ids import WaveSlug
from survey.waves.rules.waves import CoKey

MOST = 2
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class RegisteredCoKey:
    """A representative's public key as registered, and what became of it.

    `seals` is the slug of the wave that is sealed to it already, `ended_at` when it was ended; each
    is None before that.
    """

    id: str
    key: CoKey
    registered_at: datetime
    ended_at: datetime | None
    seals: WaveSlug | None

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its public half, by which people compare it."""
        return fingerprint(self.key.public)


def register_co_key(name: str, public_text: str, *, actor: str) -> RegisteredCoKey:
    """Stores a representative's public key, to which the next wave is sealed too; audits that.

    `public_text` is the public half as it was handed over. A fresh key of the same name ends the
    old one. Refuses an empty or unprintable name, a mistyped or unusable key, one that was
    registered before, and a third representative.
    """
    name, public = " ".join(name.split()), public_key_from_text(public_text)
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise Refused(
            "representative-unnamed",
            f"Say who holds the key, in at most {LONGEST_NAME} characters: employees read this"
            " name.",
        )
    _check_can_seal(public)
    with transaction() as session:
        query = select(CoKeyRow).order_by(CoKeyRow.registered_at).with_for_update()
        rows = session.scalars(query).all()
        if any(row.public_key == public for row in rows):
            raise Refused(
                "co-key-known",
                "This key was registered before. A key is good for one wave: ask for a fresh one.",
            )
        active = [row for row in rows if row.ended_at is None]
        holders = [row.name for row in active if row.name != name]
        if len(holders) >= MOST:
            names = " and ".join(holders)
            raise Refused(
                "too-many-co-keys",
                f"{names} hold keys already, and two are the most. End one first.",
            )
        for row in active:
            if row.name == name:
                row.ended_at = now()
        fresh = CoKeyRow(
            id=random_id(), name=name, public_key=public, registered_at=now(), ended_at=None
        )
        session.add(fresh)
        record("co-key registered", {"name": name, "fingerprint": fingerprint(public)}, actor)
        session.flush()
        return _registered(fresh, {})


def end_co_key(name: str, *, actor: str) -> RegisteredCoKey:
    """Ends the registered key of this holder: no later wave is sealed to it; audits that.

    Waves that are sealed to it stay so. Refuses a name that holds no key.
    """
    with transaction():
        query = select(CoKeyRow).where(CoKeyRow.name == name, CoKeyRow.ended_at.is_(None))
        row = db.session.scalar(query.with_for_update())
        if row is None:
            raise NotFound("co-key", f"{name[:LONGEST_NAME]!r} holds no registered key.")
        row.ended_at = now()
        facts = {"name": row.name, "fingerprint": fingerprint(row.public_key)}
        record("co-key ended", facts, actor)
        return _registered(row, waves.waves_by_co_key())


def list_co_keys() -> tuple[RegisteredCoKey, ...]:
    """Every key ever registered, ended ones too, by age; those not ended seal the next wave."""
    slugs_by_key = waves.waves_by_co_key()
    rows = db.session.scalars(select(CoKeyRow).order_by(CoKeyRow.registered_at))
    return tuple(_registered(row, slugs_by_key) for row in rows)


def co_keys_for_launch() -> tuple[CoKey, ...]:
    """The keys, not ended, that a wave opening now is sealed to; refuses a used one.

    Used is a key to which another wave is sealed, because it is destroyed with that wave. A key
    never drops out silently: it is replaced by a fresh one, or somebody ends it and the wave opens
    without.
    """
    active = [registered for registered in list_co_keys() if registered.ended_at is None]
    for registered in active:
        if registered.seals:
            holder = registered.key.name
            raise Refused(
                "co-key-used",
                f"The key of {holder} seals {registered.seals} already; a key is good for one. "
                "Register a fresh one, or end it: then the wave opens without.",
                holder=holder,
            )
    return tuple(registered.key for registered in active)


def announced_co_keys() -> tuple[CoKey, ...]:
    """The keys that wait for the next wave: neither ended nor used for a wave.

    Refuses nothing, unlike `co_keys_for_launch`.
    """
    active = [registered for registered in list_co_keys() if registered.ended_at is None]
    return tuple(registered.key for registered in active if registered.seals is None)


def hold_co_keys_for_launch() -> tuple[CoKey, ...]:
    """Locks the keys that are not ended, then gives or refuses as `co_keys_for_launch` does.

    For the opening transaction: no other wave takes these keys until its end.
    """
    active = select(CoKeyRow).where(CoKeyRow.ended_at.is_(None))
    db.session.scalars(active.order_by(CoKeyRow.id).with_for_update()).all()
    return co_keys_for_launch()


def _check_can_seal(public: bytes) -> None:
    """Refuses a public half to which nothing can be sealed, by trying it."""
    try:
        sealing.seal_outer_layer(public, "probe", b"probe")
    except ValueError as error:
        raise Refused(
            "co-key-unusable",
            "Nothing can be sealed to this key. Ask for a fresh one.",
        ) from error


def _registered(row: CoKeyRow, slugs_by_key: Mapping[bytes, WaveSlug]) -> RegisteredCoKey:
    """A stored key as a value; `slugs_by_key` has the wave that each public key seals."""
    return RegisteredCoKey(
        row.id,
        CoKey(row.name, row.public_key),
        row.registered_at,
        row.ended_at,
        slugs_by_key.get(row.public_key),
    )
