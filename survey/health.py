"""Is it alive, and is it ready: for load balancers and monitors, by any host name."""

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from survey.access.open_to import open_to
from survey.database import MIGRATIONS, db

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@open_to("everyone")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@blueprint.get("/readyz")
@open_to("everyone")
def readyz() -> tuple[dict[str, str], int]:
    """The database answers and has the tables of this version."""
    try:
        db.session.execute(text("SELECT 1"))
        current = MigrationContext.configure(db.session.connection()).get_current_revision()
    except SQLAlchemyError:
        db.session.rollback()
        return {"status": "not ready", "database": "does not answer"}, 503
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if current != head:
        return {"status": "not ready", "migrations": "run: candour init"}, 503
    return {"status": "ready", "database": "answers", "migrations": "current"}, 200
