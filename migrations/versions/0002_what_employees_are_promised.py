"""What employees are promised: stopping mails, reviewed comments, a second key"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def columns():
    """New columns by table, made afresh, for a column belongs to one table."""
    return {
        "comment": [sa.Column("redacted", sa.Text(), nullable=True)],
        "ballot": [sa.Column("spare", sa.LargeBinary(), nullable=True)],
        "sharing": [
            sa.Column("groups", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("comments", sa.JSON(), nullable=False, server_default="[]"),
        ],
        "wave": [
            sa.Column("co_keys", sa.JSON(), nullable=False, server_default="[]"),
            sa.Column("key_missing_since", sa.DateTime(timezone=True), nullable=True),
        ],
    }


def upgrade():
    for table, added in columns().items():
        for column in added:
            op.add_column(table, column)
    op.create_table(
        "co_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(public_key) = 32", name=op.f("ck_co_key_public_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_co_key")),
        sa.UniqueConstraint("public_key", name=op.f("uq_co_key_public_key")),
    )
    op.create_table(
        "stop",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_stop")),
    )
    op.create_table(
        "stop_code",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.CheckConstraint("length(hash) = 32", name=op.f("ck_stop_code_hash")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_stop_code")),
    )
    op.create_index(op.f("ix_stop_code_person_id"), "stop_code", ["person_id"])


def downgrade():
    op.drop_index(op.f("ix_stop_code_person_id"), "stop_code")
    for table in ("stop_code", "stop", "co_key"):
        op.drop_table(table)
    for table, added in columns().items():
        for column in reversed(added):
            op.drop_column(table, column.name)
