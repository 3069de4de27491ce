"""How often staff are reminded, what became of reminders, and the organisation's first language"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATES = "'ready', 'leased', 'sending', 'sent', 'failed', 'unknown', 'cancelled', 'bounced'"


def upgrade():
    for table in (
        "survey",
        "wave",
    ):  # in words, for SQLite adds a constraint only together with its column
        name = op.f(f"ck_{table}_reminders")
        check = f"CONSTRAINT {name} CHECK (reminders BETWEEN 0 AND 2)"
        op.execute(f"ALTER TABLE {table} ADD COLUMN reminders INTEGER DEFAULT 1 NOT NULL {check}")
    op.add_column(
        "organisation", sa.Column("language", sa.Text(), nullable=False, server_default="en")
    )
    op.create_table(
        "letter_total",
        sa.Column("wave", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_letter_total_state")),
        sa.CheckConstraint("number > 0", name=op.f("ck_letter_total_number")),
        sa.PrimaryKeyConstraint("wave", "kind", "state", name=op.f("pk_letter_total")),
    )


def downgrade():
    op.drop_table("letter_total")
    op.drop_column("organisation", "language")
    for table in ("wave", "survey"):
        op.drop_column(table, "reminders")
