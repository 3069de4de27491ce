"""A company whose wave is open now, by the real clock.

What workers in processes of their own can send.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from survey.app import create_app
from survey.database import db
from survey.kernel.clock import now
from survey.launching.service.opening import open_wave
from survey.organisation.service import set_organisation
from survey.people.service.directory import import_people
from survey.providers.service import add_provider
from survey.waves import service as waves
from survey.waves.rules.waves import Wave
from tests.cast import staff_csv
from tests.conftest import settings

DEPARTMENTS = 10


@contextmanager
def installed(database_url: str, folder: Path) -> Iterator[Flask]:
    """The application on this database, migrated, with its context pushed."""
    app = create_app(settings(database_url, folder))
    with app.app_context():
        upgrade()
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


def planned(people: int, *, opens_in: timedelta = timedelta(0)) -> Wave:
    """A company of so many people with one wave, planned for now."""
    set_organisation(
        "Northwind Ltd",
        "Dana Reyes",
        "dana@northwind.example",
        "Head of operations",
        "northwind.example",
        several_zones=False,
    )
    sizes = {
        f"Department {number}": people // DEPARTMENTS + (number < people % DEPARTMENTS)
        for number in range(DEPARTMENTS)
    }
    import_people(staff_csv(sizes))
    add_provider("Brightline IT", [("Otto Lindqvist", "otto@brightline.example")])
    opens = (now() + opens_in).replace(tzinfo=None, microsecond=0)
    _, wave = waves.store_survey(
        waves.SurveyPlan(
            "IT support", "Brightline IT", "quarterly_8", "quarterly", opens, 14, "UTC", "all"
        )
    )
    return wave


def opened(app: Flask, people: int) -> Wave:
    """The same with the wave open: one invitation per person waits."""
    wave = planned(people)
    return open_wave(wave.slug, now(), app.config["CANDOUR"].key_dir, actor="trial")
