"""Northwind with a wave that was counted and shared, and the clock of what follows."""

from datetime import UTC, date, datetime, time

from flask import Flask

from survey.accountability.rules.replies import Commitment, Side
from survey.findings.service.sharing import share_findings, sharing_recipients
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.findings.company import small_company
from tests.kept import kept

ACTOR = "test"
SHARED_AT = datetime(2027, 1, 28, 12, tzinfo=UTC)
REPLY_DUE, FROM_DAY, DUE = date(2027, 2, 11), date(2027, 2, 12), date(2027, 2, 18)
REPLY = "Thank you.\n\nYou are right: <tickets> & calls were closed too early.\nOtto"
COMMITMENTS = (
    Commitment(
        Side.CLIENT,
        "New starters announced five working days ahead",
        "head of personnel",
        date(2027, 3, 5),
    ),
    Commitment(
        Side.PROVIDER,
        "A ticket is closed when whoever opened it agrees",
        "Petra Holm",
        date(2027, 3, 31),
    ),
)


def at_noon(day: date) -> datetime:
    """Noon of a day in London's winter."""
    return datetime.combine(day, time(12), UTC)


def shared_company(app: Flask) -> Wave:
    """51 invited, 38 answered, the findings shared with Otto on 28 January 2027.

    The mail about that is not at issue.
    """
    return kept(app, "shared", lambda: _shared_company(app))


def _shared_company(app: Flask) -> Wave:
    wave = small_company(app).wave
    share_findings(
        wave.slug, [contact.id for contact in sharing_recipients(wave)[1]], SHARED_AT, actor=ACTOR
    )
    return waves.find_wave(wave.slug)
