"""The next letters at once: the outbox in the order in which letters leave.

So a claim does not sort all that waits.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

HAS_A_LAST_DAY = sa.text("give_up_at IS NOT NULL")


def upgrade():
    op.drop_index("ix_outbox_state_next_at", table_name="outbox")
    op.create_index(
        "ix_outbox_state_priority_next_at_id", "outbox", ["state", "priority", "next_at", "id"]
    )
    partly = {"sqlite_where": HAS_A_LAST_DAY, "postgresql_where": HAS_A_LAST_DAY}
    op.create_index("ix_outbox_give_up_at", "outbox", ["give_up_at"], **partly)


def downgrade():
    op.drop_index("ix_outbox_give_up_at", table_name="outbox")
    op.drop_index("ix_outbox_state_priority_next_at_id", table_name="outbox")
    op.create_index("ix_outbox_state_next_at", "outbox", ["state", "next_at"])
