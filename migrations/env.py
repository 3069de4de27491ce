"""Runs the migrations of one history on SQLite and PostgreSQL."""

from alembic import context
from flask import current_app

from survey.database import Base, UtcDateTime

db = current_app.extensions["migrate"].db


def render_item(kind, item, autogen_context):
    """Keeps our own types out of the history: a moment is a DateTime there."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run():
    """Every version in one transaction."""
    with db.engine.connect() as connection:
        options = {
            "compare_type": True,
            "render_as_batch": True,
            "render_item": render_item,
            "transaction_per_migration": True,
        }
        context.configure(connection=connection, target_metadata=Base.metadata, **options)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database, not to a file.")
run()
