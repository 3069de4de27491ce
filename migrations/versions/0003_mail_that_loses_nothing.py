"""The pace of the mail, the mail of one wave paused, letters given up"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("outbox", sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("mail_channel") as table:
        table.drop_column("minute")
        table.drop_column("used")
        table.add_column(sa.Column("next_turn", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("share", sa.Float(), nullable=False, server_default="1"))
        table.add_column(sa.Column("slowed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "mail_budget",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", name=op.f("pk_mail_budget")),
    )
    op.create_table(
        "mail_pause",
        sa.Column("wave", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("wave", name=op.f("pk_mail_pause")),
    )


def downgrade():
    op.drop_table("mail_pause")
    op.drop_table("mail_budget")
    with op.batch_alter_table("mail_channel") as table:
        for column in ("slowed_at", "share", "next_turn"):
            table.drop_column(column)
        table.add_column(sa.Column("used", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("minute", sa.Integer(), nullable=False, server_default="0"))
    op.drop_column("outbox", "give_up_at")
