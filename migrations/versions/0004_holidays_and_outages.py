"""Holidays that the cadence avoids, the timetable's pulse, and the outages that it tells of"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "holiday",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_holiday")),
    )
    op.create_table(
        "pulse",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("highest_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_pulse_only_one")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_pulse")),
    )
    op.create_table(
        "outage",
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("until > since", name=op.f("ck_outage_until_after_since")),
        sa.PrimaryKeyConstraint("since", name=op.f("pk_outage")),
    )


def downgrade():
    for table in ("outage", "pulse", "holiday"):
        op.drop_table(table)
