"""The closing mail to staff: replies as recorded, what is being written, what went out"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "reply",
        sa.Column("wave_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("commitments", sa.JSON(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_reply_version")),
        sa.CheckConstraint(
            "(text IS NULL) = (received_on IS NULL)", name=op.f("ck_reply_received")
        ),
        sa.ForeignKeyConstraint(["wave_id"], ["wave.id"], name=op.f("fk_reply_wave_id_wave")),
        sa.PrimaryKeyConstraint("wave_id", "version", name=op.f("pk_reply")),
    )
    op.create_table(
        "follow_up_draft",
        sa.Column("wave_id", sa.Text(), nullable=False),
        sa.Column("opening", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("strengths", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("correction", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["wave_id"], ["wave.id"], name=op.f("fk_follow_up_draft_wave_id_wave")
        ),
        sa.PrimaryKeyConstraint("wave_id", name=op.f("pk_follow_up_draft")),
    )
    op.create_table(
        "follow_up",
        sa.Column("wave_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_follow_up_version")),
        sa.ForeignKeyConstraint(["wave_id"], ["wave.id"], name=op.f("fk_follow_up_wave_id_wave")),
        sa.PrimaryKeyConstraint("wave_id", "version", name=op.f("pk_follow_up")),
        sa.UniqueConstraint("digest", name=op.f("uq_follow_up_digest")),
    )


def downgrade():
    for table in ("follow_up", "follow_up_draft", "reply"):
        op.drop_table(table)
