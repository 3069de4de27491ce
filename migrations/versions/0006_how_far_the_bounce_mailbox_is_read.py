"""How far the bounce mailbox has been read"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "bounce_box",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("next_uid", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint("number = 1", name=op.f("ck_bounce_box_only_one")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_bounce_box")),
    )


def downgrade():
    op.drop_table("bounce_box")
