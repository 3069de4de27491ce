"""Counts of changes to the staff list, and what a wave froze of them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "staff_change",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('corrected', 'added', 'removed')", name=op.f("ck_staff_change_kind")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_staff_change_number")),
        sa.PrimaryKeyConstraint("day", "kind", name=op.f("pk_staff_change")),
    )
    # Empty for waves that were opened before: nobody counted then.
    op.add_column("wave", sa.Column("roster", sa.JSON(), nullable=True))


def downgrade():
    op.drop_column("wave", "roster")
    op.drop_table("staff_change")
