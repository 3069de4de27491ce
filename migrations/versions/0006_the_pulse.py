"""When the timetable was last gone through"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "pulse",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("last_pass", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_pulse_only_one")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_pulse")),
    )


def downgrade():
    op.drop_table("pulse")
