"""A wave that is open by the real clock, for whatever asks it: pages and letters."""

from collections.abc import Callable, Mapping
from pathlib import Path

from flask import Flask
from sqlalchemy import inspect, text

from survey.database import db
from survey.invitations.rules.codes import draw_code
from survey.invitations.service.invitations import invitations_of, store_code
from survey.kernel.clock import now
from survey.launching.service.opening import open_wave
from survey.mail import service as mail
from survey.mail.smtp.service.catcher import Catcher, CaughtLetter
from tests.cast import DEPARTMENTS, Company, found_company


def open_today(
    app: Flask,
    departments: Mapping[str, int] = DEPARTMENTS,
    prepare: Callable[[], object] | None = None,
) -> Company:
    """Northwind with its first wave opened by hand just now, after `prepare`.

    A code for everybody, in the order of their addresses.
    """
    config = app.config["CANDOUR"]
    planned = found_company(departments)
    if prepare:
        prepare()
    wave = open_wave(planned.slug, now(), config.key_dir, actor="test")
    codes = {invitation.id: draw_code() for invitation, _ in invitations_of(wave.id)}
    for invitation_id, code in codes.items():
        store_code(invitation_id, code)
    return Company(wave, tuple(codes.values()), config)


def sent_letters(folder: Path) -> list[CaughtLetter]:
    """Hands over what is due, and gives every letter that has gone out into this folder."""
    catcher = Catcher(folder)
    assert mail.deliver_letters(channel=catcher).problem == ""
    return catcher.letters()


def everything_stored() -> dict[str, list[str]]:
    """Every row of every table, bytes as digits too.

    On PostgreSQL with the transaction that wrote it.
    """
    versions = "xmin::text, * " if db.engine.dialect.name == "postgresql" else "* "
    return {
        table: sorted(
            _said(row) for row in db.session.execute(text(f'SELECT {versions} FROM "{table}"'))
        )
        for table in inspect(db.engine).get_table_names()
    }


def _said(row: object) -> str:
    return " ".join(
        repr(value) + (value.hex() if isinstance(value, bytes) else "") for value in row
    )  # type: ignore[attr-defined]
